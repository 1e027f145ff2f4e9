"""The proof's material: the sample corpus, and what one seed makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from lib import gen, rag
from lib.eval.conditions import Case
from lib.eval.questions import EvalQuestion, load_questions
from lib.gen.chunks import Conflicts
from lib.parameters import known_parameters, read_parameters
from lib.rag.minilm import minilm_dir
from lib.recipe import Recipe
from lib.records import RaftExample
from lib.settings import PROJECT_DIR

RUN_NAME = "proof"


@dataclass(frozen=True)
class Corpus:
    """The documents and their chunks: the same for every seed."""

    loaded: gen.Loaded
    split: gen.Split
    same: Conflicts


@dataclass(frozen=True)
class SeedData:
    """What one seed makes of the corpus."""

    dataset_dirs: dict[str, Path]  # by variant
    rows: dict[str, list[RaftExample]]  # by variant, the train split
    questions: list[EvalQuestion]
    cases: dict[str, list[Case]]  # by condition


def proof_settings() -> dict[str, Any]:
    """parameters/tiny.yaml over the notebooks' defaults, whole documents held out."""
    known = known_parameters()
    values = {name: parameter.default for name, parameter in known.items()}
    values |= read_parameters(PROJECT_DIR / "parameters" / "tiny.yaml", known)
    return values | {"split_by": "document"}


def load_corpus(settings: Mapping[str, Any]) -> Corpus:
    recipe = gen.Recipe.of(settings)
    loaded = gen.load_documents(recipe.doc_path, **recipe.reading)
    split = gen.split_documents(loaded.documents, **recipe.cutting)
    return Corpus(loaded, split, gen.conflicts(split.chunks))


def seed_data(
    corpus: Corpus, variants: Sequence[Variant], settings: Mapping[str, Any], max_questions: int
) -> SeedData:
    """Questions, splits, every variant's dataset, and what the evaluation shows."""
    recipe, chunks = gen.Recipe.of(settings), corpus.split.chunks
    asked = gen.ask_teacher(chunks, **(recipe.asking | {"run_name": RUN_NAME}))
    splits = gen.assign_splits(
        chunks,
        corpus.same,
        **recipe.splitting,
        asked={question.chunk_id for question in asked.questions},
    )
    widest = Variant(
        "widest", "what the evaluation shows", {"num_distractors": TEST_DISTRACTORS[-1]}
    )
    built = build_variants(
        [*variants, widest],
        asked.questions,
        chunks,
        splits,
        corpus.same,
        settings=settings,
        seed=recipe.seed,
    )
    wide_rows = {e.id: e for e in built.pop(widest.name).examples if e.split == "eval"}
    dataset_dirs = {
        variant.name: gen.write_dataset(
            built[variant.name],
            run_name=RUN_NAME,
            documents=corpus.loaded.documents,
            chunks=chunks,
            splits=splits,
            asked=asked,
            parameters=recipe.shaping | dict(variant.options) | {"variant": variant.name},
            skipped=corpus.loaded.skipped,
            dropped=corpus.split.dropped,
        )
        for variant in variants
    }
    questions = load_questions(
        dataset_dirs[RAFT], Recipe(max_questions=max_questions, seed=recipe.seed)
    )
    index = rag.build_index(chunks, Recipe(embedding_model=str(minilm_dir())))
    cases = build_proof_cases(questions, wide_rows, index, seed=recipe.seed)
    rows = {n: [e for e in of.examples if e.split == "train"] for n, of in built.items()}
    return SeedData(dataset_dirs, rows, questions, cases)
