"""How sure: paired bootstrap clustered by chunk, Wilson's interval, and words for them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

BETTER, WORSE, CANNOT_TELL = "better", "worse", "cannot tell"
NUM_RESAMPLES = 5000
# Below 6 clusters that differ, all in one direction, no exact two-sided sign test reaches 5%.
MIN_CLUSTERS = 6


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences, with its interval."""

    mean: float
    low: float
    high: float
    num_pairs: int
    verdict: str  # "better", "worse" or "cannot tell", of the first of the pair


def paired_difference(
    differences: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    seed: int = 0,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
) -> Difference:
    """The mean difference and its percentile interval, resampling whole clusters.

    Questions made from one chunk rise and fall together: resampling them one by one would
    pretend to more evidence than there is.

    Args:
        differences: one per pair, first minus second.
        clusters: of the same length; what each pair belongs to.

    Returns:
        mean, low and high are NaN when there is no pair. The verdict is "cannot tell" unless the
        interval excludes 0 and at least MIN_CLUSTERS clusters differ.
    """
    import numpy

    if not differences:
        return Difference(math.nan, math.nan, math.nan, 0, CANNOT_TELL)
    place = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters))}
    which = numpy.array([place[cluster] for cluster in clusters])
    sums = numpy.bincount(which, weights=differences)
    sizes = numpy.bincount(which)
    rng = numpy.random.default_rng(seed)
    drawn = rng.integers(0, len(place), size=(num_resamples, len(place)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    tail = (1 - confidence) / 2
    low, high = (float(x) for x in numpy.quantile(means, [tail, 1 - tail]))
    enough = int(numpy.count_nonzero(sums)) >= MIN_CLUSTERS
    mean = float(sums.sum() / sizes.sum())
    return Difference(mean, low, high, len(differences), _verdict(low, high, enough=enough))


def _verdict(low: float, high: float, *, enough: bool) -> str:
    if enough and low > 0:
        return BETTER
    if enough and high < 0:
        return WORSE
    return CANNOT_TELL


def wilson_interval(
    successes: float, trials: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Wilson's score interval of a rate; (NaN, NaN) of no trials. 54 of 71 → 0.650–0.845."""
    if trials == 0:
        return math.nan, math.nan
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate, z2 = successes / trials, z * z
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = z * math.sqrt(rate * (1 - rate) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return max(0.0, centre - half), min(1.0, centre + half)
