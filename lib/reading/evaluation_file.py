"""Questions and answers written by people, to evaluate with: a table of any form (tables.py)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.reading.tables import read_table, table_path, text_value

QUESTION = ("question", "query")
ANSWER = ("answer", "gold_final_answer")  # the second is that of our own format `eval`


@dataclass(frozen=True)
class EvaluationItem:
    """One question and the answer that counts as right."""

    row: int  # its number in the file, from 1; a CSV's header is not counted
    question: str
    answer: str


def read_evaluation_file(path: str | Path) -> list[EvaluationItem]:
    """`question,answer⏎Who lit the lamp?,the keeper` → one item."""

    def item(number: int, row: Mapping[str, Any]) -> EvaluationItem:
        return EvaluationItem(number, text_value(row, *QUESTION), text_value(row, *ANSWER))

    columns = f"a question ({' or '.join(QUESTION)}) and an answer ({' or '.join(ANSWER)})"
    return read_table(table_path(path, "eval_file"), item, names=QUESTION + ANSWER, columns=columns)
