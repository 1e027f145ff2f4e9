"""Counts over answers: the 2 × 2 of refusals."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from lib.eval.metrics import Refusals, count_refusals
from lib.records import Answer

ANSWERED = Answer("q", "student", "top_3", "", "red", (), False, True, "stop", 0.0, 0, 0)
REFUSED = replace(ANSWERED, refused=True, final_answer=None)
BROKEN = replace(ANSWERED, final_answer=None)


def absent(answer: Answer) -> Answer:
    return replace(answer, oracle_in_context=False)


def test_the_four_cells() -> None:
    answers = [absent(REFUSED)] * 6 + [absent(ANSWERED)] * 2 + [REFUSED] * 3 + [ANSWERED] * 9
    counts = count_refusals([*answers, BROKEN, absent(BROKEN)])
    assert counts == Refusals(6, 2, 3, 9, unscored=2)


def test_a_closed_book_is_no_reason_to_refuse() -> None:
    closed = [replace(absent(a), condition="closed_book") for a in (REFUSED, ANSWERED, BROKEN)]
    assert count_refusals(closed) == Refusals(0, 0, 0, 0)


def test_every_answer_is_counted_once() -> None:
    rng = Random(1)
    for _ in range(50):
        drawn = [
            replace(rng.choice([ANSWERED, REFUSED, BROKEN]), oracle_in_context=rng.random() < 0.5)
            for _ in range(rng.randint(0, 30))
        ]
        counts = count_refusals(drawn)
        assert sum(vars(counts).values()) == len(drawn)
