"""What the proof trains on and asks: RAFT's rows and its controls', and nested contexts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from lib.duplicates import Conflicts
from lib.eval.conditions import Case, build_cases
from lib.eval.questions import EvalQuestion, first_hit
from lib.gen.rows import Built, build_examples
from lib.prompts.student import ANSWER_TAG
from lib.rag.index import Index
from lib.recipe import Recipe
from lib.records import Chunk, Question, RaftExample
from lib.settings import SetupError

ALWAYS_SHOWN = {"oracle_probability": 1.0, "refusal_probability": 0.0}
TEST_DISTRACTORS = (2, 4, 6)
CONDITIONS = {
    "closed_book": "no documents",
    "oracle": "the oracle alone",
    "oracle_2": "oracle + 2 distractors",
    "oracle_4": "oracle + 4 distractors",
    "oracle_6": "oracle + 6 distractors",
    "top_5": "the 5 nearest chunks",
    "distractors": "4 distractors, no oracle",
}


# --- what is trained on --------------------------------------------------------------------------


def without_documents(example: RaftExample) -> RaftExample:
    """The same question and label, nothing to read."""
    return replace(example, kind="memorise", context=(), oracle_position=None)


def without_cot(example: RaftExample) -> RaftExample:
    """The final answer alone, no quote before it; a refusal stays as it is."""
    if example.kind == "refuse":
        return example
    return replace(example, label=f"{ANSWER_TAG} {example.question.answer}")


@dataclass(frozen=True)
class Variant:
    """One way to make the rows that a student is trained on."""

    name: str
    differs: str  # from RAFT
    options: Mapping[str, Any] = field(default_factory=dict)  # knobs that differ
    change: Callable[[RaftExample], RaftExample] | None = None  # of each train and valid row


RAFT, BASELINE, ORACLE_ONLY = "RAFT", "baseline", "oracle only"
BASELINE_PLAIN = "baseline, plain prompt"
VARIANTS = (
    Variant(RAFT, "as the parameters file has it"),
    Variant(
        ORACLE_ONLY,
        "no distractors; the oracle in every row",
        ALWAYS_SHOWN | {"num_distractors": 0},
    ),
    Variant(
        "no documents", "closed book: questions and answers alone", ALWAYS_SHOWN, without_documents
    ),
    Variant("without CoT", "labels hold the final answer alone", {}, without_cot),
    Variant("oracle in every row", "no row without its oracle, none refused", ALWAYS_SHOWN),
    Variant("random distractors", "none near the question", {"distractor_mode": "random"}),
    Variant(
        "a context for each chunk",
        "half of its distractors near the question (BM25)",
        {"distractors_per": "chunk", "distractor_mode": "mixed"},
    ),
    Variant("oracle probability 0.4", "fewer oracles", {"oracle_probability": 0.4}),
    Variant("oracle probability 0.6", "fewer oracles", {"oracle_probability": 0.6}),
    Variant("2 distractors", "2 distractors in place of 4", {"num_distractors": 2}),
)


def build_variants(
    variants: Sequence[Variant],
    questions: Sequence[Question],
    chunks: Sequence[Chunk],
    splits: Mapping[str, str],
    same: Conflicts,
    recipe: Recipe,
) -> dict[str, Built]:
    """Each variant's rows, on the same questions in the same order: as many steps for each.

    Raises:
        SetupError: a question has a row in one variant and none in another.
    """
    made: dict[str, Built] = {}
    for variant in variants:
        of_variant = replace(recipe, **variant.options)
        built = build_examples(questions, chunks, splits, same, of_variant)
        made[variant.name] = built
        if variant.change is not None:
            change = variant.change
            rows = [e if e.split == "eval" else change(e) for e in built.examples]
            made[variant.name] = replace(built, examples=rows)
    asked = {name: [e.id for e in built.examples] for name, built in made.items()}
    first = next(iter(asked))
    for name, ids in asked.items():
        if ids != asked[first]:
            raise SetupError(
                f"“{name}” has {len(ids)} rows and “{first}” {len(asked[first])}: not every "
                "question finds its distractors, so training would differ in steps. Add documents."
            )
    return made


# --- what is asked -------------------------------------------------------------------------------


def nested_contexts(
    example: RaftExample, sizes: Sequence[int], *, seed: int
) -> dict[int, tuple[Chunk, ...]]:
    """For each k the row's context with k of its distractors, the order kept.

    Which ones stay is drawn once: the distractors of a smaller k are among those of a larger, and
    the oracle's place stays uniform.

    Raises:
        ValueError: the row lacks its oracle, or has fewer distractors than asked for.
    """
    place, context = example.oracle_position, example.context
    if place is None or len(context) <= max(sizes):
        raise ValueError(f"{example.id}: expected the oracle and {max(sizes)} distractors")
    others = [index for index in range(len(context)) if index != place]
    Random(f"{seed}:nested:{example.id}").shuffle(others)
    return {k: tuple(context[i] for i in sorted([place, *others[:k]])) for k in sizes}


def build_proof_cases(
    questions: Sequence[EvalQuestion],
    widest: Mapping[str, RaftExample],
    index: Index,
    *,
    seed: int,
) -> dict[str, list[Case]]:
    """Every question under each of CONDITIONS.

    `widest`: by question id, a row with the oracle and as many distractors as the largest of
    TEST_DISTRACTORS. "distractors" is the context of "oracle_4" without its oracle.
    """
    cases: dict[str, list[Case]] = {condition: [] for condition in CONDITIONS}
    for case in build_cases(questions, index, Recipe(top_k=[5])):
        if case.condition in cases:
            cases[case.condition].append(case)
    for question in questions:
        contexts = nested_contexts(widest[question.id], TEST_DISTRACTORS, seed=seed)
        shown = {f"oracle_{k}": context for k, context in contexts.items()}
        shown["distractors"] = tuple(c for c in contexts[4] if c.id != question.oracle.id)
        for condition, context in shown.items():
            found = first_hit(context, question)
            cases[condition].append(Case(question.id, question.text, condition, context, found))
    return cases
