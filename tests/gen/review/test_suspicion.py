"""What makes a row suspicious, and the order that follows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib.gen.review.review import Review
from lib.gen.review.suspicion import read_ratings
from lib.records import Rejected
from lib.settings import home
from lib.store import write_jsonl
from tests.gen.dataset import make, write, written


@pytest.fixture
def folder(home_dir: Path) -> Path:
    return written()


def rate(review: Review, ratings: dict[str, int], **changed: Any) -> None:
    """Write what 1_gen keeps of a judge's ratings."""
    folder = home() / "artefacts" / "questions" / "t-0"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"question_id": i, "rating": r, "reason": "vague"} for i, r in ratings.items()]
    write_jsonl(folder / "ratings.jsonl", rows)
    questions = [replace(review.dataset.question_by_id[row_id], **changed) for row_id in ratings]
    write_jsonl(folder / "questions.jsonl", questions)


def said(review: Review, row_id: str) -> str:
    return "; ".join(text for _, text in review.suspicions(review.rows[row_id]))


def test_the_worse_the_rating_the_earlier_the_row(folder: Path) -> None:
    review = Review(folder)
    ids = review.find(kind="oracle")
    rate(review, {ids[-1]: 1, ids[-2]: 3, ids[-3]: 5})
    found = Review(folder).find(order="suspicious")
    assert found.index(ids[-1]) < found.index(ids[-2]) < found.index(ids[0])
    assert "rated 1 of 5: vague" in said(Review(folder), ids[-1])


def test_a_rating_of_another_text_does_not_count(folder: Path) -> None:
    review = Review(folder)
    rate(review, {review.find()[0]: 1}, text="Another question?")
    assert read_ratings(review.dataset) == {}


def test_without_ratings_gates_lengths_and_quotes_count(home_dir: Path) -> None:
    made = make()
    row, *others = made.built.examples
    refused = Rejected("x?9", row.oracle.id, "verbatim", "not in the document", "Who?", "…")
    repeated = [
        Rejected("y?9", other.oracle.id, gate, "…", "Who?")
        for other, gate in zip(others, ("duplicate", "evaluation"), strict=False)
    ]
    review = Review(write(made, rejected=[refused, *repeated]))
    assert "gates rejected 1 of" in said(review, row.id)
    fine = next(i for i in review.find() if review.rows[i].oracle.id != row.oracle.id)
    assert "gates" not in said(review, fine)
    question = review.rows[fine].question
    long = replace(question, text="word " * 50, answer="unquoted " * 32)
    review.rows[fine] = replace(review.rows[fine], question=long)
    found = said(review, fine)
    assert "1 of 1 words of its answer are in no quote" in found
    assert "32 words of its answer, at most 40" in found
    assert "50 words of its question, at most 60" in found
