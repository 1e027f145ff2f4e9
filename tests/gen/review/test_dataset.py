"""The dataset that a review leaves: what the later notebooks read, named after its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lib.dataset import read_dataset, read_examples
from lib.eval.questions import load_questions
from lib.finetune.records import training_records
from lib.gen.check import check_dataset, find_dataset
from lib.gen.formats.row import SPLITS
from lib.gen.review.dataset import reviewed
from lib.gen.review.rows import Review
from lib.gen.review.vetting import review_path
from lib.recipe import Recipe
from lib.settings import SetupError
from lib.store import file_sha256, read_jsonl
from tests.gen.dataset import make, write

STATISTICAL = {"share of training rows with their oracle", "the oracle's place is uniform"}


@pytest.fixture
def folder(home_dir: Path) -> Path:
    return write(make())


def row_of(review: Review, **wanted: Any) -> str:
    return review.find(**wanted)[0]


def test_without_decisions_that_change_rows_it_is_the_dataset_itself(folder: Path) -> None:
    assert reviewed(folder) == folder
    review = Review(folder)
    review.decide(row_of(review), "accept")
    assert reviewed(folder) == folder


def test_training_and_evaluation_read_what_the_review_left(folder: Path) -> None:
    review = Review(folder)
    rejected, picked = review.find(split="train", kind="oracle")[:2]
    review.decide(rejected, "reject")
    cost = review.cost_of_picking(picked)
    review.decide(picked, "pick")
    made = reviewed(folder)
    before, after = (
        {split: training_records(where, split, "chat") for split in SPLITS}
        for where in (folder, made)
    )
    assert len(after["train"]) == len(before["train"]) - 2 - cost["train"]
    assert len(after["valid"]) == len(before["valid"]) - cost["valid"]
    recipe = Recipe(max_questions=0)
    now, before = ({q.id for q in load_questions(one, recipe)} for one in (made, folder))
    assert now - before == {picked}
    for split in SPLITS:
        assert read_examples(made, split) == read_examples(folder, split)
    left_out = [row for row in read_jsonl(made / "rejected.jsonl") if row["gate"] == "review"]
    assert len(left_out) == 1 + cost.total()
    assert read_dataset(made)["counts"]["rejected"]["review"] == len(left_out)


def test_it_passes_the_checks(folder: Path) -> None:
    review = Review(folder)
    review.decide(row_of(review, kind="oracle"), "pick")
    review.decide(row_of(review, status="undecided"), "reject")
    failed = {check.name for check in check_dataset(reviewed(folder))[1] if not check.passed}
    assert failed <= STATISTICAL


def test_its_name_follows_the_rows_that_are_left(folder: Path) -> None:
    review = Review(folder)
    first, second = review.find(split="train")[:2]
    review.decide(first, "reject")
    once = reviewed(folder)
    assert once.name.startswith("t-")
    assert file_sha256(once / "chat" / "train.jsonl") != file_sha256(folder / "chat/train.jsonl")
    review.decide(second, "reject")
    twice = reviewed(folder)
    review.undo()
    assert reviewed(folder) == once != twice
    review.undo()
    assert reviewed(folder) == folder


def test_it_is_reviewed_where_it_was_made_of(folder: Path) -> None:
    review = Review(folder)
    review.decide(row_of(review), "reject")
    with pytest.raises(SetupError, match=f"python -m lib.gen review {folder.name}"):
        Review(reviewed(folder))


def test_a_review_file_is_no_dataset(folder: Path) -> None:
    review = Review(folder)
    review.decide(row_of(review), "accept")
    with pytest.raises(SetupError, match=rf"one of: {folder.name}\.$"):
        find_dataset("other")
    assert review_path(folder).is_file()
