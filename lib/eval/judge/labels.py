"""Answers that people have judged: the file that the judge is audited with."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from lib.prompts.verdicts import FIELDS
from lib.settings import SetupError

FEWEST_ROWS = 20
RATINGS = FIELDS[1:]
_YES, _NO = ("yes", "y", "true", "1"), ("no", "n", "false", "0")
_COLUMNS = "question, reference, answer, label (yes or no)"
_SHOWN_ERRORS = 3


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
    model: str = ""  # who wrote the answer, if the file says so


def read_labels(path: str | Path) -> list[LabelledAnswer]:
    """`question,reference,answer,label⏎Who lit the lamp?,the keeper,a keeper,yes` → its rows.

    CSV (also by semicolon or tab), a JSON list, or JSONL. Further columns, all optional: `model`
    (who wrote the answer), `document`, and a rating from 1 to 5 under the name of its field, as
    `fluency`; an empty cell is none.

    Raises:
        SetupError: the file cannot be read, has fewer than 20 rows, or rows that lack something.
    """
    path = Path(path).expanduser()
    try:
        records = _records(path)
    except (OSError, ValueError, csv.Error) as error:
        raise SetupError(
            f"{path} cannot be read: {' '.join(str(error).split())[:200]}. Expected a CSV, JSON or "
            f"JSONL file of {_COLUMNS}."
        ) from error
    if len(records) < FEWEST_ROWS:
        raise SetupError(
            f"{path} holds {len(records)} labelled answers, and an audit of the judge needs "
            f"{FEWEST_ROWS} or more: with fewer, its intervals say nothing. Label more."
        )
    rows: list[LabelledAnswer] = []
    errors: list[str] = []
    for number, record in enumerate(records, start=1):
        try:
            rows.append(_row(number, record))
        except ValueError as error:
            errors.append(f"row {number}: {error}")
    if errors:
        more = f"; {len(errors) - _SHOWN_ERRORS:,} more" if len(errors) > _SHOWN_ERRORS else ""
        raise SetupError(
            f"{path}: {'; '.join(errors[:_SHOWN_ERRORS])}{more}. Each row needs {_COLUMNS}."
        )
    return rows


def _records(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8-sig")
    suffix = path.suffix.lower()
    if suffix == ".json":
        records = json.loads(text)
        if not isinstance(records, list):
            raise ValueError("it is no JSON list")
        return records
    if suffix == ".jsonl":
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)  # of the spreadsheet's language
    return list(csv.DictReader(StringIO(text, newline=""), delimiter=separator, strict=True))


def _row(number: int, record: Any) -> LabelledAnswer:
    if not isinstance(record, Mapping):
        raise ValueError(f"it is a {type(record).__name__}, not named values")
    if None in record:
        raise ValueError("it has more cells than the header: put texts with commas into quotes")
    lower = {str(name).strip().lower(): value for name, value in record.items()}
    ratings = {name: _rating(name, lower[name]) for name in RATINGS if _given(lower.get(name))}
    row = LabelledAnswer(
        row=number,
        question=_text(lower, "question"),
        reference=_text(lower, "reference"),
        answer=_text(lower, "answer"),
        correct=_yes_or_no(_text(lower, "label")),
        ratings=ratings,
        document=_text(lower, "document", optional=True),
        model=_text(lower, "model", optional=True),
    )
    if "groundedness" in ratings and not row.document:
        raise ValueError("it has a groundedness, which is about documents, and no document")
    return row


def _given(value: Any) -> bool:
    return value is not None and str(value).strip() != ""


def _text(record: Mapping[str, Any], name: str, *, optional: bool = False) -> str:
    value = record.get(name)
    if not _given(value):
        if optional:
            return ""
        raise ValueError(f"it has no {name}")
    if not isinstance(value, str | int | float):
        raise ValueError(f"its {name} is a {type(value).__name__}, not a text")
    return str(value).strip()


def _yes_or_no(text: str) -> bool:
    if text.lower() not in (*_YES, *_NO):
        raise ValueError(f"its label is {text[:40]!r}, not yes or no")
    return text.lower() in _YES


def _rating(name: str, value: Any) -> int:
    text = str(value).strip().removesuffix(".0")
    if text not in ("1", "2", "3", "4", "5"):
        raise ValueError(f"its {name} is {text[:40]!r}, not 1 to 5")
    return int(text)
