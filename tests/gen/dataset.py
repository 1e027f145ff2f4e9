"""A small whole dataset for the tests, made without a teacher."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from lib.dataset import SPLITS, hf_row, write_dataset
from lib.duplicates import conflicts
from lib.gen.ask.questions import Generated
from lib.gen.formats.convert import Source
from lib.gen.rows import Built, build_examples
from lib.gen.splits import assign_splits
from lib.reading.documents import Skipped
from lib.recipe import Recipe
from lib.records import Chunk, Document, RaftExample, Rejected
from lib.settings import home
from tests.gen.make import corpus, questions_on, split_documents


@dataclass(frozen=True)
class Made:
    """What write_dataset takes."""

    built: Built
    documents: list[Document]
    chunks: list[Chunk]
    splits: dict[str, str]
    asked: Generated
    parameters: dict[str, Any]

    def arguments(self, **changed: Any) -> dict[str, Any]:
        return {
            "examples": self.built.examples,
            "run_name": "t",
            "documents": self.documents,
            "chunks": self.chunks,
            "splits": self.splits,
            "questions": self.asked.questions,
            "rejected": self.asked.rejected,
            "teacher": self.asked.teacher,
            "parameters": self.parameters,
            "skipped": [Skipped("x.pdf", "it is encrypted")],
        } | changed


@cache  # nobody changes it
def make(
    *,
    seed: int = 1,
    per_chunk: int = 2,
    oracle_probability: float = 0.8,
    valid_share: float = 0.15,
) -> Made:
    documents = corpus(seed)
    chunks = split_documents(documents, Recipe(chunk_chars=400, chunk_overlap_chars=80)).chunks
    same = conflicts(chunks)
    splits = assign_splits(chunks, same, Recipe(valid_share=valid_share, eval_share=0.2, seed=seed))
    parameters: dict[str, Any] = {
        "num_distractors": 4,
        "distractor_mode": "mixed",
        "oracle_probability": oracle_probability,
        "no_oracle_mode": "memorise",
        "refusal_probability": 0.05,
        "seed": seed,
    }
    kept = [chunk for chunk in chunks if splits[chunk.id] != "buffer"]
    questions = questions_on(kept, per_chunk=per_chunk)
    built = build_examples(questions, chunks, splits, same, Recipe(**parameters))
    refused = Rejected("r?0", chunks[0].id, "verbatim", "not in the document", "Who?", "…")
    asked = Generated(questions, [refused], "test-teacher", Path("artefacts/questions/t-0"))
    return Made(built, documents, chunks, splits, asked, parameters)


def write(made: Made, **changed: Any) -> Path:
    return write_dataset(**made.arguments(**changed))


def written(seed: int = 1) -> Path:
    """The dataset of `make(seed=seed)` in the home of this test: a copy of one for all."""
    folder = _written(seed)
    return Path(shutil.copytree(folder, home() / "artefacts" / "datasets" / folder.name))


_scratch = TemporaryDirectory()


@cache
def _written(seed: int) -> Path:
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(None):
        patch.setenv("OPENBOOK_HOME", _scratch.name)
        return write(make(seed=seed))


def source_of(examples: Iterable[RaftExample], rejected: Sequence[Rejected] = ()) -> Source:
    """What `convert` reads of a dataset with these rows."""
    examples = list(examples)
    rows = {s: [hf_row(example) for example in examples if example.split == s] for s in SPLITS}
    answers = {example.id: example.question.cot_answer for example in examples}
    return Source(rows, answers, rejected)
