"""What the teacher is asked: the texts of lib/prompts, filled in.

What it replies is read in teacher_replies.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.gen.ask.options import AskOptions
from lib.prompts.student import (
    ANSWER_TAG,
    DOCUMENT_BEGIN,
    DOCUMENT_END,
    QUOTE_BEGIN,
    QUOTE_END,
    Message,
)
from lib.records import Chunk
from lib.settings import SetupError

FOLDER = Path(__file__).parent
VARIANTS = ("gpt", "llama")

# What each text must hold, and the names that may be left out.
_QUOTES = (QUOTE_BEGIN, QUOTE_END)
_NEEDED: dict[str, tuple[str, ...]] = {
    "system": (),
    "context": (DOCUMENT_BEGIN, "{document}", DOCUMENT_END),
    "numbered_context": ("{number}", DOCUMENT_BEGIN, "{document}", DOCUMENT_END),
    "own_language": (),
    "language": ("{language}",),
    "questions": ("{count}", '"questions"'),
    "answer": ("{question}", *_QUOTES, ANSWER_TAG),
    "joint": ("{counts}", '"rows"', '"reasoning"', *_QUOTES),
    "pairs": ("{counts}", '"rows"', '"answer"'),
    "instructions": ("{count}", '"questions"'),
    "api_answer": ("{question}", "<<<api_call>>>"),
    "repair_questions": ("{refused}",),
    "repair_answer": ("{reason}",),
    "repair_rows": ("{refused}",),
    "rationale": ("{question}", "{answer}", *_QUOTES, ANSWER_TAG),
    "round_trip": ("{question}",),
    "closed_book": ("{question}",),
    "rating": ("{question}", "{answer}", '"rating"'),
}
_OPTIONAL = ("{title}", "{style}", "{language}", "{count}")
_NAME = re.compile(r"\{[a-z_]+\}")


@dataclass(frozen=True)
class TeacherPrompts:
    """The texts of one variant, with the style and the language of these options."""

    texts: Mapping[str, str]

    def questions(self, chunk: Chunk, count: int, *, api: bool = False) -> list[Message]:
        """Ask for questions on one chunk, or for instructions on a record of API documentation."""
        return self._on([chunk], "instructions" if api else "questions", count=str(count))

    def answer(self, chunk: Chunk, question: str, *, api: bool = False) -> list[Message]:
        """Ask for the chain-of-thought answer, or for the five fields of an API's."""
        return self._on([chunk], "api_answer" if api else "answer", question=question)

    def rows(self, chunks: Sequence[Chunk], counts: Sequence[int], *, pairs: bool) -> list[Message]:
        """Ask for whole rows, so many on each chunk: with their reasoning, or plain pairs."""
        return self._on(chunks, "pairs" if pairs else "joint", counts=_say_counts(counts))

    def rationale(self, chunk: Chunk, question: str, answer: str) -> list[Message]:
        return self._on([chunk], "rationale", question=question, answer=answer)

    def round_trip(self, chunk: Chunk, question: str) -> list[Message]:
        return self._on([chunk], "round_trip", question=question)

    def closed_book(self, question: str) -> list[Message]:
        return [{"role": "user", "content": self.fill("closed_book", question=question)}]

    def rating(self, chunk: Chunk, question: str, answer: str) -> list[Message]:
        return self._on([chunk], "rating", question=question, answer=answer)

    def fill(self, key: str, **values: str) -> str:
        """The text with its names filled in, once: what is filled in is not read again."""
        return _NAME.sub(lambda found: values[found.group()[1:-1]], self.texts[key]).strip()

    def _on(self, chunks: Sequence[Chunk], task: str, **values: str) -> list[Message]:
        """The documents first, then the task."""
        numbered = len(chunks) > 1
        context = "\n".join(
            self.fill(
                "numbered_context" if numbered else "context",
                number=str(number),
                document=chunk.text,
                title=chunk.title,
            )
            for number, chunk in enumerate(chunks, start=1)
        )
        said = [{"role": "user", "content": f"{context}\n{self.fill(task, **values)}"}]
        system = self.texts["system"].strip()
        return [{"role": "system", "content": system}, *said] if system else said


def go_on(messages: Sequence[Message], reply: str, text: str) -> list[Message]:
    """The conversation so far, its reply, and what is said to that.

    An empty reply is left out: some endpoints refuse one, and two turns of the user in a row.
    """
    if reply.strip():
        said = {"role": "assistant", "content": reply}
        return [*messages, said, {"role": "user", "content": text}]
    *before, last = messages
    return [*before, {**last, "content": f"{last['content']}\n\n{text}"}]


def _say_counts(counts: Sequence[int]) -> str:
    """`3 questions`; `3 questions on document 1 and 2 on document 2`"""
    said = [f"{count} on document {number}" for number, count in enumerate(counts, start=1)]
    said[0] = said[0].replace(" on", " questions on")
    if len(counts) == 1:
        return said[0].partition(" on")[0]
    return f"{', '.join(said[:-1])} and {said[-1]}"


# --- reading the files ---------------------------------------------------------------------------


def load_prompts(options: AskOptions) -> TeacherPrompts:
    """The variant's texts, changed by those of prompts_path; style and language filled in.

    Raises:
        SetupError: no such variant, file or style; a text lacks a name, or has one that is unknown.
    """
    if options.prompt_variant not in VARIANTS:
        known = " or ".join(map(repr, VARIANTS))
        raise SetupError(f"prompt_variant = {options.prompt_variant!r}: expected {known}.")
    texts = _read(FOLDER / "teacher_gpt.yaml")
    paths = [FOLDER / "teacher_llama.yaml"] if options.prompt_variant == "llama" else []
    paths += [Path(options.prompts_path).expanduser()] if options.prompts_path else []
    styles = texts.pop("question_styles")
    for path in paths:
        changed = _read(path)
        styles = {**styles, **changed.pop("question_styles", {})}
        texts |= changed
    if options.question_style not in styles:
        raise SetupError(
            f"question_style = {options.question_style!r}: the prompts have {', '.join(styles)}. "
            "Take one of them, or add yours below question_styles in a file for prompts_path."
        )
    language = options.language_name
    in_language = texts["language"].replace("{language}", language) if language else ""
    filled = {
        key: _fill_settings(
            text,
            style=styles[options.question_style],
            language=in_language or (texts["own_language"] if "{style}" in text else ""),
        )
        for key, text in texts.items()
        if key not in ("language", "own_language")
    }
    return TeacherPrompts(filled)


def _fill_settings(text: str, *, style: str, language: str) -> str:
    """Fill in what is the same in every request; a name that gives nothing leaves no space."""
    text = text.replace("{style}", style.strip()).replace("{language}", language.strip())
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


def _read(path: Path) -> dict[str, Any]:
    """The texts of one file, checked."""
    import yaml

    try:
        texts = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SetupError(
            f"The prompts file {path} cannot be read: {' '.join(str(error).split())[:200]}. "
            f"Expected YAML as in lib/prompts/teacher_gpt.yaml."
        ) from None
    if not isinstance(texts, dict):
        raise SetupError(f"The prompts file {path} holds no `name: text` lines, as gpt.yaml does.")
    for key, text in texts.items():
        _check(path, str(key), text)
    return texts


def _check(path: Path, key: str, text: Any) -> None:
    if key == "question_styles":
        if isinstance(text, dict) and all(isinstance(rule, str) for rule in text.values()):
            return
        raise SetupError(f"{path}: question_styles holds {text!r}; expected `name: rule` lines.")
    if key not in _NEEDED:
        raise SetupError(f"{path}: no prompt is called {key}. There are {', '.join(_NEEDED)}.")
    if not isinstance(text, str):
        raise SetupError(f"{path}: {key} holds {text!r}; expected text (quote it).")
    if missing := [needed for needed in _NEEDED[key] if needed not in text]:
        raise SetupError(f"{path}: {key} lacks {', '.join(missing)}. Put it in.")
    if unknown := {*_NAME.findall(text)} - {*_NEEDED[key], *_OPTIONAL}:
        raise SetupError(
            f"{path}: {key} holds {', '.join(sorted(unknown))}, which nothing fills in. Take it "
            "out."
        )
