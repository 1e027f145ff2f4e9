"""Questions × conditions → cases: the documents that every model is shown with a question."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from lib.duplicates import Conflicts, conflicts
from lib.eval.questions import UNKNOWN, EvalQuestion, first_hit
from lib.rag.index import Index
from lib.rag.pipeline import retrieve
from lib.recipe import Recipe, retrieval_parts
from lib.records import Chunk
from lib.text import holds

RETRIEVED = "top_"
CLOSED_BOOK, DISTRACTORS_ONLY = "closed_book", "distractors_only"  # neither has the answer
DENSE = "dense"  # the setting that is meant where none is named
_NOT_CUT = {"neighbours", "compress"}  # of 7 hits they make other documents than of the first 5
MEANINGS = {  # condition → its meaning, for readers; `meaning` knows the retrieved ones, too
    CLOSED_BOOK: "no documents",
    "oracle": "the oracle document alone",
    "oracle_distractors": "the oracle among the distractors of its row",
    DISTRACTORS_ONLY: "as many distractors, and no oracle: the right reply is to refuse",
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
    """Every question under those of MEANINGS and with retrieved chunks, conditions outermost.

    - `distractors_only`: the row's context, its oracle replaced by another of `chunks`, the corpus.
    - `top_3`, … for each k in top_k: the k nearest chunks by the recipe's first retrieval setting.
    - `top_5_hybrid_rerank`, … for each other setting: the same by it, for the k that decides.

    Questions that people wrote have no known oracle: closed book and retrieved chunks only.
    """
    with_oracle = [question for question in questions if question.oracle != UNKNOWN]
    if missing := len(questions) - len(with_oracle):
        print(f"{missing:,} questions have no known oracle: closed book and retrieval alone.")
    retrieved = _retrieved(index, [question.text for question in questions], recipe)
    return [
        *(_case(question, CLOSED_BOOK, ()) for question in questions),
        *(_case(question, "oracle", question.oracles) for question in with_oracle),
        *(_case(question, "oracle_distractors", question.context) for question in with_oracle),
        *(cases_without_oracle(with_oracle, chunks) if chunks else ()),
        *(
            _case(question, condition, tuple(found))
            for condition, of_questions in retrieved.items()
            for question, found in zip(questions, of_questions, strict=True)
        ),
    ]


def _retrieved(index: Index, texts: Sequence[str], recipe: Recipe) -> dict[str, list[list[Chunk]]]:
    """Condition → the chunks of each question: of the first setting by k, then of the others."""
    first, *others = recipe.retrieval
    ks, decides = sorted(recipe.top_k), recipe.top_k[0]
    if _NOT_CUT & {*retrieval_parts(first)}:
        # The largest first: if the index holds fewer chunks, no model was asked for the others.
        by_k = {k: retrieve(index, texts, recipe, k=k) for k in reversed(ks)}
    else:
        most = retrieve(index, texts, recipe, k=ks[-1])
        by_k = {k: [found[:k] for found in most] for k in ks}
    by_setting = {
        condition_of(decides, setting): retrieve(index, texts, recipe, k=decides, setting=setting)
        for setting in others
    }
    return {condition_of(k): by_k[k] for k in ks} | by_setting


def _case(question: EvalQuestion, condition: str, chunks: tuple[Chunk, ...]) -> Case:
    rank = first_hit(chunks, question)
    return Case(question.id, question.text, condition, chunks, rank, question.refusal)


def condition_of(k: int, setting: str = "") -> str:
    """(5, "hybrid + rerank") → `top_5_hybrid_rerank`; without a setting, the first: `top_5`."""
    return "_".join([f"{RETRIEVED}{k}", *retrieval_parts(setting)])


def setting_of(condition: str) -> str:
    """`top_5_hybrid_rerank` → "hybrid + rerank"; "" = it is not of another retrieval setting."""
    return " + ".join(condition.split("_")[2:]) if is_retrieved(condition) else ""


def by_first_setting(condition: str) -> str:
    """`top_5_hybrid_rerank` → `top_5`"""
    return "_".join(condition.split("_")[:2])


def is_retrieved(condition: str) -> bool:
    return condition.startswith(RETRIEVED)


def meaning(condition: str, first: str = DENSE) -> str:
    """`top_5` → "the 5 nearest chunks"; `first`: the setting that it is of."""
    if not is_retrieved(condition):
        return MEANINGS[condition]
    chunks = f"the {condition.split('_')[1]} nearest chunks"
    setting = setting_of(condition)
    return chunks if not setting and first == DENSE else f"{chunks} by {setting or first}"


def cases_without_oracle(questions: Sequence[EvalQuestion], chunks: Sequence[Chunk]) -> list[Case]:
    """The cases of distractors_only."""
    shown = (chunk for question in questions for chunk in (*question.oracles, *question.context))
    same = conflicts(list({chunk.id: chunk for chunk in (*chunks, *shown)}.values()))
    contexts = [(question, _distractors(question, chunks, same)) for question in questions]
    cases = [_case(question, DISTRACTORS_ONLY, found) for question, found in contexts if found]
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

    def fits(chunk: Chunk, others: Sequence[Chunk]) -> bool:
        alike = any(chunk.id == one.id or chunk.id in same[one.id] for one in others)
        return not alike and not holds(chunk.text, question.answer)

    places = [i for i, chunk in enumerate(context) if not fits(chunk, question.oracles)]
    chosen = [*question.oracles, *(chunk for i, chunk in enumerate(context) if i not in places)]
    rng, seen = Random(f"distractors_only:{question.id}"), set[int]()
    while places and len(seen) < len(chunks):  # cheaper than a shuffle: few are drawn
        drawn = rng.randrange(len(chunks))
        if drawn not in seen and fits(chunks[drawn], chosen):
            context[places.pop(0)] = chunks[drawn]
            chosen.append(chunks[drawn])
        seen.add(drawn)
    return () if places else tuple(context)
