"""The report that comes first: what the questions share with the rows that were trained on.

Three kinds stop the evaluation unless they are allowed by name; leaks.py says how each is found. A
shared answer alone is no leak ("42" answers many questions): it is counted, to be known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from lib.dataset import read_dataset
from lib.eval.leaks import Leak, Vocabulary, of_answers, of_chunks, of_questions
from lib.eval.questions import UNKNOWN, EvalQuestion
from lib.settings import SetupError
from lib.text import normalise

KINDS = {  # name → what a reader is told
    "chunks": "the oracle, or one that counts as the same, stands in a training row",
    "questions": "a training question has the same words, or nearly",
    "answers": "a training question asks for the same answer in other words",
}
_SHOWN, _SHOWN_CHARS = 2, 100  # examples of a kind in an error, and of a question in an example


@dataclass(frozen=True)
class Leakage:
    """What was found, and among how many."""

    num_questions: int
    num_with_oracle: int  # of people's questions nobody knows the oracle
    num_rows: int  # training and validation rows
    leaks: tuple[Leak, ...]  # at most one for each kind and question
    num_shared_answers: int  # questions whose answer some training question has too: no leak
    allowed: tuple[str, ...]

    def of(self, kind: str) -> list[Leak]:
        return [leak for leak in self.leaks if leak.kind == kind]

    @property
    def stopping(self) -> list[str]:
        """The kinds that were found and are not allowed."""
        return [kind for kind in KINDS if self.of(kind) and kind not in self.allowed]


def check_leakage(
    dataset_dir: Path, questions: Sequence[EvalQuestion], *, allowed: Sequence[str] = ()
) -> Leakage:
    """Compare the questions with every training and validation row of the dataset.

    Args:
        allowed: kinds that do not stop (4_eval's allow_leakage).

    Raises:
        SetupError: something is shared whose kind is not in `allowed`, a name there is no kind, or
            the dataset's training rows are missing or damaged.
    """
    if unknown := [kind for kind in allowed if kind not in KINDS]:
        raise SetupError(
            f"allow_leakage names {', '.join(map(repr, unknown))}: expected some of "
            f"{', '.join(KINDS)}. Change it."
        )
    dataset = read_dataset(dataset_dir)
    rows = dataset.examples("train", "valid")
    vocabulary = Vocabulary([row.question.text for row in rows] + [q.text for q in questions])
    shared_answers = {normalise(row.question.answer) for row in rows}
    leakage = Leakage(
        num_questions=len(questions),
        num_with_oracle=sum(question.oracle != UNKNOWN for question in questions),
        num_rows=len(rows),
        leaks=(
            *of_chunks(questions, rows, dataset.chunks),
            *of_questions(questions, rows, vocabulary),
            *of_answers(questions, rows, vocabulary),
        ),
        num_shared_answers=sum(normalise(q.answer) in shared_answers for q in questions),
        allowed=tuple(allowed),
    )
    if leakage.stopping:
        raise SetupError(_complaint(leakage))
    return leakage


def _complaint(leakage: Leakage) -> str:
    allowed = [kind for kind in KINDS if kind in (*leakage.allowed, *leakage.stopping)]
    parts = []
    for kind in leakage.stopping:
        found = leakage.of(kind)
        first = "; ".join(example(leak) for leak in found[:_SHOWN])
        parts.append(f"{kind}: {len(found):,} of {leakage.num_questions:,} ({first})")
    return (
        f"The questions share with training {' · '.join(parts)}. What was trained on proves "
        "nothing: make the dataset anew with 1_gen.ipynb, or leave these questions out. If you "
        f"know why it is so, allow it by name: allow_leakage = {allowed}."
    )


def example(leak: Leak) -> str:
    """`a.pdf#0?1 “Who lit it?”: c.md?2 asks “Who lit it, and when?”`"""
    asked, found = (shorten(t, _SHOWN_CHARS, placeholder="…") for t in (leak.question, leak.found))
    said = f"has {leak.found}" if leak.kind == "chunks" else f"asks “{found}”"
    return f"{leak.question_id} “{asked}”: {leak.row_id} {said}"
