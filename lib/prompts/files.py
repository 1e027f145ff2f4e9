"""Files of prompts: YAML of `name: text` lines. A user's file holds only the changes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.settings import SetupError
from lib.text import one_line

_PLACEHOLDER = re.compile(r"\{[a-z_]+\}")


@dataclass(frozen=True)
class PromptForm:
    path: Path  # our file, which has every text
    needed: Mapping[str, tuple[str, ...]]  # name of a text → strings that it must hold
    rules: str  # one more name: `name: rule` lines in place of a text
    rule_names: tuple[str, ...] = ()  # that it may hold; () = any
    optional: tuple[str, ...] = ()  # placeholders that any text may hold


def read_prompts(form: PromptForm, *changes: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The texts and the rules of our file, changed by those of other files, in turn."""
    texts: dict[str, str] = {}
    rules: dict[str, str] = {}
    for path in (form.path, *changes):
        found = _read(path, form)
        rules |= found.pop(form.rules, {})
        texts |= found
    return texts, rules


def fill(text: str, **values: str) -> str:
    """The text with its placeholders filled in, once: a value's own braces stay as they are."""
    return _PLACEHOLDER.sub(lambda name: values[name[0][1:-1]], text)


def _read(path: Path, form: PromptForm) -> dict[str, Any]:
    import yaml

    try:
        texts = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(texts, dict):
            raise ValueError("it holds no `name: text` lines")
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SetupError(
            f"The prompts file {path} cannot be read: {one_line(str(error))[:200]}. "
            f"See lib/prompts/{form.path.name}."
        ) from None
    for name, text in texts.items():
        if problem := _problem(str(name), text, form):
            raise SetupError(f"{path}: {problem}")
    return texts


def _problem(name: str, text: Any, form: PromptForm) -> str:
    """The mistake in one entry of a file, and its remedy; "" = there is none."""
    if name not in (*form.needed, form.rules):
        return f"no prompt is called {name}. There are {', '.join((*form.needed, form.rules))}."
    if name == form.rules:
        if not isinstance(text, dict) or not all(isinstance(rule, str) for rule in text.values()):
            return f"{name} holds {text!r}; expected `name: rule` lines."
        unknown = [str(rule) for rule in text if form.rule_names and rule not in form.rule_names]
        known = ", ".join(form.rule_names)
        return f"{name} holds {', '.join(unknown)}. There are {known}." if unknown else ""
    if not isinstance(text, str):
        return f"{name} holds {text!r}; expected text (quote it)."
    if missing := [needed for needed in form.needed[name] if needed not in text]:
        return f"{name} lacks {' and '.join(missing)}. Put it in."
    known_names = {*_PLACEHOLDER.findall(" ".join(form.needed[name])), *form.optional}
    if others := sorted({*_PLACEHOLDER.findall(text)} - known_names):
        return f"{name} holds {', '.join(others)}, which nothing fills in. Take it out."
    return ""
