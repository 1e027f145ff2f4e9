"""The dataset that a review leaves: written once, named after its rows, read by the notebooks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from lib.dataset import SPLITS, find_dataset, read_dataset
from lib.eval.questions import load_questions
from lib.finetune.rows import training_messages
from lib.gen.__main__ import main
from lib.gen.check import check_dataset
from lib.gen.review.decisions import review_path
from lib.gen.review.review import Review
from lib.recipe import Recipe
from lib.settings import SetupError, portable
from lib.state import read_state, save_state
from lib.store import file_sha256
from tests.gen.dataset import written

STATISTICAL = {"share of training rows with their oracle", "the oracle's place is uniform"}


def train_rows(review: Review) -> list[str]:
    found = review.find(kind="oracle")
    return [row_id for row_id in found if review.rows[row_id].split == "train"]


@pytest.fixture
def folder(home_dir: Path) -> Path:
    return written()


def test_without_decisions_that_change_rows_nothing_is_written(folder: Path) -> None:
    review = Review(folder)
    review.decide(review.find()[0], "accept")
    with pytest.raises(SetupError, match="No decision changes a row"):
        review.write()


@pytest.mark.parametrize("split", ["train", "eval"])
def test_decisions_that_leave_no_row_of_a_split_write_nothing(folder: Path, split: str) -> None:
    save_state("t", DATASET_DIR=portable(folder))
    review = Review(folder)
    for row_id in (row.id for row in review.rows.values() if row.split == split):
        review.decide(row_id, "reject")
    with pytest.raises(SetupError, match=f"leave no row of {split}"):
        review.write()
    assert read_state("t")["DATASET_DIR"] == portable(folder)


def test_decisions_may_leave_no_row_of_validation(folder: Path) -> None:
    review = Review(folder)
    for row in [row for row in review.all_rows.values() if row.split == "valid"]:
        review.decide(row.id, "reject")
    assert not training_messages(review.write(), "valid")


def test_training_and_evaluation_read_what_the_review_left(folder: Path) -> None:
    review = Review(folder)
    rejected, picked = train_rows(review)[:2]
    review.decide(rejected, "reject")
    review.decide(picked, "pick")
    cost = Counter(review.rows[row_id].split for row_id in review.find(state="left out"))
    made = review.write()
    before, after = (
        {split: training_messages(where, split) for split in SPLITS} for where in (folder, made)
    )
    assert len(after["train"]) == len(before["train"]) - 2 - cost["train"]
    assert len(after["valid"]) == len(before["valid"]) - cost["valid"]
    asked = [{q.id for q in load_questions(d, Recipe(max_questions=0))} for d in (made, folder)]
    assert asked[0] - asked[1] == {picked}
    dataset = read_dataset(made)
    assert {row.id for row in dataset.examples()} == {
        row_id for row_id, state in review.states.items() if state not in ("rejected", "left out")
    }
    left_out = [item for item in dataset.rejected if item.gate == "review"]
    assert len(left_out) == 1 + cost.total()
    assert dataset.manifest["counts"]["rejected"]["review"] == len(left_out)


def test_it_passes_the_checks(folder: Path) -> None:
    review = Review(folder)
    review.decide(review.find(kind="oracle")[0], "pick")
    review.decide(review.find(state="undecided")[0], "reject")
    failed = {check.name for check in check_dataset(review.write())[1] if not check.passed}
    assert failed <= STATISTICAL


def test_its_name_follows_the_rows_that_are_left(folder: Path) -> None:
    before = file_sha256(folder / "manifest.json")
    review = Review(folder)
    first, second = train_rows(review)[:2]
    review.decide(first, "reject")
    once = review.write()
    assert once.name.startswith("t-")
    assert file_sha256(once / "chat" / "train.jsonl") != file_sha256(folder / "chat/train.jsonl")
    review.decide(second, "reject")
    twice = review.write()
    review.undo()
    assert review.write() == once != twice
    assert file_sha256(folder / "manifest.json") == before


def test_the_command_writes_it_and_the_next_notebooks_read_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_state("t", DATASET_DIR=portable(folder))
    review = Review(folder)
    review.decide(review.find()[0], "reject")
    assert main(["review", "--apply"]) == 0
    made = capsys.readouterr().out.strip().split("\n")[-1]
    assert read_state("t")["DATASET_DIR"] == made != portable(folder)
    review.decide(review.find()[1], "reject")
    assert read_state("t")["DATASET_DIR"] == made
    again = portable(review.write())
    assert read_state("t")["DATASET_DIR"] == again != made
    assert main(["review", folder.name, "--apply"]) == 0
    assert "Already written" in capsys.readouterr().out


def test_the_state_of_another_dataset_stays(folder: Path) -> None:
    other = written(seed=2)
    save_state("t", DATASET_DIR=portable(other))
    review = Review(folder)
    review.decide(review.find()[0], "reject")
    review.write()
    assert read_state("t")["DATASET_DIR"] == portable(other)


def test_a_reviewed_dataset_can_be_reviewed_again(folder: Path) -> None:
    first = Review(folder)
    first.decide(train_rows(first)[0], "pick")
    second = Review(first.write())
    assert second.find(state="undecided") == second.find()
    second.decide(second.find()[0], "reject")
    made = read_dataset(second.write())
    assert len(made.examples()) == len(second.dataset.examples()) - 1
    assert made.manifest["made_of"]["dataset"] == second.dataset.name


def test_what_cannot_be_applied_is_printed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    review = Review(folder)
    review.decide(review.find()[0], "reject")
    with review_path(folder).open("a") as file:
        file.write('{"row_id": "gone", "verdict": "reject", "time": ""}\n{')
    assert main(["review", str(folder), "--apply"]) == 0
    said = capsys.readouterr().out
    assert "review.jsonl: 1 unreadable lines are ignored" in said
    assert "not applied: row gone is not in the dataset" in said


def test_a_review_file_is_not_a_dataset(folder: Path) -> None:
    review = Review(folder)
    review.decide(review.find()[0], "accept")
    with pytest.raises(SetupError, match=rf"one of: {folder.name}\.$"):
        find_dataset("other")
    assert review_path(folder).is_file()
