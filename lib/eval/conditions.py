"""Questions × conditions → cases: which documents a model is shown, the same for every model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.eval.questions import UNKNOWN, EvalQuestion, first_hit
from lib.rag.index import Index
from lib.rag.retrieve import retrieve
from lib.records import Chunk

RETRIEVED = "top_"
MEANINGS = {  # condition → what a reader is told; retrieved conditions are added by `meaning`
    "closed_book": "no documents",
    "oracle": "the oracle document alone",
    "oracle_distractors": "the oracle among the distractors of its row",
}


@dataclass(frozen=True)
class Case:
    """One question with the documents it is asked over."""

    question_id: str
    question: str
    condition: str
    chunks: tuple[Chunk, ...]  # in the order of the prompt
    oracle_rank: int | None  # place of the first chunk that holds the answer, from 0; None = absent
    refusal: str = ""  # how the prompt asks to refuse; "" = prompts.REFUSAL

    @property
    def oracle_in_context(self) -> bool:
        return self.oracle_rank is not None


def build_cases(
    questions: Sequence[EvalQuestion], index: Index, *, top_ks: Sequence[int] = (3, 5, 7)
) -> list[Case]:
    """Every question under every condition, conditions outermost, retrieval once.

    - `closed_book`: no documents.
    - `oracle`: the oracle alone.
    - `oracle_distractors`: the row's own context, in its order.
    - `top_3`, …: the k nearest chunks of the whole corpus, nearest first.

    People's questions, which have no known oracle, are not asked under the two in the middle.

    Raises:
        SetupError: a k exceeds the number of chunks.
    """
    ks = sorted(set(top_ks))
    texts = [question.text for question in questions]
    retrieved = retrieve(index, texts, top_k=max(ks)) if ks else [[] for _ in texts]

    cases = [_case(question, "closed_book", ()) for question in questions]
    with_oracle = [question for question in questions if question.oracle is not UNKNOWN]
    cases += [_case(question, "oracle", (question.oracle,)) for question in with_oracle]
    cases += [_case(q, "oracle_distractors", q.context) for q in with_oracle]
    for k in ks:
        cases += [
            _case(question, f"{RETRIEVED}{k}", tuple(found[:k]))
            for question, found in zip(questions, retrieved, strict=True)
        ]
    return cases


def _case(question: EvalQuestion, condition: str, chunks: tuple[Chunk, ...]) -> Case:
    rank = first_hit(chunks, question)
    return Case(question.id, question.text, condition, chunks, rank, question.refusal)


def is_retrieved(condition: str) -> bool:
    return condition.startswith(RETRIEVED)


def meaning(condition: str) -> str:
    """`top_5` → "the 5 nearest chunks"."""
    if is_retrieved(condition):
        return f"the {condition.removeprefix(RETRIEVED)} nearest chunks"
    return MEANINGS[condition]
