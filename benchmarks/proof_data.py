"""The proof's material: the sample corpus, and what one seed makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.proof_rows import (
    RAFT,
    TEST_DISTRACTORS,
    Variant,
    build_proof_cases,
    build_variants,
)
from lib import rag
from lib.dataset import write_dataset
from lib.eval.conditions import Case
from lib.eval.questions import EvalQuestion, load_questions
from lib.gen import Corpus
from lib.gen.ask.questions import ask_teacher
from lib.gen.ask.shares import drawn
from lib.gen.splits import assign_splits
from lib.parameters import DEFAULT_PARAMETERS, read_parameters
from lib.rag.embedder import minilm_dir
from lib.recipe import Recipe
from lib.records import RaftExample


@dataclass(frozen=True)
class SeedData:
    """What one seed makes of the corpus."""

    dataset_dirs: dict[str, Path]  # by variant
    rows: dict[str, list[RaftExample]]  # by variant, the train split
    questions: list[EvalQuestion]
    cases: dict[str, list[Case]]  # by condition
    valid: list[RaftExample]  # RAFT's validation rows that show their oracle


def proof_recipe(
    run_name: str, *, parameters_path: Path = DEFAULT_PARAMETERS, **changed: Any
) -> Recipe:
    """The student's parameters, whole documents held out."""
    values = read_parameters(parameters_path) | {"split_by": "document", "run_name": run_name}
    return Recipe(**values | changed)


def seed_data(
    corpus: Corpus, variants: Sequence[Variant], recipe: Recipe, max_questions: int
) -> SeedData:
    """Questions, splits, every variant's dataset, and what the evaluation shows."""
    chunks, asked = corpus.chunks, ask_teacher(drawn(corpus.chunks, recipe), recipe)
    splits = assign_splits(
        chunks,
        corpus.same,
        recipe,
        asked={question.chunk_id for question in asked.questions},
    )
    widest = Variant(
        "widest",
        "what the evaluation shows",
        {"num_distractors": TEST_DISTRACTORS[-1], "distractor_mode": "random"},
    )
    built = build_variants(
        [*variants, widest],
        asked.questions,
        chunks,
        splits,
        corpus.same,
        recipe,
    )
    wide_rows = {e.id: e for e in built.pop(widest.name).examples if e.split == "eval"}
    dataset_dirs = {
        variant.name: write_dataset(
            built[variant.name].examples,
            run_name=recipe.run_name,
            documents=corpus.documents,
            chunks=chunks,
            splits=splits,
            questions=asked.questions,
            rejected=[
                *corpus.dropped,
                *asked.rejected,
                *built[variant.name].rejected,
            ],
            teacher=asked.teacher,
            parameters=recipe.shaping | dict(variant.options) | {"variant": variant.name},
            skipped=corpus.skipped,
            guarded=built[variant.name].guarded,
        )
        for variant in variants
    }
    questions = load_questions(
        dataset_dirs[RAFT], Recipe(max_questions=max_questions, seed=recipe.seed)
    )
    index = rag.build_index(chunks, Recipe(embedding_model=str(minilm_dir())))
    cases = build_proof_cases(questions, wide_rows, index, seed=recipe.seed)
    rows = {n: [e for e in of.examples if e.split == "train"] for n, of in built.items()}
    valid = [e for e in built[RAFT].examples if e.split == "valid" and e.kind == "oracle"]
    return SeedData(dataset_dirs, rows, questions, cases, valid)
