"""Answers that people have judged: the file that the judge is audited with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib.prompts.verdicts import FIELDS
from lib.settings import SetupError
from lib.tables import read_table, text_value

FEWEST_ROWS = 20
RATINGS = FIELDS[1:]
_YES, _NO = ("yes", "y", "true", "1"), ("no", "n", "false", "0")
_COLUMNS = "question, reference, answer, label (yes or no)"


@dataclass(frozen=True)
class LabelledAnswer:
    """One row of the file."""

    row: int  # from 1; a CSV's header is not counted
    question: str
    reference: str
    answer: str
    correct: bool  # what people say
    ratings: Mapping[str, int] = field(default_factory=dict)  # field → 1 to 5, where they gave one
    document: str = ""


def read_labels(path: str | Path) -> list[LabelledAnswer]:
    """`question,reference,answer,label⏎Who lit the lamp?,the keeper,a keeper,yes` → its rows.

    A CSV, a JSON list, or JSONL. Optional columns: `document`, and ratings from 1 to 5 under the
    names of their fields, as `fluency`; an empty cell is none.

    Raises:
        SetupError: the file cannot be read, has fewer than 20 rows, or rows that lack something.
    """
    path = Path(path).expanduser()
    names = ("question", "reference", "answer", "label", "document", *RATINGS)
    rows = read_table(path, _row, names=names, columns=_COLUMNS)
    if len(rows) < FEWEST_ROWS:
        raise SetupError(
            f"{path} holds {len(rows)} labelled answers, and an audit of the judge needs "
            f"{FEWEST_ROWS} or more: with fewer, its intervals say nothing. Label more."
        )
    return rows


def _row(number: int, values: Mapping[str, Any]) -> LabelledAnswer:
    ratings = {name: _rating(name, values[name]) for name in RATINGS if name in values}
    row = LabelledAnswer(
        row=number,
        question=text_value(values, "question"),
        reference=text_value(values, "reference"),
        answer=text_value(values, "answer"),
        correct=_yes_or_no(str(values.get("label", "")).strip()),
        ratings=ratings,
        document=text_value(values, "document") if "document" in values else "",
    )
    if "groundedness" in ratings and not row.document:
        raise ValueError("it has a groundedness, which is about documents, and no document")
    return row


def _yes_or_no(text: str) -> bool:
    if text.lower() not in (*_YES, *_NO):
        raise ValueError(f"its label is {text[:40]!r}, not yes or no")
    return text.lower() in _YES


def _rating(name: str, value: Any) -> int:
    text = str(value).strip().removesuffix(".0")
    if text not in ("1", "2", "3", "4", "5"):
        raise ValueError(f"its {name} is {text[:40]!r}, not 1 to 5")
    return int(text)
