"""A dataset's rows in any of the formats, and their files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lib.gen.formats.preferences import preference_pairs
from lib.gen.formats.row import (
    SPLITS,
    Converted,
    Row,
    Rows,
    alpaca_row,
    chat_row,
    completion_row,
    eval_row,
    final_answer,
    hf_row,
    sharegpt_row,
)
from lib.gen.formats.row_files import write_rows
from lib.gen.formats.triplets import retriever_triplets
from lib.records import RaftExample, Rejected
from lib.settings import SetupError
from lib.store import write_jsonl

STANDARD_FORMATS = ("hf", "chat", "completion", "eval")  # of every dataset
EXTRA_FORMATS = ("alpaca", "sharegpt", "preference", "triplets")
FORMATS = STANDARD_FORMATS + EXTRA_FORMATS

NOT_EVAL = "not of the eval split"
NO_ANSWER = "no final answer to compare with"


@dataclass(frozen=True)
class Source:
    """What there is to convert."""

    rows: Rows  # hf rows by split
    answers: dict[str, str] = field(default_factory=dict)  # the teacher's, by question id
    rejected: Sequence[Rejected] = ()


def source_of(examples: Iterable[RaftExample], rejected: Sequence[Rejected]) -> Source:
    """A dataset of ours, of every split."""
    rows: dict[str, list[Row]] = {split: [] for split in SPLITS}
    answers = {}
    for example in examples:
        rows[example.split].append(hf_row(example))
        answers[example.id] = example.question.cot_answer
    return Source(rows, answers, rejected)


def convert_rows(
    source: Source,
    *,
    to: str,
    prompt_column: str = "prompt",
    completion_column: str = "completion",
    stop: str = "",
) -> Converted:
    """The rows in another format, each in its split; the last three shape "completion" alone.

    Raises:
        SetupError: there is no such format, or the columns have no names of their own.
    """
    if "" in (prompt_column, completion_column) or prompt_column == completion_column:
        raise SetupError(
            f"prompt column '{prompt_column}', completion column '{completion_column}': expected "
            "two names. Change them."
        )
    row_of: dict[str, Callable[[Row], Row]] = {
        "hf": dict,
        "chat": chat_row,
        "completion": partial(
            completion_row,
            prompt_column=prompt_column,
            completion_column=completion_column,
            stop=stop,
        ),
        "alpaca": alpaca_row,
        "sharegpt": sharegpt_row,
    }
    if to == "eval":
        return _evaluation(source.rows)
    if to == "preference":
        return preference_pairs(source.rows, answers=source.answers, rejected=source.rejected)
    if to == "triplets":
        return retriever_triplets(source.rows)
    if to not in row_of:
        raise SetupError(f"The format '{to}' is unknown. Expected one of: {', '.join(FORMATS)}.")
    return Converted({split: list(map(row_of[to], rows)) for split, rows in source.rows.items()})


def _evaluation(rows: Rows) -> Converted:
    """The eval split alone: what was trained on is no test."""
    found = Converted()
    for split, of_split in rows.items():
        for row in of_split:
            if split != "eval":
                found.leave_out(split, row, NOT_EVAL)
            elif not final_answer(row):
                found.leave_out(split, row, NO_ANSWER)
            else:
                found.rows[split].append(eval_row(row))
    return found


def check_formats(names: Sequence[str]) -> None:
    """Stop at formats that cannot be asked for beside the standard ones.

    Raises:
        SetupError: one is unknown, standard, or named twice.
    """
    if unknown := [name for name in names if name not in EXTRA_FORMATS]:
        raise SetupError(
            f"extra_formats holds '{unknown[0]}': expected some of {', '.join(EXTRA_FORMATS)}. "
            f"{', '.join(STANDARD_FORMATS)} are written anyway. Change it."
        )
    if len(set(names)) < len(names):
        raise SetupError(f"extra_formats = {list(names)} names one twice. Change it.")


def write_converted(
    folder: Path, converted: Converted, *, file_types: Sequence[str] = ("jsonl", "parquet")
) -> None:
    """Files for each split that has rows; `sources.jsonl` and `left_out.jsonl` if there are any."""
    rows = {split: of_split for split, of_split in converted.rows.items() if of_split}
    write_rows(folder, rows, file_types=file_types)
    if converted.sources:
        write_jsonl(folder / "sources.jsonl", converted.sources)
    if converted.left_out:
        write_jsonl(folder / "left_out.jsonl", converted.left_out)
