"""Means of values that come in clusters, and their intervals: Wilson's or the BCa bootstrap.

Questions made from one chunk rise and fall together, so a cluster counts as a whole.
"""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy

ALPHA = 0.05  # the level of a test; 1 - ALPHA is the coverage of its interval
TINY = 1e-12  # sums of fractions are equal to within this
# Below 6 clusters that differ, all in one direction, no exact two-sided sign test reaches 5%.
MIN_CLUSTERS = 6
NUM_RESAMPLES = 5000
_MOST_COUNTS = 4_000_000  # of a block of resamples, which bounds the memory (32 MB)
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Sample:
    """Values by cluster, summed: all that the interval of their mean is made from."""

    gains: numpy.ndarray  # [clusters] the sum of a cluster's values above 0
    losses: numpy.ndarray  # [clusters] the sum of its values below 0, without their sign
    sizes: numpy.ndarray  # [clusters] how many values it has
    paired: bool  # values are differences of pairs: -1 to 1
    level: float = ALPHA  # of the interval: 0.05 = one that covers 95%

    @property
    def totals(self) -> numpy.ndarray:
        return self.gains - self.losses

    @property
    def mean(self) -> float:
        n = self.sizes.sum()
        return float(self.totals.sum() / n) if n else math.nan


def make_sample(
    values: Sequence[float], clusters: Sequence[Hashable], *, paired: bool = False
) -> Sample:
    """Sum the values by cluster.

    Resamples take clusters in their order of appearance: the same order gives the same bytes.
    """
    place = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters))}
    which = numpy.array([place[cluster] for cluster in clusters], dtype=int)
    found = numpy.array(values, dtype=float)
    return Sample(
        gains=numpy.bincount(which, weights=numpy.maximum(found, 0)),
        losses=numpy.bincount(which, weights=numpy.maximum(-found, 0)),
        sizes=numpy.bincount(which).astype(float),
        paired=paired,
    )


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
        zeros_and_ones = (sample.sizes == 1).all() and numpy.isin(sample.totals, (0, 1)).all()
        if not len(sample.sizes):
            found[i] = NONE
        elif zeros_and_ones and not sample.paired:
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


def z_of(level: float) -> float:
    """The normal quantile of a two-sided level: 0.05 → 1.96."""
    return _NORMAL.inv_cdf(1 - level / 2)


def bca_bounds(
    samples: Sequence[Sample], *, seed: int, num_resamples: int
) -> list[tuple[float, float]]:
    """Bias-corrected and accelerated intervals (Efron 1987); all samples have as many clusters.

    Whole clusters are resampled, the acceleration is that of the jackknife which leaves out one
    cluster, and resamples as large as the mean count half in its bias. The normal quantiles z are
    widened to √(k / (k - 1)) t with k - 1 degrees of freedom for k clusters (Hesterberg 2015,
    arXiv:1411.5279): of 70 questions in 18 or 28 clusters the truth is then covered 93.9–96.2% of
    the time, else 91.5–95.0% (`python -m benchmarks interval_coverage`).
    """
    totals = numpy.stack([sample.totals for sample in samples])  # [samples, clusters]
    sizes = numpy.stack([sample.sizes for sample in samples])
    sums, counts = totals.sum(axis=1), sizes.sum(axis=1)
    means = numpy.concatenate(
        [
            (totals @ drawn.T) / (sizes @ drawn.T)
            for drawn in _resamples(totals.shape[1], seed=seed, num_resamples=num_resamples)
        ],
        axis=1,
    )  # [samples, resamples]
    mean = (sums / counts)[:, None]
    bias = ((means < mean - TINY).sum(axis=1) - (means > mean + TINY).sum(axis=1)) / num_resamples
    left = (sums[:, None] - totals) / (counts[:, None] - sizes)
    away = left.mean(axis=1, keepdims=True) - left
    acceleration = (away**3).sum(axis=1) / (6 * (away**2).sum(axis=1) ** 1.5)
    means.sort(axis=1)
    zs = [_expanded_z(z_of(sample.level), totals.shape[1]) for sample in samples]
    return [_bounds(means[i], z, float(bias[i]), float(acceleration[i])) for i, z in enumerate(zs)]


def _resamples(clusters: int, *, seed: int, num_resamples: int) -> Iterator[numpy.ndarray]:
    """Blocks of [resamples, clusters]: how often each cluster was drawn."""
    rng = numpy.random.default_rng(seed)
    most = max(1, _MOST_COUNTS // clusters)
    for start in range(0, num_resamples, most):
        rows = min(most, num_resamples - start)
        drawn = rng.integers(0, clusters, size=(rows, clusters))
        drawn += numpy.arange(rows)[:, None] * clusters
        counts = numpy.bincount(drawn.ravel(), minlength=rows * clusters)
        yield counts.reshape(rows, clusters).astype(float)


def _bounds(
    ordered: numpy.ndarray, z: float, bias: float, acceleration: float
) -> tuple[float, float]:
    """Both bounds from ascending resampled means; `bias`: the share below less that above."""
    # Half a resample is left on either side; by its sign, so that -x mirrors x exactly.
    share = min(abs(bias) / 2, 0.5 - 0.5 / len(ordered))
    z0 = math.copysign(_NORMAL.inv_cdf(0.5 + share), bias)
    places = []
    for bound in (z0 - z, z0 + z):
        # |acceleration| is at most 1/6; with the worst bias of all this may still reach 0.
        shrunk = max(1 - acceleration * bound, TINY)
        places.append(_NORMAL.cdf(z0 + bound / shrunk) * (len(ordered) - 1))
    between = numpy.interp(places, numpy.arange(len(ordered)), ordered)
    # Rounded: BLAS adds up in another order on other machines.
    low, high = (round(float(bound), 12) for bound in between)
    return low, high


def _expanded_z(z: float, clusters: int) -> float:
    """√(k / (k - 1)) t; of t the expansion of Abramowitz and Stegun 26.7.5 (0.1% from 5 on)."""
    nu = clusters - 1
    t = z + (z**3 + z) / (4 * nu) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * nu**2)
    t += (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * nu**3)
    t += (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * nu**4)
    return math.sqrt(clusters / nu) * t
