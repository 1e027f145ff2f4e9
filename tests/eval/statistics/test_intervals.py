"""Intervals: the right one for what is measured, wide enough for how little is known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import NormalDist

import numpy
import pytest

from lib.eval.statistics import clustered
from lib.eval.statistics.clustered import Interval, intervals, make_sample, wilson_interval


def interval_of(
    values: list[float], clusters: list[int] | None = None, *, paired: bool = False
) -> Interval:
    groups = list(range(len(values))) if clusters is None else clusters
    return intervals([make_sample(values, groups, paired=paired)])[0]


# --- intervals of one model ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (54, 71, 0.650, 0.845),
        (0, 20, 0.0, 0.161),
        (20, 20, 0.839, 1.0),
        (5, 10, 0.237, 0.763),
        (35, 35, 0.901, 1.0),
    ],
)
def test_wilson(hits: int, n: int, low: float, high: float) -> None:
    seen = wilson_interval(hits, n)
    assert seen == pytest.approx((low, high), abs=0.001)
    assert seen[0] <= hits / n <= seen[1]


def test_wilson_of_nothing() -> None:
    assert all(map(math.isnan, wilson_interval(0, 0)))


def test_a_rate_of_lone_answers_gets_wilson_and_all_else_the_bootstrap() -> None:
    rates = [1.0, 0.0, 1.0] * 20
    alone = interval_of(rates)
    assert alone == Interval(*wilson_interval(40, 60), "wilson")
    assert interval_of(rates, [i // 2 for i in range(60)]).method == "bca"
    assert interval_of([0.5, 0.0, 1.0] * 20).method == "bca"
    assert interval_of(rates, paired=True).method == "bca"


def test_of_many_lone_values_it_is_the_t_interval() -> None:
    values = numpy.random.default_rng(5).normal(0.5, 0.1, 60)
    half = 2.001 * values.std(ddof=1) / math.sqrt(60)  # t of 59 degrees of freedom
    seen = interval_of(values.tolist())
    assert (seen.low, seen.high) == pytest.approx(
        (values.mean() - half, values.mean() + half), abs=0.06 * half
    )


def test_it_is_efrons_interval_written_out() -> None:
    """With chunks of unlike sizes, and of values with a long tail."""
    rng, normal = numpy.random.default_rng(8), NormalDist()
    chunks = [rng.beta(0.3, 1.5) * rng.uniform(0.5, 1, size=1 + 3 * (i % 3)) for i in range(24)]

    def mean_of(places: Iterable[int]) -> float:
        return float(numpy.concatenate([chunks[i] for i in places]).mean())

    mean, resampled = mean_of(range(24)), [mean_of(rng.integers(0, 24, 24)) for _ in range(10_000)]
    z0 = normal.inv_cdf(sum(one < mean for one in resampled) / len(resampled))
    left = numpy.array([mean_of(i for i in range(24) if i != out) for out in range(24)])
    away = left.mean() - left
    a = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
    z = 2.0687 * math.sqrt(24 / 23)  # t of 23 degrees of freedom
    places = [normal.cdf(z0 + (z0 + side * z) / (1 - a * (z0 + side * z))) for side in (-1, 1)]
    low, high = numpy.quantile(resampled, places)
    values = [float(value) for chunk in chunks for value in chunk]
    seen = interval_of(values, [i for i, chunk in enumerate(chunks) for _ in chunk])
    assert a > 0.05
    assert (seen.low, seen.high) == pytest.approx((low, high), abs=0.03 * (high - low))


def test_it_reaches_farther_to_the_side_of_the_long_tail() -> None:
    skewed = [1.0] * 50 + [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    seen = interval_of(skewed)
    mean = sum(skewed) / len(skewed)
    assert mean - seen.low > 1.2 * (seen.high - mean)
    mirrored = interval_of([1 - value for value in skewed])
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - seen.high, 1 - seen.low), abs=1e-9)


def test_questions_of_one_chunk_are_one_witness() -> None:
    rng = numpy.random.default_rng(3)
    chunks = [float(x) for x in rng.choice([0, 0.5, 1], size=20)]
    repeated = [value for value in chunks for _ in range(4)]
    clustered = interval_of(repeated, [i for i in range(20) for _ in range(4)])
    pretended = interval_of(repeated)
    assert clustered.high - clustered.low > 1.6 * (pretended.high - pretended.low)


def test_the_order_of_questions_within_their_chunks_changes_nothing() -> None:
    values = [float(x) for x in numpy.random.default_rng(0).uniform(size=40)]
    chunks = [i // 4 for i in range(40)]
    backwards = [value for start in range(0, 40, 4) for value in values[start : start + 4][::-1]]
    one, other = interval_of(values, chunks), interval_of(backwards, chunks)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_equal_values_leave_as_many_doubts_as_there_are_chunks(value: float) -> None:
    for chunks in (20, 1):
        seen = interval_of([value] * 60, [i % chunks for i in range(60)])
        assert (seen.low, seen.high) == pytest.approx(wilson_interval(chunks * value, chunks))
        assert seen.method == "wilson"


def test_nearly_equal_values_fall_back_too_and_use_what_the_chunks_say() -> None:
    chunks = [i // 4 for i in range(80)]
    scattered = [0.0 if i % 20 == 0 else 1.0 for i in range(80)]  # 4 lone mistakes
    together = [0.0 if i < 4 else 1.0 for i in range(80)]  # a chunk all wrong
    lone, whole = interval_of(scattered, chunks), interval_of(together, chunks)
    assert lone.method == whole.method == "wilson"
    assert (lone.low, lone.high) == pytest.approx(wilson_interval(76, 80))
    assert (whole.low, whole.high) == pytest.approx(wilson_interval(19, 20), abs=0.01)


def test_no_value_and_values_beyond_the_scale_have_no_interval_made_up() -> None:
    empty = interval_of([])
    assert (empty.method, math.isnan(empty.low), math.isnan(empty.high)) == ("", True, True)
    assert math.isnan(make_sample([], []).mean)
    assert interval_of([5.0] * 10).method == ""  # a mark from 1 to 5, all the same
    assert interval_of([5.0, 3.0] * 10).method == "bca"
    with pytest.raises(ValueError, match="length"):
        make_sample([1, 0, 1], [1, 2])


def test_samples_are_resampled_together_as_if_each_were_alone() -> None:
    rng = numpy.random.default_rng(0)
    samples = [
        make_sample(rng.uniform(size=num).tolist(), [i // 2 for i in range(num)])
        for num in (40, 60, 40)
    ]
    assert intervals(samples) == [intervals([sample])[0] for sample in samples]
    assert intervals(samples, seed=1) != intervals(samples)


def test_blocks_of_resamples_bound_the_memory_and_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sample = make_sample(numpy.random.default_rng(0).uniform(size=30).tolist(), range(30))
    whole = intervals([sample], num_resamples=1000)
    monkeypatch.setattr(clustered, "_MOST_COUNTS", 30 * 64)
    blocks = [block.shape for block in clustered._resamples(30, seed=0, num_resamples=1000)]
    assert blocks == [(64, 30)] * 15 + [(40, 30)]
    assert intervals([sample], num_resamples=1000) == whole
