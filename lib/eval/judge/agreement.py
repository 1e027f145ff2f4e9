"""How far two graders agree: rates with Wilson's interval, Cohen's kappa with a bootstrap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lib.eval.statistics import wilson_interval

NUM_RESAMPLES = 2000


@dataclass(frozen=True)
class Rate:
    """A share with its 95% interval (Wilson)."""

    count: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """NaN of none."""
        return self.count / self.n if self.n else math.nan

    def __str__(self) -> str:
        """`18 of 20 = 90% (70–97%)`"""
        if not self.n:
            return "none"
        bounds = f"{100 * self.low:.0f}–{100 * self.high:.0f}%"
        return f"{self.count} of {self.n} = {100 * self.value:.0f}% ({bounds})"


def rate(count: int, n: int) -> Rate:
    return Rate(count, n, *wilson_interval(count, n))


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa with its 95% interval: 1 = they agree always, 0 = as often as by chance.

    NaN where there is no chance to beat: both gave all answers the same grade. Where only one of
    them did, it is 0 whatever the other says: then it has no interval (NaN).
    """

    value: float
    low: float
    high: float


def cohen_kappa(one: Sequence[int], other: Sequence[int], *, seed: int = 0) -> Kappa:
    """Of two graders' grades of the same answers: 0 and 1, or whole steps of one scale.

    Disagreements weigh by the square of their distance (Cohen 1968), which of two grades is plain
    kappa (Cohen 1960). The interval is the percentile bootstrap over answers; resamples in which
    kappa is not defined are left out of it. Where the two never differ, every resample says 1: the
    low end then comes from Wilson's interval of the agreement, at the chance agreement seen.
    """
    import numpy

    if not one:
        return Kappa(math.nan, math.nan, math.nan)
    lowest = min(*one, *other)
    size = max(*one, *other) - lowest + 1
    counts = numpy.zeros((size, size))
    for a, b in zip(one, other, strict=True):
        counts[a - lowest, b - lowest] += 1
    value = float(_kappa(counts))
    if math.isnan(value) or min(len({*one}), len({*other})) == 1:
        return Kappa(value, math.nan, math.nan)
    if value == 1:
        by_chance = float(_by_chance(counts)) / len(one)
        missed = 1 - wilson_interval(len(one), len(one))[0]  # so many more may differ, by one step
        return Kappa(1.0, max(-1.0, 1 - missed / by_chance), 1.0)
    rng = numpy.random.default_rng(seed)
    # Answers drawn with replacement: the cells of their table are multinomial.
    drawn = rng.multinomial(len(one), counts.ravel() / len(one), size=NUM_RESAMPLES)
    kappas = _kappa(drawn.reshape(-1, size, size))
    low, high = (float(x) for x in numpy.nanquantile(kappas, [0.025, 0.975]))
    return Kappa(value, low, high)


def _kappa(counts: Any) -> Any:
    """Of a table of counts (k, k), or of many (n, k, k)."""
    import numpy

    by_chance = _by_chance(counts)
    seen = (counts * _weights(counts.shape[-1])).sum(axis=(-2, -1))
    with numpy.errstate(invalid="ignore", divide="ignore"):
        return numpy.where(by_chance > 0, 1 - seen / by_chance, numpy.nan)


def _by_chance(counts: Any) -> Any:
    """The weighted disagreements that would be seen by chance, with the same shares of grades."""
    rows, columns = counts.sum(axis=-1), counts.sum(axis=-2)
    expected = (
        rows[..., :, None] * columns[..., None, :] / counts.sum(axis=(-2, -1))[..., None, None]
    )
    return (expected * _weights(counts.shape[-1])).sum(axis=(-2, -1))


def _weights(size: int) -> Any:
    import numpy

    steps = numpy.arange(size)
    return (steps[:, None] - steps[None, :]) ** 2
