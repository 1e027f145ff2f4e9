"""Figures of a review: the interval of a sample's share, and the agreement of reviewers."""

from __future__ import annotations

import re
from itertools import pairwise
from math import comb
from types import SimpleNamespace
from typing import Any

import pytest

from lib.gen.review.decisions import Decision
from lib.gen.review.figures import agreements, count_interval, share_wrong


def chance(wrong: int, drawn: int, count: int, population: int) -> float:
    """That so many of the drawn rows are wrong, if `count` of the population are."""
    ways = comb(count, wrong) * comb(population - count, drawn - wrong)
    return ways / comb(population, drawn)


@pytest.mark.parametrize(("drawn", "population"), [(1, 7), (8, 20), (20, 60), (59, 60)])
def test_the_interval_holds_the_true_count_in_95_of_100_samples(
    drawn: int, population: int
) -> None:
    intervals = {}
    for wrong in range(drawn + 1):
        low, high = intervals[wrong] = count_interval(wrong, drawn, population)
        assert wrong <= low <= high <= population - drawn + wrong
    for (low, high), (next_low, next_high) in pairwise(intervals.values()):
        assert low <= next_low
        assert high <= next_high
    for count in range(population + 1):
        possible = range(max(0, drawn + count - population), min(drawn, count) + 1)
        covered = sum(
            chance(wrong, drawn, count, population)
            for wrong in possible
            if intervals[wrong][0] <= count <= intervals[wrong][1]
        )
        assert covered >= 0.95 - 1e-9


def test_each_bound_is_the_last_count_that_the_sample_does_not_exclude() -> None:
    wrong, drawn, population = 2, 25, 80
    low, high = count_interval(wrong, drawn, population)

    def tail(values: range, count: int) -> float:
        return sum(chance(value, drawn, count, population) for value in values)

    assert tail(range(wrong, drawn + 1), low) > 0.025 >= tail(range(wrong, drawn + 1), low - 1)
    assert tail(range(wrong + 1), high) > 0.025 >= tail(range(wrong + 1), high + 1)


def test_of_a_large_population_it_is_the_binomial_one() -> None:
    from scipy.stats import binomtest

    low, high = count_interval(2, 60, 10**7)
    exact = binomtest(2, 60).proportion_ci(method="exact")
    assert (low / 10**7, high / 10**7) == pytest.approx((exact.low, exact.high), rel=1e-4)


def test_of_all_rows_nothing_is_uncertain() -> None:
    assert count_interval(3, 60, 60) == (3, 3)
    assert "5.0% (95% interval 5.0–5.0%)" in share_wrong(3, 0, 60, 60)


def test_undecided_rows_widen_the_interval_over_all_that_they_may_be() -> None:
    def bounds(rejected: int, undecided: int) -> tuple[float, ...]:
        said = share_wrong(rejected, undecided, 60, 1849)
        found = re.search(r"([\d.]+)–([\d.]+)%", said)
        assert found
        return tuple(map(float, found.groups()))

    low, high = bounds(2, 5)
    decided = [bounds(2 + more, 0) for more in range(6)]
    assert low == min(interval[0] for interval in decided)
    assert high == max(interval[1] for interval in decided)
    assert "5 undecided" in share_wrong(2, 5, 60, 1849)


def reviewed(one: str, other: str) -> Any:
    names = {"a": "accept", "r": "reject", "p": "pick"}
    given = {}
    for i, pair in enumerate(zip(one, other, strict=True)):
        both = zip(("ann", "bob"), pair, strict=True)
        verdicts = {who: names[letter] for who, letter in both if letter in names}
        given[f"row{i}"] = {who: Decision(f"row{i}", said, "") for who, said in verdicts.items()}
    return SimpleNamespace(rows=given, given=given)


def test_agreement_is_a_share_and_a_kappa_of_rows_that_both_decided() -> None:
    # 10 rows of both: 8 alike; by chance (6/10)(6/10) + (4/10)(4/10) = 0.52; (0.8 - 0.52) / 0.48
    [(said, differ)] = agreements(reviewed("aaaaarrrra-a", "aaaparrrar--"))
    assert said == (
        "ann and bob agree on 8 of 10 rows (80%), Cohen's kappa 0.58. They differ on 2: what one "
        "of them rejects is left out."
    )
    assert differ == ["row8", "row9"]


def test_kappa_is_undefined_where_all_verdicts_are_the_same() -> None:
    [(said, differ)] = agreements(reviewed("aap", "aaa"))
    assert "3 of 3 rows (100%), Cohen's kappa undefined" in said
    assert differ == []


def test_without_a_row_that_two_decided_there_is_no_agreement() -> None:
    assert agreements(reviewed("a-", "-a")) == []
