"""Cohen's kappa: the textbook's values, and intervals that hold them."""

from __future__ import annotations

import math
from random import Random

import numpy
import pytest

from lib.eval.judge.agreement import cohen_kappa, quadratic_kappas
from lib.eval.statistics import wilson_interval


def table(*cells: int) -> tuple[list[int], list[int]]:
    """Both yes, first alone yes, second alone yes, both no → two graders."""
    pairs = [(1, 1)] * cells[0] + [(1, 0)] * cells[1] + [(0, 1)] * cells[2] + [(0, 0)] * cells[3]
    return [a for a, _ in pairs], [b for _, b in pairs]


@pytest.mark.parametrize(
    ("cells", "kappa"),
    [
        ((20, 5, 10, 15), 0.4),
        ((45, 15, 25, 15), 0.1304),  # the same agreement as the next, other shares of yes
        ((25, 35, 5, 35), 0.2593),
        ((10, 0, 0, 10), 1.0),
        ((0, 10, 10, 0), -1.0),
        ((5, 5, 5, 5), 0.0),
    ],
)
def test_kappa_of_a_table(cells: tuple[int, ...], kappa: float) -> None:
    found = cohen_kappa(*table(*cells))
    assert found.value == pytest.approx(kappa, abs=1e-4)
    assert found.low <= found.value <= found.high
    assert cohen_kappa(*reversed(table(*cells))).value == pytest.approx(found.value)


def test_where_all_have_one_grade_there_is_no_kappa() -> None:
    assert math.isnan(cohen_kappa([1] * 20, [1] * 20).value)
    assert math.isnan(cohen_kappa([], []).value)
    for graders in (([1] * 20, [0, 1] * 10), ([0, 1] * 10, [1] * 20)):
        found = cohen_kappa(*graders)
        assert found.value == 0
        assert math.isnan(found.low)
        assert math.isnan(found.high)


def test_perfect_agreement_is_not_certainty() -> None:
    few, many = (cohen_kappa(*table(n, 0, 0, n)) for n in (10, 200))
    assert (few.value, few.high) == (1, 1)
    assert few.low == pytest.approx(1 - 2 * (1 - wilson_interval(20, 20)[0]))
    assert few.low < 0.7 < 0.95 < many.low < 1


def test_far_ratings_weigh_more() -> None:
    people = [1, 2, 3, 4, 5] * 4
    near = [2, 3, 4, 5, 4] * 4
    far = [5, 4, 3, 2, 1] * 4
    assert cohen_kappa(people, people).value == 1
    assert 0.5 < cohen_kappa(people, near).value < 1
    assert cohen_kappa(people, far).value == pytest.approx(-1)
    assert cohen_kappa([r + 3 for r in people], [r + 3 for r in near]) == cohen_kappa(people, near)


def test_the_moments_of_the_resamples_give_the_same_kappa() -> None:
    rng = Random(1)
    people, judge = ([rng.randint(2, 5) for _ in range(30)] for _ in range(2))
    (found,) = quadratic_kappas(numpy.array([people]), numpy.array([judge]))
    assert found == pytest.approx(cohen_kappa(people, judge).value)


def test_the_interval_is_seeded_and_covers() -> None:
    people, judge = table(20, 5, 10, 15)
    assert cohen_kappa(people, judge) == cohen_kappa(people, judge)
    # Judge and people agree on 85% of a population that is half right: kappa is 0.7.
    rng, held = Random(7), 0
    for _ in range(60):
        people = [rng.randrange(2) for _ in range(60)]
        judge = [p if rng.random() < 0.85 else 1 - p for p in people]
        found = cohen_kappa(people, judge)
        held += found.low <= 0.7 <= found.high
    assert 52 <= held <= 60
