"""Intervals: they cover, they widen with clusters, and they never claim from nothing."""

from __future__ import annotations

import math

import numpy
import pytest

from lib.eval.statistics import (
    BETTER,
    CANNOT_TELL,
    MIN_CLUSTERS,
    WORSE,
    paired_difference,
    wilson_interval,
)


def test_equal_answers_differ_by_exactly_nothing() -> None:
    seen = paired_difference([0.0] * 40, range(40))
    assert (seen.mean, seen.low, seen.high, seen.num_pairs) == (0.0, 0.0, 0.0, 40)
    assert seen.verdict == CANNOT_TELL


def test_no_pairs_no_claim() -> None:
    seen = paired_difference([], [])
    assert math.isnan(seen.mean)
    assert (seen.num_pairs, seen.verdict) == (0, CANNOT_TELL)


def test_a_clear_effect_has_its_sign_and_mirrors() -> None:
    gains = [1.0, 0.0, 1.0, 1.0, 0.0] * 8
    up = paired_difference(gains, range(40))
    down = paired_difference([-g for g in gains], range(40))
    assert (up.verdict, down.verdict) == (BETTER, WORSE)
    assert up.mean == pytest.approx(0.6)
    assert 0 < up.low < up.mean < up.high < 1
    assert (down.low, down.high) == pytest.approx((-up.high, -up.low))


def test_few_clusters_cannot_tell_however_equal_they_are() -> None:
    few, enough = MIN_CLUSTERS - 1, MIN_CLUSTERS
    assert paired_difference([1.0] * few, range(few)).verdict == CANNOT_TELL
    assert paired_difference([1.0] * enough, range(enough)).verdict == BETTER
    many_questions_one_chunk = [1.0] * 50
    assert paired_difference(many_questions_one_chunk, ["chunk"] * 50).verdict == CANNOT_TELL


def test_questions_of_one_chunk_are_one_witness() -> None:
    rng = numpy.random.default_rng(3)
    chunks = [float(x) for x in rng.choice([-1, 0, 1], size=20)]
    repeated = [value for value in chunks for _ in range(4)]
    clustered = paired_difference(repeated, [i for i in range(20) for _ in range(4)])
    pretended = paired_difference(repeated, range(80))
    assert clustered.mean == pytest.approx(pretended.mean)
    assert clustered.high - clustered.low > 1.6 * (pretended.high - pretended.low)


def test_same_seed_same_interval_and_another_differs_little() -> None:
    values = [float(x) for x in numpy.random.default_rng(0).normal(size=50)]
    assert paired_difference(values, range(50), seed=1) == paired_difference(
        values, range(50), seed=1
    )
    first, second = (paired_difference(values, range(50), seed=s) for s in (1, 2))
    assert first.low != second.low
    assert first.low == pytest.approx(second.low, abs=0.05)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng, covered, draws = numpy.random.default_rng(7), 0, 300
    for _ in range(draws):
        effect = rng.normal(0.2, 0.5, size=40)  # of each chunk; the truth is 0.2
        values = (effect[:, None] + rng.normal(0, 0.5, size=(40, 2))).ravel()
        seen = paired_difference(
            [float(v) for v in values], [i // 2 for i in range(80)], num_resamples=600
        )
        covered += seen.low <= 0.2 <= seen.high
    assert 0.90 <= covered / draws <= 0.98


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(54, 71, 0.650, 0.845), (0, 20, 0.0, 0.161), (20, 20, 0.839, 1.0), (5, 10, 0.237, 0.763)],
)
def test_wilson(hits: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(hits, n) == pytest.approx((low, high), abs=0.001)


def test_wilson_of_nothing() -> None:
    assert all(map(math.isnan, wilson_interval(0, 0)))
