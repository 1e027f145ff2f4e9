"""A dataset as one student's tokens: shown, measured and trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.finetune.lengths import Lengths, measure_lengths
from lib.finetune.records import (
    TokenRow,
    end_token_ids,
    load_tokenizer,
    tokenise,
    training_records,
)
from lib.finetune.students import Base, fetch_student
from lib.recipe import Recipe
from lib.store import read_json
from lib.threads import tune_threads


@dataclass(frozen=True)
class PreparedRows:
    """A dataset as one student's tokens."""

    dataset_dir: Path
    dataset_format: str
    base: Base
    tokenizer: Any
    train: list[TokenRow]
    valid: list[TokenRow]  # may be empty: then no validation loss is measured
    lengths: Lengths  # of both splits
    model_limit_tokens: int  # the longest input of the model; 0 = its config does not say


def prepare_rows(dataset_dir: Path, recipe: Recipe) -> PreparedRows:
    """Tokenise the train and valid splits for the student.

    Raises:
        SetupError: the model or the rows cannot be read, or a row holds an end token.
    """
    tune_threads()  # before torch is loaded
    base, dataset_format = fetch_student(recipe.student_model), recipe.dataset_format
    tokenizer = load_tokenizer(base.folder, dataset_format)
    end_ids = end_token_ids(base.folder, tokenizer)
    train, valid = (
        [tokenise(r, tokenizer, end_ids) for r in training_records(dataset_dir, s, dataset_format)]
        for s in ("train", "valid")
    )
    config = read_json(base.folder / "config.json")
    return PreparedRows(
        dataset_dir=Path(dataset_dir),
        dataset_format=dataset_format,
        base=base,
        tokenizer=tokenizer,
        train=train,
        valid=valid,
        lengths=measure_lengths([*train, *valid]),
        model_limit_tokens=int(config.get("max_position_embeddings") or 0),
    )
