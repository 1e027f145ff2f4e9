"""How a user sets the knobs of lib/recipe.py: a YAML file, `-r NAME VALUE`, a notebook's cell."""

import argparse
import ast
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

from lib.cli import Parser, run_command
from lib.recipe import KNOBS, Knob, Recipe, knob_named
from lib.settings import PROJECT_DIR, SetupError, expanded
from lib.text import one_line

DEFAULT_PARAMETERS = PROJECT_DIR / "parameters" / "tiny.yaml"
TYPED_IN = "OPENBOOK_TYPED_IN"  # the folder in which run_all.sh was called; else the current one
_PATHS = (
    "doc_path eval_doc_path eval_file train_file prompts_path judge_prompts_path from_adapter "
    "chat_template_path preferences_path"
).split()
_BOOLS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def add_parameters(parser: argparse.ArgumentParser, default: str = "tiny.yaml") -> None:
    """`-p FILE` and `-r NAME VALUE`, for `overrides`."""
    parser.add_argument(
        "-p", dest="file", type=Path, metavar="FILE", help=f"parameters; default: {default} of "
        "parameters/"
    )  # fmt: skip
    add_overrides(parser)


def add_overrides(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-r", dest="overrides", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="set one parameter; may be repeated, and beats the file",
    )  # fmt: skip


def typed_path(text: str) -> str:
    """A path from a command line: absolute if it is there in the folder where it was typed.

    Otherwise it is left as it is: an address, a glob of nothing, or a path of the project, which is
    also what a path in a parameters file is relative to.
    """
    folder = Path(os.environ.get(TYPED_IN) or Path.cwd())
    parts = expanded(text).parts
    start = folder.joinpath(*takewhile(lambda part: not re.search(r"[*?[]", part), parts))
    is_there = bool(text) and "://" not in text and start.exists()
    return str(folder.joinpath(*parts)) if is_there and folder.resolve() != PROJECT_DIR else text


def read_parameters(path: Path) -> dict[str, Any]:
    """The knobs that a YAML file sets, each checked alone."""
    import yaml

    if not path.exists():
        there = ", ".join(sorted(p.name for p in DEFAULT_PARAMETERS.parent.glob("*.yaml")))
        raise SetupError(f"{path} is not there. parameters/ holds {there}.")
    try:
        text = path.read_text(encoding="utf-8")
        values = yaml.load(text, yaml.BaseLoader) or {}  # texts, as they are written
        node = yaml.compose(text, yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SetupError(f"{path} is not YAML: {one_line(str(error))}.") from None
    if not isinstance(values, dict):
        raise SetupError(f"{path} holds a {type(values).__name__}; expected `key: value` lines.")
    pairs = [(str(key.value), value) for key, value in node.value] if values else []
    keys = Counter(name for name, _ in pairs)
    if twice := [key for key, count in keys.items() if count > 1]:
        raise SetupError(f"{path} sets {', '.join(twice)} more than once. Keep one line of each.")
    values |= {name: None for name, value in pairs if value.tag.endswith(":null")}
    knobs = {name: knob_named(name, path.name) for name in values}
    return {
        name: knob.checked(_read(knob, values[name]), path.name) for name, knob in knobs.items()
    }


def override(name: str, text: str) -> Any:
    """The value of `-r NAME VALUE`."""
    knob = knob_named(name, "-r")
    value = knob.checked(_read(knob, text), "-r")
    if name in _PATHS or (name.endswith("_model") and text.startswith((".", "~"))):
        return [typed_path(v) for v in value] if isinstance(value, list) else typed_path(value)
    return value


def _read(knob: Knob, written: Any) -> Any:
    """A text, or a list of texts, as the knob's type takes it: what it does not fit stays text.

    So 010 is not 8 and 1:30 not 90, as YAML has it, and a run may be named 2026-11-30 or no. "3,5"
    is a list where the type is one; where it may be a text or a list, only "[…]" is a list.
    """
    if isinstance(written, list) and knob.type == "list[int]":
        return [_literal(item) for item in written]
    if not isinstance(written, str):
        return written
    is_list = written.startswith("[")
    if knob.type == "list[str]" and not is_list:
        return [item.strip() for item in written.split(",") if item.strip()]
    if "str" in knob.type.split(" | ") and not (is_list and "list" in knob.type):
        return written
    if knob.type == "bool":
        return _BOOLS.get(written.lower(), written)
    value = _literal(f"[{written}]" if knob.type.startswith("list") and not is_list else written)
    if value == written and "list[str]" in knob.type and re.fullmatch(r"\[[^'\"]*\]", written):
        return [item.strip() for item in written[1:-1].split(",")]  # [dense, keywords], as in YAML
    return written if isinstance(value, tuple) else value  # "0,5", a decimal comma


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def overrides(path: Path | None, pairs: Iterable[Sequence[str]] = ()) -> dict[str, Any]:
    """A file's values, then those of `-r NAME VALUE`; a run is named after its file."""
    path = Path(typed_path(str(path))) if path else DEFAULT_PARAMETERS
    values = read_parameters(path) | {name: override(name, text) for name, text in pairs}
    values.setdefault("run_name", path.stem)
    Recipe(**values)
    return values


def shown_in(notebook: str) -> list[str]:
    """The names in the cell tagged `parameters`, but for `more`."""
    path = PROJECT_DIR / f"{notebook}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (source,) = (c["source"] for c in cells if "parameters" in c["metadata"].get("tags", []))
    lines = ast.parse("".join(source)).body
    names = [ast.unparse(line.target) for line in lines if isinstance(line, ast.AnnAssign)]
    return [name for name in names if name != "more"]


def for_notebook(values: Mapping[str, Any], notebook: str) -> dict[str, Any]:
    """What papermill injects: its values, those that its cell does not show in `more`."""
    own = {name: value for name, value in values.items() if notebook in KNOBS[name].notebooks}
    shown = [name for name in shown_in(notebook) if name in own]
    more = {name: value for name, value in own.items() if name not in shown}
    return {name: own[name] for name in shown} | ({"more": more} if more else {})


def notebook_values(recipe: Recipe, notebook: str) -> dict[str, Any]:
    """The knobs that a notebook reads, as a parameters file of its own."""
    own = [name for name, knob in KNOBS.items() if notebook in knob.notebooks]
    return {name: getattr(recipe, name) for name in own}


def listing(values: Mapping[str, Any] | None = None) -> str:
    """The text of `--list`: each knob with its value, range and meaning, under its notebook.

    Values that differ from the default are marked with `*`.
    """
    lines = ["* = differs from its default"] if values else []
    for notebook, group, knobs in _grouped():
        lines += ["", f"{notebook}.ipynb: {group}"]
        for knob in knobs:
            value = (values or {}).get(knob.name, knob.default)
            differs = value != knob.default
            default = f"default {knob.default!r}" if differs else ""
            notes = "; ".join(filter(None, (default, knob.type, knob.range, knob.source)))
            also = f" [also {', '.join(knob.notebooks[1:])}]" if knob.notebooks[1:] else ""
            lines.append(f"{'*' if differs else ' '} {knob.name} = {value!r}  ({notes})")
            lines.append(f"      {knob.meaning}{also}")
    return "\n".join(lines).lstrip("\n")


def reference() -> str:
    """The text of docs/reference.md: a table of every knob, by notebook and group."""
    lines = [
        "# Every parameter",
        "",
        "Made from lib/recipe.py: `python -m lib.parameters > docs/reference.md`.",
    ]
    for notebook, group, knobs in _grouped():
        if (heading := f"## {notebook}.ipynb") not in lines:
            lines += ["", heading]
        lines += ["", f"### {group}", "", "| parameter | default | range | meaning |"]
        lines += ["| --- | --- | --- | --- |"]
        for knob in knobs:
            source = f" ({knob.source})" if knob.source else ""
            also = f" Also read by {', '.join(knob.notebooks[1:])}." if knob.notebooks[1:] else ""
            allowed = knob.range or knob.type.replace("|", "\\|")
            cells = f"`{knob.name}`", f"`{knob.default!r}`", allowed
            lines.append(f"| {' | '.join(cells)} | {knob.meaning}{source}.{also} |")
    return "\n".join(lines) + "\n"


def _grouped() -> Iterator[tuple[str, str, list[Knob]]]:
    """(the first notebook that reads them, their group, the knobs), in the order of Recipe."""
    groups = groupby(KNOBS.values(), key=lambda knob: (knob.notebooks[0], knob.group))
    for (notebook, group), knobs in groups:
        yield notebook, group, list(knobs)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m lib.parameters", description="Print docs/reference.md.")
    parser.set_defaults(run=lambda options: print(reference(), end=""))
    return run_command(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
