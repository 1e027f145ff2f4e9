"""A dataset → its evaluation questions: gold answer, documents, and who wrote them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random
from typing import Any

from lib.prompts.student import parse_answer
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError, portable
from lib.store import read_json, read_jsonl
from lib.text import find_quote, holds

# The oracle of a question that people wrote.
UNKNOWN = Chunk("", "", "", 0, 0, 0, "")

# Provenance: who wrote a question, and on which chunks.
EVAL_SPLIT = "eval split"  # the teacher's, on chunks held out of documents that also train
HELD_OUT = "held-out documents"  # the teacher's, on documents of which nothing trains
VETTED = "picked by a reviewer"  # the teacher's, on a training chunk; its rows train no more
PEOPLE = "written by people"  # in 1_gen's eval_file


@dataclass(frozen=True)
class EvalQuestion:
    """One question, its gold answer, and where the answer stands."""

    id: str
    text: str
    answer: str  # the gold final answer
    evidence: tuple[str, ...]  # the gold quotes that are verbatim in the oracle, white space folded
    oracle: Chunk  # UNKNOWN of a question that people wrote
    context: tuple[Chunk, ...]  # of the dataset's row, in its order
    refusal: str = ""  # how the student was taught to refuse; "" = prompts.REFUSAL
    provenance: str = ""  # EVAL_SPLIT, HELD_OUT, VETTED, PEOPLE; "" = unknown

    @property
    def source(self) -> str:
        """Document, page and provenance, for readers."""
        known = self.oracle != UNKNOWN
        place = f"{self.oracle.title}, page {self.oracle.page}" if known else self.id
        return f"{place}, {self.provenance}" if self.provenance else place


def count_provenance(questions: Sequence[EvalQuestion]) -> dict[str, int]:
    """`{"eval split": 57, "picked by a reviewer": 3}`, the largest first."""
    counts = Counter(question.provenance or "unknown" for question in questions)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def load_chunks(dataset_dir: Path) -> list[Chunk]:
    """All chunks of a dataset, in the order of its documents: the corpus to retrieve from.

    Raises:
        SetupError: the dataset holds no chunks file.
    """
    return [chunk for chunk, _ in _chunks_and_splits(dataset_dir)]


def _chunks_and_splits(dataset_dir: Path) -> list[tuple[Chunk, str]]:
    path = dataset_dir / "chunks.jsonl"
    if not path.is_file():
        raise SetupError(f"{portable(path)} is not there. Run 1_gen.ipynb: it writes the chunks.")
    names = [field.name for field in fields(Chunk)]
    return [
        (Chunk(**{name: row[name] for name in names}), row.get("split", ""))
        for row in read_jsonl(path)
    ]


def load_questions(dataset_dir: Path, recipe: Recipe) -> list[EvalQuestion]:
    """The questions of people (1_gen's eval_file), else the teacher's of `hf/eval.jsonl`.

    A seeded sample of the recipe's max_questions (0 = all), in their order. For one seed a smaller
    sample is a part of the larger one: a larger sample asks only what is new.

    Raises:
        SetupError: the dataset has no evaluation question.
    """
    refusal = _refusal(dataset_dir)
    written = dataset_dir / "evaluation.jsonl"
    if written.is_file():
        drawn = _drawn(read_jsonl(written), recipe)
        return [_by_people(row, refusal) for row in drawn]
    path = dataset_dir / "hf" / "eval.jsonl"
    rows = read_jsonl(path) if path.is_file() else []
    if not rows:
        raise SetupError(
            f"{portable(path)} holds no question, and 4_eval needs some. Run 1_gen.ipynb with more "
            "documents, or with a larger share for the evaluation split."
        )
    splits = _chunks_and_splits(dataset_dir)
    chunks = {chunk.id: chunk for chunk, _ in splits}
    held_out = _held_out(splits)
    picked = {chunk.id for chunk, split in splits if split not in ("eval", "")}
    return [
        _question(row, chunks, refusal, held_out=held_out, picked=picked)
        for row in _drawn(rows, recipe)
    ]


def _held_out(splits: Sequence[tuple[Chunk, str]]) -> bool:
    """Whether the eval split is whole documents: eval_doc_path, or split_by = "document"."""
    evaluating = {chunk.document_id for chunk, split in splits if split == "eval"}
    others = {chunk.document_id for chunk, split in splits if split != "eval"}
    return bool(evaluating) and not evaluating & others


def _refusal(dataset_dir: Path) -> str:
    path = dataset_dir / "manifest.json"
    return read_json(path)["parameters"].get("refusal", "") if path.is_file() else ""


def _drawn(rows: list[dict[str, Any]], recipe: Recipe) -> list[dict[str, Any]]:
    if not 0 < recipe.max_questions < len(rows):
        return rows
    order = list(range(len(rows)))
    Random(recipe.seed).shuffle(order)
    return [rows[i] for i in sorted(order[: recipe.max_questions])]


def _by_people(row: Mapping[str, Any], refusal: str) -> EvalQuestion:
    return EvalQuestion(
        id=f"eval_file, row {row['row']}",
        text=row["question"],
        answer=row["answer"],
        evidence=(),
        oracle=UNKNOWN,
        context=(),
        refusal=refusal,
        provenance=PEOPLE,
    )


def _question(
    row: Mapping[str, Any],
    chunks: Mapping[str, Chunk],
    refusal: str,
    *,
    held_out: bool,
    picked: Collection[str],
) -> EvalQuestion:
    try:
        oracle = chunks[row["oracle"]["chunk_id"]]
        context = tuple(chunks[place["chunk_id"]] for place in row["context_chunks"])
    except KeyError as error:
        raise SetupError(
            f"Row {row['id']} of hf/eval.jsonl names {error}, which chunks.jsonl does not hold. "
            "The dataset is damaged: run 1_gen.ipynb again."
        ) from error
    return EvalQuestion(
        id=row["id"],
        text=row["question"],
        answer=row["answer"],
        evidence=_evidence(row["cot_answer"], oracle),
        oracle=oracle,
        context=context,
        refusal=refusal,
        provenance=VETTED if oracle.id in picked else HELD_OUT if held_out else EVAL_SPLIT,
    )


def _evidence(cot_answer: str, oracle: Chunk) -> tuple[str, ...]:
    quotes = parse_answer(cot_answer).quotes
    return tuple(quote for quote in quotes if find_quote(quote, oracle.text))


def holds_answer(chunk: Chunk, question: EvalQuestion) -> bool:
    """Whether this chunk is the question's oracle, or answers the question as well.

    True for the oracle itself, and for a chunk of the same document whose offsets overlap the
    oracle's and which holds every gold quote verbatim (white space folded); where the row has no
    quote, the gold answer, by its words. Another document that happens to hold the answer does not
    count: hit rates are a lower bound. Of a question that people wrote: whether the chunk holds the
    gold answer, by its words (`3` does not stand in "13 days").
    """
    oracle = question.oracle
    if oracle == UNKNOWN:
        return holds(chunk.text, question.answer)
    if chunk.id == oracle.id:
        return True
    if chunk.document_id != oracle.document_id:
        return False
    if chunk.start >= oracle.end or oracle.start >= chunk.end:
        return False
    if not question.evidence:
        return holds(chunk.text, question.answer)
    return all(find_quote(quote, chunk.text) for quote in question.evidence)


def first_hit(chunks: Sequence[Chunk], question: EvalQuestion) -> int | None:
    """The place of the first chunk that holds the answer, from 0; None = a miss."""
    return next((i for i, chunk in enumerate(chunks) if holds_answer(chunk, question)), None)
