"""Two models on the same questions: how likely chance alone is, the verdict, what it would need.

Without scipy.stats, whose import takes seconds.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy

from lib.eval.statistics.clustered import ALPHA, TINY, Interval, z_of

BETTER, WORSE, CANNOT_TELL = "better", "worse", "cannot tell"
POWER = 0.8
_STEPS = 100  # totals that are not whole are rounded to 1 / 100


def exact_p(totals: Sequence[float]) -> float:
    """The two-sided exact p of "neither model is better", from each cluster's sum of differences.

    If neither is, each cluster's total difference could as well have the other sign. p is how often
    so large a sum of the totals comes from random signs; 1.0 where no cluster differs.

    Of a metric that is 0 or 1, with one question a cluster, this is McNemar's exact test. Questions
    of one chunk change sides together: counted one by one, equal models would be told apart in up
    to 16% of cases instead of 5% (`python -m benchmarks interval_coverage`).
    """
    differing = [total for total in totals if abs(total) > TINY]
    whole = all(abs(total - round(total)) <= TINY for total in differing)
    signed = [round(total if whole else _STEPS * total) for total in differing]
    step = math.gcd(*signed) or 1
    return _sign_flip_p([abs(one) // step for one in signed if one], abs(sum(signed)) // step)


def _sign_flip_p(sizes: Sequence[int], distance: int) -> float:
    """How likely a sum of these numbers with random signs is at least so far from 0."""
    if not distance:
        return 1.0
    chances = numpy.ones(1)  # of the sums -total, …, total
    for size in sizes:
        wider = numpy.zeros(len(chances) + 2 * size)
        wider[: len(chances)] = chances / 2
        wider[2 * size :] += chances / 2
        chances = wider
    middle = len(chances) // 2
    return min(1.0, 2 * float(chances[middle + distance :].sum()))


def holm(ps: Sequence[float]) -> list[tuple[float, float]]:
    """For each test its p, corrected for as many tests, and its level (Holm 1979); in their order.

    The level of the uncorrected p is 0.05 / m for the smallest of m, 0.05 / (m - 1) for the next,
    …; that of the first p that is not below its level is that of all the others.
    """
    corrected, largest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = largest
    rejected = sum(p < ALPHA for p in corrected)
    smaller = [sum(other < p for other in ps) for p in ps]  # the same for equal p
    levels = [ALPHA / (len(ps) - min(rejected, count)) for count in smaller]
    return list(zip(corrected, levels, strict=True))


def tested(interval: Interval, *, rejected: bool) -> Interval:
    """The interval, extended to 0 unless the exact test rejects a difference of 0.

    An interval without 0 is then the same as the word "better" or "worse".
    """
    if rejected:
        return interval
    return replace(interval, low=min(interval.low, 0.0), high=max(interval.high, 0.0))


def verdict(interval: Interval) -> str:
    """The word for a difference with this interval, of `tested`."""
    if interval.low > TINY:
        return BETTER
    return WORSE if interval.high < -TINY else CANNOT_TELL


def turned(word: str) -> str:
    """The verdict of the other model, or of a metric where less is better."""
    return {BETTER: WORSE, WORSE: BETTER}.get(word, word)


def questions_needed(
    difference: float, low: float, high: float, *, n: int, level: float = ALPHA
) -> int | None:
    """About how many questions would show the difference that n of them gave, if it is real.

    With N questions the standard error is (high - low) / 2z · √(n / N), where z is the quantile of
    the level. Four such evaluations in five (power 0.8) show a real difference d that is z + 0.84
    standard errors:

        N = n · ((z + 0.84) / z · (high - low) / 2d)²

    Rounded up to two digits. None: the difference is 0, or there is no interval. The interval
    (low, high) is the one before `tested`.
    """
    if math.isnan(high - low) or abs(difference) <= TINY:
        return None
    reach = 1 + NormalDist().inv_cdf(POWER) / z_of(level)
    by_width = n * (reach * (high - low) / (2 * difference)) ** 2
    needed = max(n + 1, by_width)
    unit = 10 ** max(0, math.floor(math.log10(needed)) - 1)
    return math.ceil(needed / unit - 1e-9) * unit
