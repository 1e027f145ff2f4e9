"""The control tokens of a student's own tokenizer, beside those of the usual models, which
`student.neutralise` knows: text in every message, trained on or asked."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from lib.prompts.student import MARKERS, Message, Prompt, harmless
from lib.settings import SetupError, home, portable
from lib.state import environment
from lib.text import one_line


def read_tokenizer(model_dir: Path) -> Any:
    """The tokenizer in a model's folder, with no code of the model's own."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(model_dir), trust_remote_code=False)
    except Exception as error:  # of many kinds: a damaged file, a package that is not installed
        raise SetupError(
            f"The tokenizer in {portable(model_dir)} cannot be loaded ({one_line(str(error))}). "
            "Copy the model's folder again; where it has tokenizer.model and no tokenizer.json: "
            ".venv/bin/pip install sentencepiece."
        ) from None


@cache
def control_tokens(tokenizer: Any) -> re.Pattern[str]:
    """The tokens that begin or end a turn, as text; some tokenizers have our own markers too."""
    added = tokenizer.added_tokens_decoder.values()
    in_template = {  # Gemma's added tokens are also line breaks and HTML tags
        token.content
        for token in added
        if re.search(r"[<\[|].", token.content) and token.content in (tokenizer.chat_template or "")
    }
    special = {token.content for token in added if token.special and token.content.strip()}
    found = in_template | special
    ours = [token for token in found if any(token in marker for marker in MARKERS)]
    longest_first = sorted(found.difference(ours), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")


def as_text(messages: Sequence[Message], controls: re.Pattern[str]) -> list[Message]:
    """The messages with these tokens made harmless, as `neutralise` does in documents."""

    def changed(text: str) -> str:
        return controls.sub(lambda found: harmless(found.group()), text)

    return [message | {"content": changed(message["content"])} for message in messages]


def for_student(prompt: Prompt, run_name: str) -> Prompt:
    """The prompt with its messages as the run's student was trained on them, for all models that
    are compared. Without a folder of the student (hosted training) the prompt stays as it is."""
    folder = home() / environment(run_name).get("STUDENT_MODEL_DIR", "")
    if folder == home() or not folder.is_dir():
        return prompt
    controls = _controls_in(folder)
    return replace(prompt, messages=lambda *a, **k: as_text(prompt.messages(*a, **k), controls))


@cache
def _controls_in(folder: Path) -> re.Pattern[str]:
    return control_tokens(read_tokenizer(folder))
