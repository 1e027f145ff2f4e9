"""What the evaluation's questions share with the rows that the student was trained on.

- `chunks`: the question's oracle, or a chunk that counts as the same (lib/duplicates.py), is in a
  training or validation row, as oracle or as distractor.
- `questions`: a training question has the same words, or nearly: SAME_WORDS of the words of both
  are in both (Jaccard). "How tall is the north tower?" is not the same question as one about the
  south tower: where each has a name or a number that the other lacks, they differ.

Both stop the evaluation unless allow_leakage names them. A shared answer alone is not a leak ("42"
answers many questions): it is only counted.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from lib.duplicates import conflicts
from lib.eval.questions import UNKNOWN, EvalQuestion, load_chunks
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError, portable
from lib.text import normalise, terms

KINDS = {  # kind → its meaning, for readers
    "chunks": "the oracle, or one that counts as the same, stands in a training row",
    "questions": "a training question has the same words, or nearly",
}
SAME_WORDS = 0.9
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

    @property
    def stopping(self) -> list[str]:
        """The kinds that were found and are not allowed."""
        return [kind for kind in KINDS if self.of(kind) and kind not in self.allowed]


def check_leakage(dataset_dir: Path, questions: Sequence[EvalQuestion], recipe: Recipe) -> Leakage:
    """Compare the questions with every training and validation row of the dataset.

    Raises:
        SetupError: something is shared that the recipe's allow_leakage does not name, or the
            dataset's training rows are missing or damaged.
    """
    rows = training_rows(Path(dataset_dir))
    shared_answers = {normalise(row.answer) for row in rows}
    leakage = Leakage(
        num_questions=len(questions),
        num_with_oracle=sum(question.oracle != UNKNOWN for question in questions),
        num_rows=len(rows),
        leaks=(
            *_shared_chunks(questions, rows, load_chunks(Path(dataset_dir))),
            *_same_questions(questions, rows),
        ),
        num_shared_answers=sum(normalise(q.answer) in shared_answers for q in questions),
        allowed=tuple(recipe.allow_leakage),
    )
    if leakage.stopping:
        raise SetupError(_complaint(leakage))
    return leakage


def _complaint(leakage: Leakage) -> str:
    allowed = [kind for kind in KINDS if kind in (*leakage.allowed, *leakage.stopping)]
    parts = []
    for kind in leakage.stopping:
        found = leakage.of(kind)
        first = "; ".join(example(leak) for leak in found[:_NUM_SHOWN])
        parts.append(f"{kind}: {len(found):,} of {leakage.num_questions:,} ({first})")
    return (
        f"The questions share with training {' · '.join(parts)}. Answers to trained questions "
        "prove nothing: make the dataset anew with 1_gen.ipynb, or leave these questions out. If "
        f"it is on purpose, allow it by name: allow_leakage = {allowed}."
    )


def example(leak: Leak) -> str:
    """`a.pdf#0?1 “Who lit it?”: c.md?2 asks “Who lit it, and when?”`"""
    question, found = (
        shorten(t, _SHOWN_CHARS, placeholder="…") for t in (leak.question, leak.found)
    )
    said = f"has {leak.found}" if leak.kind == "chunks" else f"asks “{found}”"
    return f"{leak.question_id} “{question}”: {leak.row_id} {said}"


# --- the training rows ---------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainingRow:
    id: str
    question: str
    answer: str
    chunk_ids: tuple[str, ...]  # the oracle, then its context


def training_rows(dataset_dir: Path) -> list[TrainingRow]:
    """The rows of the splits train and valid.

    Raises:
        SetupError: there is no train split, or a row lacks something.
    """
    path = dataset_dir / "hf" / "train.jsonl"
    if not path.is_file():
        raise SetupError(
            f"{portable(path)} is not there, so nobody can say what the student was trained on. "
            "Run 1_gen.ipynb: it writes the rows."
        )
    valid = path.with_name("valid.jsonl")
    return [*_read(path), *(_read(valid) if valid.is_file() else ())]


def _read(path: Path) -> Iterator[TrainingRow]:
    # One line at a time: the documents in 10,000 rows are 100 MB, and only their names count here.
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                places = [row["oracle"], *row["context_chunks"]]
                ids = tuple(dict.fromkeys(place["chunk_id"] for place in places))
                yield TrainingRow(row["id"], row["question"], row["answer"], ids)
            except (ValueError, KeyError, TypeError) as error:
                raise SetupError(
                    f"Line {number} of {portable(path)} is no row of a dataset ({error!r}). Run "
                    "1_gen.ipynb again."
                ) from error


# --- chunks --------------------------------------------------------------------------------------


def _shared_chunks(
    questions: Sequence[EvalQuestion], rows: Sequence[TrainingRow], chunks: Sequence[Chunk]
) -> Iterator[Leak]:
    """Leaks of kind "chunks"; `chunks` are all that the dataset has.

    Raises:
        SetupError: a row names a chunk that is not among them.
    """
    first_row: dict[str, str] = {}  # chunk → the first row that has it
    for row in rows:
        for chunk_id in row.chunk_ids:
            first_row.setdefault(chunk_id, row.id)
    if unknown := first_row.keys() - {chunk.id for chunk in chunks}:
        raise SetupError(
            f"Row {first_row[min(unknown)]} names {min(unknown)}, which chunks.jsonl does not "
            "hold. The dataset is damaged: run 1_gen.ipynb again."
        )
    same = conflicts(chunks)  # of all chunks: boilerplate shows only there
    for question in questions:
        if question.oracle == UNKNOWN:
            continue
        for chunk_id in (question.oracle.id, *sorted(same.get(question.oracle.id, ()))):
            if chunk_id in first_row:
                yield Leak("chunks", question.id, question.text, first_row[chunk_id], chunk_id)
                break


# --- questions -----------------------------------------------------------------------------------


def _same_questions(
    questions: Sequence[EvalQuestion], rows: Sequence[TrainingRow]
) -> Iterator[Leak]:
    """Leaks of kind "questions".

    Only pairs that share one of their rarest words are compared: if two texts have SAME_WORDS in
    common, they share one of so many (prefix filtering: Bayardo, Ma and Srikant, "Scaling up all
    pairs similarity search", 2007).
    """
    texts = dict.fromkeys([row.question for row in rows] + [q.text for q in questions])
    words = {text: _words(text) for text in texts}
    counts = Counter(word for of_text in words.values() for word in of_text)

    def rarest(text: str) -> list[str]:
        ordered = sorted(words[text], key=lambda word: (counts[word], word))
        return ordered[: len(ordered) - math.ceil(SAME_WORDS * len(ordered) - 1e-9) + 1]

    def same(one: str, other: str) -> bool:
        common, either = words[one] & words[other], words[one] | words[other]
        names_differ = _names(one) - words[other] and _names(other) - words[one]
        return len(common) >= SAME_WORDS * len(either) and not names_differ

    rows_with: dict[str, list[int]] = defaultdict(list)  # word → places in rows
    for place, row in enumerate(rows):
        for word in rarest(row.question):
            rows_with[word].append(place)
    for question in questions:
        places = {place for word in rarest(question.text) for place in rows_with[word]}
        for place in sorted(places):
            row = rows[place]
            if same(question.text, row.question):
                yield Leak("questions", question.id, question.text, row.id, row.question)
                break


def _words(text: str) -> frozenset[str]:
    """The terms of a text; the text itself if it has none."""
    return frozenset(terms(text)) or frozenset([normalise(text)])


def _names(text: str) -> set[str]:
    """Its words with a capital letter, the first word aside, or with a digit."""
    first, *more = re.findall(r"\w+", text) or [""]
    found = [word for word in more if word != word.lower()]
    found += [word for word in (first, *more) if any(map(str.isdigit, word))]
    return {term for word in found for term in terms(word)}
