"""Questions × conditions → cases: the documents that every model is shown with a question."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from lib.duplicates import Conflicts, conflicts
from lib.eval.questions import UNKNOWN, EvalQuestion, first_hit
from lib.rag.index import Index
from lib.rag.pipeline import retrieve
from lib.recipe import Recipe
from lib.records import Chunk
from lib.text import holds

RETRIEVED = "top_"
MEANINGS = {  # condition → its meaning, for readers; `meaning` knows the retrieved ones, too
    "closed_book": "no documents",
    "oracle": "the oracle document alone",
    "oracle_distractors": "the oracle among the distractors of its row",
    "distractors_only": "as many distractors, and no oracle: the right reply is to refuse",
}


@dataclass(frozen=True)
class Case:
    """One question with the documents that are shown with it."""

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
    recipe: Recipe,
    *,
    chunks: Sequence[Chunk] = (),
) -> list[Case]:
    """Every question under every condition, conditions outermost, one retrieval for all.

    - `closed_book`: no documents.
    - `oracle`: the oracle alone.
    - `oracle_distractors`: the row's own context, in its order.
    - `distractors_only`: that context, its oracle replaced by another of `chunks`, the corpus.
    - `top_3`, … for each k in top_k: the k nearest chunks of the corpus, nearest first.

    Questions that people wrote have no known oracle: they are asked with a closed book and with
    retrieved chunks only.
    """
    with_oracle = [question for question in questions if question.oracle != UNKNOWN]
    if missing := len(questions) - len(with_oracle):
        needs_oracle = ", ".join(name for name in MEANINGS if name != "closed_book")
        print(
            f"{missing:,} questions have no known oracle, and are not asked under {needs_oracle}."
        )
    ks = sorted(recipe.top_k)
    retrieved = retrieve(index, [question.text for question in questions], recipe, k=ks[-1])
    return [
        *(_case(question, "closed_book", ()) for question in questions),
        *(_case(question, "oracle", question.oracles) for question in with_oracle),
        *(_case(question, "oracle_distractors", question.context) for question in with_oracle),
        *(cases_without_oracle(with_oracle, chunks) if chunks else ()),
        *(
            _case(question, f"{RETRIEVED}{k}", tuple(found[:k]))
            for k in ks
            for question, found in zip(questions, retrieved, strict=True)
        ),
    ]


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


# --- distractors alone ---------------------------------------------------------------------------


def cases_without_oracle(questions: Sequence[EvalQuestion], chunks: Sequence[Chunk]) -> list[Case]:
    """The cases of distractors_only."""
    shown = (chunk for question in questions for chunk in (*question.oracles, *question.context))
    same = conflicts(list({chunk.id: chunk for chunk in (*chunks, *shown)}.values()))
    contexts = [(question, _distractors(question, chunks, same)) for question in questions]
    cases = [_case(question, "distractors_only", found) for question, found in contexts if found]
    if missing := len(questions) - len(cases):
        print(
            f"{missing:,} of {len(questions):,} questions are not asked under distractors_only: "
            "too few chunks of the corpus do not hold their answer."
        )
    return cases


def _distractors(
    question: EvalQuestion, chunks: Sequence[Chunk], same: Conflicts
) -> tuple[Chunk, ...]:
    """The row's documents; each that helps is replaced by a chunk drawn from the corpus.

    No document counts as the same as the oracle or as another one, none holds the answer. The
    question's id alone is the seed. () = the corpus has too few such chunks.
    """
    context = list(question.context)
    places = [i for i, chunk in enumerate(context) if _helps(chunk, question, same)]
    chosen = [chunk for i, chunk in enumerate(context) if i not in places]
    rng, seen = Random(f"distractors_only:{question.id}"), set[int]()
    while places and len(seen) < len(chunks):  # cheaper than a shuffle: few are drawn
        drawn = rng.randrange(len(chunks))
        chunk = chunks[drawn]
        if (
            drawn not in seen
            and not _helps(chunk, question, same)
            and not any(chunk.id == other.id or chunk.id in same[other.id] for other in chosen)
        ):
            context[places.pop(0)] = chunk
            chosen.append(chunk)
        seen.add(drawn)
    return () if places else tuple(context)


def _helps(chunk: Chunk, question: EvalQuestion, same: Conflicts) -> bool:
    """Whether it may give the answer away."""
    return holds(chunk.text, question.answer) or any(
        chunk.id == oracle.id or chunk.id in same[oracle.id] for oracle in question.oracles
    )
