"""Two models on the same questions: the difference, its verdict, the questions it would need."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

from lib.eval.statistics.bootstrap import z_of
from lib.eval.statistics.clustered import Interval
from lib.eval.statistics.samples import ALPHA, TINY

BETTER, WORSE, CANNOT_TELL = "better", "worse", "cannot tell"
POWER = 0.8


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
