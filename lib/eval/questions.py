"""A dataset → its evaluation questions: gold answer, documents, and who wrote them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TypeVar

from lib.dataset import Dataset, read_dataset
from lib.prompts.student import parse_answer
from lib.reading.questions_file import ROW_ID
from lib.recipe import Recipe
from lib.records import Chunk, RaftExample
from lib.settings import SetupError, portable
from lib.text import find_quote, holds

T = TypeVar("T")

# The oracle of a question that people wrote.
UNKNOWN = Chunk("", "", "", 0, 0, 0, "")

# Provenance: who wrote a question, and on which chunks.
EVAL_SPLIT = "eval split"  # the teacher's, on chunks held out of documents that also train
HELD_OUT = "held-out documents"  # the teacher's, on documents that do not train
VETTED = "picked by a reviewer"  # the teacher's, on a training chunk; its rows train no more
PEOPLE = "written by people"  # in 1_gen's eval_file or train_file


@dataclass(frozen=True)
class EvalQuestion:
    """One question, its gold answer, and the chunk that holds the answer."""

    id: str
    text: str
    answer: str  # the gold final answer
    more_answers: tuple[str, ...] = field(default=(), kw_only=True)  # that are right, too
    evidence: tuple[str, ...] = ()  # the gold quotes that are verbatim in the oracle
    oracle: Chunk = UNKNOWN
    context: tuple[Chunk, ...] = ()  # of the dataset's row, in its order
    refusal: str = ""  # how the student was taught to refuse; "" = prompts.REFUSAL
    more_oracles: tuple[Chunk, ...] = ()  # that the answer needs, too
    provenance: str = ""  # EVAL_SPLIT, HELD_OUT, VETTED, PEOPLE; "" = unknown

    @property
    def oracles(self) -> tuple[Chunk, ...]:
        return () if self.oracle == UNKNOWN else (self.oracle, *self.more_oracles)

    @property
    def answers(self) -> tuple[str, ...]:
        return (self.answer, *self.more_answers)

    @property
    def gold(self) -> str:
        """`Ann / Ann Finch`: the right answers, for readers and the judge."""
        return " / ".join(self.answers)

    @property
    def source(self) -> str:
        """Document, page and provenance, for readers."""
        known = self.oracle != UNKNOWN
        place = f"{self.oracle.title}, page {self.oracle.page}" if known else self.id
        return f"{place}, {self.provenance}" if self.provenance else place


def load_questions(dataset_dir: Path, recipe: Recipe) -> list[EvalQuestion]:
    """The questions of people (1_gen's eval_file), else the teacher's of `hf/eval.jsonl`.

    A seeded sample of max_questions (0 = all), in their order; a smaller one is part of a larger.
    """
    dataset = read_dataset(dataset_dir)
    refusal = dataset.manifest["parameters"].get("refusal", "")
    if dataset.evaluation:
        return [
            EvalQuestion(
                id=f"eval_file, row {row['row']}",
                text=row["question"],
                answer=row["answer"],
                more_answers=tuple(row.get("more_answers", ())),
                refusal=refusal,
                provenance=PEOPLE,
            )
            for row in _drawn(dataset.evaluation, recipe)
        ]
    examples = dataset.examples("eval")
    if not examples:
        raise SetupError(
            f"{portable(dataset.folder)} has no eval rows, and 4_eval needs some. Run 1_gen.ipynb "
            "with more documents, or with a larger share for the evaluation split."
        )
    if twice := [id for id, count in Counter(ex.id for ex in examples).items() if count > 1]:
        raise SetupError(
            f"{portable(dataset.folder)} has several eval rows with the id “{twice[0]}”, so their "
            "answers cannot be told apart. Give each row an id of its own."
        )
    held_out = HELD_OUT if _holds_out_documents(dataset) else EVAL_SPLIT
    return [
        _question(ex, refusal, held_out if dataset.splits[ex.oracle.id] == "eval" else VETTED)
        for ex in _drawn(examples, recipe)
    ]


def _holds_out_documents(dataset: Dataset) -> bool:
    """Whether the eval split is whole documents: eval_doc_path, or split_by = "document"."""
    places = {(chunk.document_id, dataset.splits[chunk.id] == "eval") for chunk in dataset.chunks}
    evaluating = {document_id for document_id, is_eval in places if is_eval}
    return bool(evaluating) and not any((document, False) in places for document in evaluating)


def _drawn(rows: list[T], recipe: Recipe) -> list[T]:
    if not 0 < recipe.max_questions < len(rows):
        return rows
    order = list(range(len(rows)))
    Random(recipe.seed).shuffle(order)
    return [rows[i] for i in sorted(order[: recipe.max_questions])]


def _question(example: RaftExample, refusal: str, provenance: str) -> EvalQuestion:
    quotes = parse_answer(example.label).quotes
    return EvalQuestion(
        id=example.id,
        text=example.question.text,
        answer=example.question.answer,
        evidence=tuple(q for q in quotes if any(find_quote(q, c.text) for c in example.oracles)),
        oracle=example.oracle,
        more_oracles=example.more_oracles,
        context=example.context,
        refusal=refusal,
        provenance=PEOPLE if example.id.startswith(ROW_ID) else provenance,
    )


def holds_answer(chunk: Chunk, question: EvalQuestion) -> bool:
    """Whether this chunk is the question's oracle (one of several), or answers it as well.

    So does a chunk that overlaps the oracle in its document and holds every gold quote verbatim
    (white space folded); where the row has no quote, the gold answer, by its words. Other documents
    do not count: hit rates are a lower bound. Of a question that people wrote: whether the chunk
    holds a gold answer, by its words.
    """
    return any(_serves(chunk, oracle, question) for oracle in question.oracles or (UNKNOWN,))


def _serves(chunk: Chunk, oracle: Chunk, question: EvalQuestion) -> bool:
    if chunk.id == oracle.id and oracle.text in chunk.text:  # a retrieval setting may shorten it
        return True
    overlap = chunk.start < oracle.end and oracle.start < chunk.end
    if oracle != UNKNOWN and not (overlap and chunk.document_id == oracle.document_id):
        return False
    evidence = question.evidence
    if question.more_oracles:
        evidence = tuple(quote for quote in evidence if find_quote(quote, oracle.text))
    if not evidence:
        return any(holds(chunk.text, answer) for answer in question.answers)
    return all(find_quote(quote, chunk.text) for quote in evidence)


def first_hit(chunks: Sequence[Chunk], question: EvalQuestion) -> int | None:
    """The place, from 0, of the first chunk that holds the answer; None = a miss. Of several
    oracles, the place at which all are there."""
    hit = max(
        next((i for i, chunk in enumerate(chunks) if _serves(chunk, oracle, question)), len(chunks))
        for oracle in question.oracles or (UNKNOWN,)
    )
    return hit if hit < len(chunks) else None
