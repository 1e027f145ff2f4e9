"""What the evaluation's questions share with the rows that the student was trained on.

Two kinds leak, see KINDS: a chunk counts as the same by lib/duplicates.py, rows are those of
training and validation, their distractors too. A shared answer alone is not a leak ("42" answers
many questions): it is only counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from lib.dataset import read_dataset
from lib.duplicates import conflicts, same_questions
from lib.eval.questions import UNKNOWN, EvalQuestion
from lib.recipe import Recipe
from lib.records import Chunk, RaftExample
from lib.settings import SetupError
from lib.text import normalise

KINDS = {  # kind → its meaning, for readers
    "chunks": "the oracle, or one that counts as the same, stands in a training row",
    "questions": "a training question has the same words, or nearly",
}
_NUM_SHOWN, _SHOWN_CHARS = 2, 100  # examples of a kind in an error; characters of a question


@dataclass(frozen=True)
class Leak:
    """One question that shares something with training, and the first row it shares it with."""

    kind: str  # a key of KINDS
    question_id: str
    question: str
    row_id: str  # of the training or validation row
    found: str  # the chunk's id; the other question


@dataclass(frozen=True)
class Leakage:
    """What was found, and among how many."""

    num_questions: int
    num_with_oracle: int  # the oracle of a question that people wrote is not known
    num_rows: int  # training and validation rows
    leaks: tuple[Leak, ...]  # at most one per kind and question
    num_shared_answers: int  # questions whose answer some training question has too: not a leak
    allowed: tuple[str, ...]

    def of(self, kind: str) -> list[Leak]:
        return [leak for leak in self.leaks if leak.kind == kind]


def check_leakage(dataset_dir: Path, questions: Sequence[EvalQuestion], recipe: Recipe) -> Leakage:
    """Compare the questions with every training and validation row of the dataset.

    What is shared and not named by the recipe's allow_leakage is a SetupError.
    """
    dataset = read_dataset(dataset_dir)
    rows = dataset.examples("train", "valid")
    leaks = [*_shared_chunks(questions, rows, dataset.chunks)]
    alike = same_questions([q.text for q in questions], [row.question.text for row in rows])
    for number, place in alike.items():
        question, row = questions[number], rows[place]
        leaks.append(Leak("questions", question.id, question.text, row.id, row.question.text))
    shared_answers = {normalise(row.question.answer) for row in rows}
    leakage = Leakage(
        num_questions=len(questions),
        num_with_oracle=sum(question.oracle != UNKNOWN for question in questions),
        num_rows=len(rows),
        leaks=tuple(leaks),
        num_shared_answers=sum(normalise(q.answer) in shared_answers for q in questions),
        allowed=tuple(recipe.allow_leakage),
    )
    if stopping := [kind for kind in KINDS if leakage.of(kind) and kind not in leakage.allowed]:
        allowed = [kind for kind in KINDS if kind in (*leakage.allowed, *stopping)]
        parts = []
        for kind in stopping:
            of_kind = leakage.of(kind)
            first = "; ".join(map(example, of_kind[:_NUM_SHOWN]))
            parts.append(f"{kind}: {len(of_kind):,} of {len(questions):,} ({first})")
        raise SetupError(
            f"The questions share with training {' · '.join(parts)}. Answers to trained questions "
            "prove nothing: make the dataset anew with 1_gen.ipynb, or leave these questions out. "
            f"If it is on purpose, allow it by name: allow_leakage = {allowed}."
        )
    return leakage


def example(leak: Leak) -> str:
    """`a.pdf#0?1 “Who lit it?”: c.md?2 asks “Who lit it, and when?”`"""
    question, found = (
        shorten(t, _SHOWN_CHARS, placeholder="…") for t in (leak.question, leak.found)
    )
    said = f"has {leak.found}" if leak.kind == "chunks" else f"asks “{found}”"
    return f"{leak.question_id} “{question}”: {leak.row_id} {said}"


def _shared_chunks(
    questions: Sequence[EvalQuestion], rows: Sequence[RaftExample], chunks: Sequence[Chunk]
) -> Iterator[Leak]:
    """Leaks of kind "chunks"; `chunks` are all that the dataset has."""
    first_row: dict[str, str] = {}  # chunk → the first row that has it
    for row in rows:
        for chunk in (*row.oracles, *row.context):
            first_row.setdefault(chunk.id, row.id)
    same = conflicts(chunks)  # of all chunks: boilerplate shows only there
    for question in questions:
        ids = [i for c in question.oracles for i in (c.id, *sorted(same.get(c.id, ())))]
        for chunk_id in ids:
            if chunk_id in first_row:
                yield Leak("chunks", question.id, question.text, first_row[chunk_id], chunk_id)
                break
