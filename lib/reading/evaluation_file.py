"""Questions and answers written by people, to evaluate with as they are: JSON, JSONL or CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from lib.reading.assemble import read_text
from lib.reading.json_records import iter_records
from lib.reading.sources import find_path
from lib.settings import SetupError

QUESTION_NAMES = ("question", "query")
ANSWER_NAMES = ("answer", "gold_final_answer")  # the second: of our own format `eval`
_SHOWN_ERRORS = 3


@dataclass(frozen=True)
class EvaluationItem:
    """One question and the answer that counts as right."""

    row: int  # where it stands in the file, from 1; a CSV's header is not counted
    question: str
    answer: str


def read_evaluation_file(path: str | Path) -> list[EvaluationItem]:
    """`question,answer⏎Who lit the lamp?,the keeper` → one item; texts are only stripped.

    A relative path is looked up as doc_path's are. Names of columns may be in upper case.

    Raises:
        SetupError: the file cannot be read, is empty, or has rows that lack something.
    """
    found = find_path(path)
    if found is None or not found.is_file():
        raise SetupError(f"{path} is not there. Set eval_file to a JSON, JSONL or CSV file.")
    items: list[EvaluationItem] = []
    errors: list[str] = []
    try:
        for row, record in _rows(found):
            try:
                items.append(_item(max(row, 1), record))
            except ValueError as error:
                errors.append(f"row {max(row, 1)}: {error}")
    except (ValueError, OSError, csv.Error) as error:
        raise SetupError(
            f"{path} cannot be read: {error}. Expected a JSON list, JSONL or CSV of question and "
            "answer."
        ) from error
    if errors:
        more = f"; {len(errors) - _SHOWN_ERRORS:,} more" if len(errors) > _SHOWN_ERRORS else ""
        raise SetupError(
            f"{path}: {'; '.join(errors[:_SHOWN_ERRORS])}{more}. Each row needs a question "
            f"({' or '.join(QUESTION_NAMES)}) and an answer ({' or '.join(ANSWER_NAMES)})."
        )
    if not items:
        raise SetupError(f"{path} holds no rows. Expected question and answer in each.")
    return items


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    if path.suffix.lower() != ".csv":
        yield from iter_records(path)
        return
    text = read_text(path)
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)  # of the spreadsheet's language
    reader = csv.DictReader(StringIO(text, newline=""), delimiter=separator, strict=True)
    yield from enumerate(reader, start=1)


def _item(row: int, record: Any) -> EvaluationItem:
    if isinstance(record, ValueError):
        raise record
    if not isinstance(record, Mapping):
        raise ValueError(f"it is a {type(record).__name__}, not a question and an answer")
    if None in record:
        raise ValueError("it has more cells than the header: put texts with commas into quotes")
    lower = {str(name).strip().lower(): value for name, value in record.items()}
    return EvaluationItem(row, _text(lower, QUESTION_NAMES), _text(lower, ANSWER_NAMES))


def _text(record: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The value under the first name that is there."""
    name = next((name for name in names if name in record), None)
    if name is None:
        raise ValueError(f"it has no {names[0]}")
    value = record[name]
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        raise ValueError(f"its {name} is empty")
    if not isinstance(value, str):
        raise ValueError(f"its {name} is a {type(value).__name__}, not a text")
    value = value.encode("utf-8", "ignore").decode()  # without halves of characters
    if not value.strip():
        raise ValueError(f"its {name} is empty")
    return value.strip()
