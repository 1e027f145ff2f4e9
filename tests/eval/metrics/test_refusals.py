"""Counts over answers: the 2 × 2 of refusals, and the precision of what was answered."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from lib.eval.metrics import Precision, Refusals, count_precision, count_refusals
from lib.records import Answer, Score

ANSWERED = Answer("q", "student", "top_3", "", "red", (), False, True, "stop", 0.0, 0, 0)
REFUSED = replace(ANSWERED, refused=True, final_answer=None)
BROKEN = replace(ANSWERED, final_answer=None)


def absent(answer: Answer) -> Answer:
    return replace(answer, oracle_in_context=False)


def test_the_four_cells_and_their_rates() -> None:
    answers = [absent(REFUSED)] * 6 + [absent(ANSWERED)] * 2 + [REFUSED] * 3 + [ANSWERED] * 9
    counts = count_refusals([*answers, BROKEN, absent(BROKEN)])
    assert counts == Refusals(6, 2, 3, 9, unscored=2)
    assert (counts.precision, counts.recall, counts.over_refusal) == (6 / 9, 6 / 8, 3 / 12)


def test_a_rate_of_nothing_is_not_available() -> None:
    never = count_refusals([])
    assert (never.precision, never.recall, never.over_refusal) == (None, None, None)
    only = count_refusals([ANSWERED])
    assert (only.precision, only.recall, only.over_refusal) == (None, None, 0.0)


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


def judged(right: int, refused: int, wrong: int, unread: int, *, refusal: float = 0.0) -> Precision:
    """The precision of so many answers; `refusal` is what the metric gives a refusal."""
    kinds: list[tuple[float | None, bool]] = []
    kinds += [(1.0, False)] * right + [(refusal, True)] * refused
    kinds += [(0.0, False)] * wrong + [(None, False)] * unread
    answers, scores = [], []
    for i, (value, is_refusal) in enumerate(kinds):
        base = REFUSED if is_refusal else ANSWERED
        answers.append(replace(base, question_id=str(i)))
        scores.append(Score(str(i), "student", "top_3", "judge_correct", value))
        scores.append(Score(str(i), "student", "top_3", "exact_match", 1.0))  # another metric
    return count_precision(answers, scores, metric="judge_correct")


@pytest.mark.parametrize("right", [54, 53])  # the published two models', of 71 questions each
def test_precision_is_right_of_answered(right: int) -> None:
    found = judged(right=right, refused=8, wrong=63 - right, unread=0)
    assert found == Precision(right, 63)
    # The published formula says the same, as long as all 71 were judged.
    assert found.value == pytest.approx((right / 71) / (1 - 8 / 71))


def test_precision_keeps_one_denominator_where_the_published_mixes_two() -> None:
    """72 were asked, 71 judged: the published figure, 82.97%, is a share of neither."""
    assert round((54 / 71) / (1 - 6 / 72), 4) == 0.8297
    found = judged(right=54, refused=6, wrong=11, unread=1)
    assert found == Precision(54, 65)
    assert found.value == pytest.approx(0.8308, abs=5e-5)


def test_a_refusal_that_the_judge_passes_is_still_no_answer() -> None:
    assert (60 + 20) / 100 / (1 - 20 / 100) == 1.0  # published: all 80 answered are right
    assert judged(right=60, refused=20, wrong=20, unread=0, refusal=1.0) == Precision(60, 80)


def test_precision_of_refusals_alone_is_not_available() -> None:
    assert judged(right=0, refused=9, wrong=0, unread=2).value is None
