"""95% intervals of rates and means of clustered values: Wilson's or the BCa bootstrap."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from lib.eval.statistics.bootstrap import NUM_RESAMPLES, bca_bounds, z_of
from lib.eval.statistics.samples import ALPHA, TINY, Sample

# Below 6 clusters that differ, all in one direction, no exact two-sided sign test reaches 5%.
MIN_CLUSTERS = 6


@dataclass(frozen=True)
class Interval:
    low: float
    high: float
    method: str  # "wilson", "bca", or "" where there is none (low and high are NaN)


NONE = Interval(math.nan, math.nan, "")


def intervals(
    samples: Sequence[Sample], *, seed: int = 0, num_resamples: int = NUM_RESAMPLES
) -> list[Interval]:
    """The interval of each sample's mean; samples with as many clusters share resamples.

    - "wilson": every value is 0 or 1, and each cluster has one: the score interval of a rate.
    - "bca": everything else, differences of pairs among it; see `bca_bounds`.
    - "wilson" again where fewer than MIN_CLUSTERS clusters differ from the most frequent one. A
      bootstrap of these is too narrow, in the worst case of width 0; see `_sparse`.
    - "" and NaN: no value, or such a sparse sample with values beyond 0–1 (of differences: -1–1).
    """
    found: dict[int, Interval] = {}
    to_resample: dict[int, list[int]] = {}
    for i, sample in enumerate(samples):
        if not len(sample.sizes):
            found[i] = NONE
        elif _is_rate(sample):
            rate = wilson_interval(float(sample.gains.sum()), len(sample.sizes), level=sample.level)
            found[i] = Interval(*rate, "wilson")
        elif _num_unlike(sample) < MIN_CLUSTERS:
            found[i] = _sparse(sample)
        else:
            to_resample.setdefault(len(sample.sizes), []).append(i)
    for places in to_resample.values():
        alike = [samples[i] for i in places]
        bounds = bca_bounds(alike, seed=seed, num_resamples=num_resamples)
        for i, (low, high) in zip(places, bounds, strict=True):
            found[i] = Interval(low, high, "bca")
    return [found[i] for i in range(len(samples))]


def wilson_interval(
    successes: float, trials: float, *, level: float = ALPHA
) -> tuple[float, float]:
    """Wilson's score interval of a rate; (NaN, NaN) of no trials. 54 of 71 → 0.650–0.845."""
    if trials == 0:
        return math.nan, math.nan
    rate, z2 = successes / trials, z_of(level) ** 2
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = max(0.0, rate * (1 - rate)) / trials + z2 / (4 * trials**2)
    half = math.sqrt(z2 * spread) / (1 + z2 / trials)
    # Around the rate: rounding must not leave 1 above an interval that ends at 0.9999999999999999.
    return max(0.0, min(rate, centre - half)), min(1.0, max(rate, centre + half))


def _is_rate(sample: Sample) -> bool:
    alone = bool((sample.sizes == 1).all())
    return alone and not sample.paired and bool(((sample.totals == 0) | (sample.totals == 1)).all())


def _num_unlike(sample: Sample) -> int:
    """How many clusters have another mean than the most frequent one."""
    _, counts = numpy.unique(numpy.round(sample.totals / sample.sizes, 9), return_counts=True)
    return int(len(sample.sizes) - counts.max())


def _sparse(sample: Sample) -> Interval:
    """Wilson's interval with an effective number of trials (Dean and Pagano 2015).

    This number is chosen so that the mean of as many independent zeros and ones has the variance
    seen between clusters. It is at least the number of clusters and at most that of values; where
    all clusters are equal, each is one trial.

    A difference is the rate of gains minus the rate of losses, and its bounds come from theirs
    (Newcombe 1998, method 10, without the correlation; no gain and no loss in n trials gives
    ±z² / (n + z²), as Tango's score interval does).
    """
    n, most = float(sample.sizes.sum()), sample.sizes + 1e-9
    if (sample.gains > most).any() or (sample.losses > most).any():
        return NONE
    gain, loss = float(sample.gains.sum()) / n, float(sample.losses.sum()) / n
    trials = _effective_trials(sample, gain, loss)
    low, high = wilson_interval(gain * trials, trials, level=sample.level)
    if sample.paired:
        least_loss, most_loss = wilson_interval(loss * trials, trials, level=sample.level)
        difference = gain - loss
        low, high = (
            difference - math.hypot(gain - low, most_loss - loss),
            difference + math.hypot(high - gain, loss - least_loss),
        )
    elif loss:
        return NONE
    return Interval(low, high, "wilson")


def _effective_trials(sample: Sample, gain: float, loss: float) -> float:
    clusters, n, mean = len(sample.sizes), float(sample.sizes.sum()), gain - loss
    squares = float(((sample.totals - mean * sample.sizes) ** 2).sum())
    if squares <= TINY:
        return clusters
    variance = squares * clusters / (clusters - 1) / n**2
    return min(n, max(clusters, (gain + loss - mean**2) / variance))
