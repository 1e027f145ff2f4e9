"""Whether one context for all questions of a chunk teaches as much as a context for each question.

Students of parameters/tiny.yaml on the same questions: with a context for each, with a context for
each chunk, and the latter for as many epochs as take as many tokens. Questions on held-out
documents. What is trained or answered is found again by the next run, also after a kill; each seed
prints its lines when it is done.

Takes about 25 minutes a seed, of 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.proof import answers_of, toy_home
from benchmarks.proof_data import proof_recipe, seed_data
from benchmarks.proof_figures import ABSENT, MAIN, Difference, SeedRun, Training, mark
from benchmarks.proof_rows import RAFT, Variant
from lib import finetune
from lib.eval.statistics.pairs import WORSE
from lib.eval.wording import percent, signed
from lib.finetune.shared_contexts import share_contexts
from lib.gen import Corpus
from lib.recipe import Recipe
from lib.threads import tune_threads

SEEDS = (0, 1, 2)
MAX_QUESTIONS, EPOCHS = 200, 1.25
CONDITIONS = (MAIN, "top_5", ABSENT)
# seed_data takes the questions from the dataset named RAFT.
PER_QUESTION, PER_CHUNK, LONGER = RAFT, "per chunk", "per chunk, as many tokens"
VARIANTS = (
    Variant(PER_QUESTION, "a context for each question", {"distractors_per": "question"}),
    Variant(PER_CHUNK, "a context for each chunk", {"distractors_per": "chunk"}),
)


def main(*, quick: bool = False) -> int:
    """Print the lines of each seed; 1 when a student of shared contexts is worse in one of them."""
    if not quick:
        return compare()
    with toy_home() as (_, few):
        return compare(seeds=(0,), max_questions=1, **few)


def compare(
    *, seeds: Sequence[int] = SEEDS, max_questions: int = MAX_QUESTIONS, **changed: Any
) -> int:
    tune_threads()  # before torch is loaded
    recipe = proof_recipe("shared-contexts", **({"num_epochs": EPOCHS} | changed))
    corpus = Corpus(recipe).read()
    print("seed | contexts | epochs | updates | tokens trained | seconds | exact match, oracle + 4 "
          "distractors | the 5 nearest chunks | refused without the oracle")  # fmt: skip
    found: list[Difference] = []
    for seed in seeds:
        run = run_seed(corpus, replace(recipe, seed=seed), max_questions)
        of_seed = [run.difference(name, PER_QUESTION, MAIN) for name in (PER_CHUNK, LONGER)]
        for name, gain in zip((PER_CHUNK, LONGER), of_seed, strict=True):
            print(f"seed {seed}: {name} − per question, exact match, {_points(gain)}", flush=True)
        found += of_seed
    worse = sum(gain.verdict == WORSE for gain in found)
    spans = ", ".join(_points(gain) for gain in found)
    print(f"per chunk − per question: {spans}; worse in {worse} of {len(found)} (target: 0)")
    return int(worse > 0)


def run_seed(corpus: Corpus, recipe: Recipe, max_questions: int) -> SeedRun:
    """Train the three students of a seed, ask them, and print a line for each."""
    data = seed_data(corpus, VARIANTS, recipe, max_questions)
    cases = {condition: data.cases[condition] for condition in CONDITIONS}
    tokens = {name: _tokens(folder, recipe) for name, folder in data.dataset_dirs.items()}
    tokens[LONGER] = tokens[PER_CHUNK]
    longer = recipe.num_epochs * tokens[PER_QUESTION] / tokens[PER_CHUNK]
    students = {PER_QUESTION: recipe, PER_CHUNK: recipe, LONGER: replace(recipe, num_epochs=longer)}
    trainings, marks = {}, {}
    for name, told in students.items():
        dataset_dir = data.dataset_dirs[PER_QUESTION if name == PER_QUESTION else PER_CHUNK]
        trained = finetune.train_student(finetune.prepare_rows(dataset_dir, told), told)
        replies, _ = answers_of(trained.model_dir, cases, recipe)
        marks.update({(name, c): mark(given, data.questions) for c, given in replies.items()})
        trainings[name] = Training(
            rows=len(trained.rows.train),
            oracle_share=0.0,
            updates=int(max(point["step"] for point in trained.history)),
            tokens=round(tokens[name] * told.num_epochs),
            seconds=trained.seconds,
        )
    run = SeedRun(
        seed=recipe.seed,
        clusters=tuple(question.oracle.id for question in data.questions),
        num_documents=len({question.oracle.document_id for question in data.questions}),
        num_shared=0,
        hit_rate=0.0,
        trainings=trainings,
        marks=marks,
    )
    for name, told in students.items():
        made = trainings[name]
        shown = "per question" if name == PER_QUESTION else name
        print(
            f"| {recipe.seed} | {shown} | {told.num_epochs:.2f} | {made.updates:,} | "
            f"{made.tokens:,} | {made.seconds:,.0f} | {percent(run.exact(name, MAIN))} | "
            f"{percent(run.exact(name, 'top_5'))} | {percent(run.refused(name, ABSENT))} |",
            flush=True,
        )
    return run


def _tokens(dataset_dir: Any, recipe: Recipe) -> int:
    """Of an epoch: a shared context counts once."""
    rows = finetune.prepare_rows(dataset_dir, recipe).train
    sequences = share_contexts(rows, most_rows=recipe.batch_size)
    return sum(sequence.num_tokens for sequence in sequences)


def _points(gain: Difference) -> str:
    return f"{signed(gain.mean)} ({signed(gain.low)} to {signed(gain.high)})"
