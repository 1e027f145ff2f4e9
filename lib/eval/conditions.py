"""Questions × conditions → cases: which documents a model is shown, the same for every model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from lib.duplicates import count_as_same
from lib.eval.questions import UNKNOWN, EvalQuestion, first_hit
from lib.rag.index import Index
from lib.rag.retrieve import retrieve
from lib.records import Chunk
from lib.settings import SetupError
from lib.text import holds

RETRIEVED = "top_"
MEANINGS = {  # condition → what a reader is told; retrieved conditions are added by `meaning`
    "closed_book": "no documents",
    "oracle": "the oracle document alone",
    "oracle_distractors": "the oracle among the distractors of its row",
    "distractors_only": "as many distractors, and no oracle: the right reply is to refuse",
}
CONDITIONS = (*MEANINGS, "top_k")  # what can be asked for; the last is one condition for each k


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
    questions: Sequence[EvalQuestion],
    index: Index,
    *,
    top_ks: Sequence[int] = (3, 5, 7),
    conditions: Sequence[str] | None = None,
    chunks: Sequence[Chunk] = (),
) -> list[Case]:
    """Every question under every condition, conditions outermost, retrieval once.

    - `closed_book`: no documents.
    - `oracle`: the oracle alone.
    - `oracle_distractors`: the row's own context, in its order.
    - `distractors_only`: that context, its oracle replaced by another chunk of the corpus.
    - `top_k`, as `top_3`, …: the k nearest chunks of the whole corpus, nearest first.

    People's questions, which have no known oracle, are not asked under the three in the middle.

    Args:
        conditions: which of them; None = all, `distractors_only` only with chunks.
        chunks: the corpus, of which distractors_only draws.

    Raises:
        SetupError: a condition is unknown or nothing can be asked under those chosen, a k is below
            1 or exceeds the number of chunks, or distractors_only has no chunks to draw from.
    """
    wanted = _wanted(conditions, has_chunks=bool(chunks))
    ks = sorted(set(top_ks)) if "top_k" in wanted else []
    if ks and ks[0] < 1:
        raise SetupError(f"top_k = {list(top_ks)}: expected numbers of 1 or more. Change it.")
    with_oracle = [question for question in questions if question.oracle != UNKNOWN]
    _say_who_is_not_asked(wanted, len(questions) - len(with_oracle))
    cases: list[Case] = []
    if "closed_book" in wanted:
        cases += [_case(question, "closed_book", ()) for question in questions]
    if "oracle" in wanted:
        cases += [_case(question, "oracle", (question.oracle,)) for question in with_oracle]
    if "oracle_distractors" in wanted:
        cases += [_case(q, "oracle_distractors", q.context) for q in with_oracle]
    if "distractors_only" in wanted:
        cases += _without_oracle(with_oracle, chunks)
    texts = [question.text for question in questions]
    retrieved = retrieve(index, texts, top_k=max(ks)) if ks else [[] for _ in texts]
    for k in ks:
        cases += [
            _case(question, f"{RETRIEVED}{k}", tuple(found[:k]))
            for question, found in zip(questions, retrieved, strict=True)
        ]
    if not cases:
        raise SetupError(
            f"Nothing can be asked: {len(questions)} questions, conditions {', '.join(wanted)}. "
            "Questions that people wrote need closed_book or top_k. Change conditions."
        )
    return cases


def _wanted(conditions: Sequence[str] | None, *, has_chunks: bool) -> list[str]:
    """The conditions in their order."""
    if conditions is None:
        return [name for name in CONDITIONS if has_chunks or name != "distractors_only"]
    if unknown := [name for name in conditions if name not in CONDITIONS]:
        raise SetupError(
            f"conditions names {', '.join(map(repr, unknown))}: expected some of "
            f"{', '.join(CONDITIONS)}. Change it."
        )
    if "distractors_only" in conditions and not has_chunks:
        raise SetupError(
            "distractors_only draws a chunk of the corpus, and none was given. Pass chunks, or "
            "take it out of conditions."
        )
    return [name for name in CONDITIONS if name in conditions]


def _say_who_is_not_asked(wanted: Sequence[str], num_by_people: int) -> None:
    without = [name for name in wanted if name not in ("closed_book", "top_k")]
    if num_by_people and without:
        print(
            f"{num_by_people:,} questions have no known oracle, and are not asked under "
            f"{', '.join(without)}."
        )


def _case(question: EvalQuestion, condition: str, chunks: tuple[Chunk, ...]) -> Case:
    rank = first_hit(chunks, question)
    return Case(question.id, question.text, condition, chunks, rank, question.refusal)


# --- distractors alone ---------------------------------------------------------------------------


def _without_oracle(questions: Sequence[EvalQuestion], chunks: Sequence[Chunk]) -> list[Case]:
    cases = []
    for question in questions:
        context = _distractors(question, chunks)
        if len(context) == len(question.context):
            cases.append(_case(question, "distractors_only", context))
    if missing := len(questions) - len(cases):
        print(
            f"{missing:,} of {len(questions):,} questions are not asked under distractors_only: "
            "too few chunks of the corpus do not hold their answer."
        )
    return cases


def _distractors(question: EvalQuestion, chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
    """The row's documents, and in place of each that helps one drawn from the corpus.

    None counts as the same as the oracle or as another, none holds the answer. Drawn by the
    question's id alone: the same for every model, sample and run. Shorter where chunks run out.
    """
    kept = [None if _helps(chunk, question) else chunk for chunk in question.context]
    chosen = [chunk for chunk in kept if chunk is not None]
    drawn = (
        chunk
        for chunk in _in_random_order(chunks, Random(f"distractors_only:{question.id}"))
        if not _helps(chunk, question)
        and not any(chunk.id == other.id or count_as_same(chunk, other) for other in chosen)
    )
    found = []
    for chunk in kept:
        if (shown := chunk or next(drawn, None)) is None:
            break
        if chunk is None:
            chosen.append(shown)
        found.append(shown)
    return tuple(found)


def _helps(chunk: Chunk, question: EvalQuestion) -> bool:
    """Whether it may give the answer away."""
    return (
        chunk.id == question.oracle.id
        or holds(chunk.text, question.answer)
        or count_as_same(chunk, question.oracle)
    )


def _in_random_order(chunks: Sequence[Chunk], rng: Random) -> Iterator[Chunk]:
    """Each once; costs little where few are taken."""
    seen: set[int] = set()
    while len(seen) < len(chunks):
        place = rng.randrange(len(chunks))
        if place not in seen:
            seen.add(place)
            yield chunks[place]


def is_retrieved(condition: str) -> bool:
    return condition.startswith(RETRIEVED)


def meaning(condition: str) -> str:
    """`top_5` → "the 5 nearest chunks"."""
    if is_retrieved(condition):
        return f"the {condition.removeprefix(RETRIEVED)} nearest chunks"
    return MEANINGS[condition]
