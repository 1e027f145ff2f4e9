"""How far two graders agree: Cohen's kappa, its interval by a bootstrap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.eval.statistics import wilson_interval

if TYPE_CHECKING:
    import numpy

_NUM_RESAMPLES = 2000


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa with its 95% interval: 1 = they always agree, 0 = as often as by chance.

    NaN where both gave all answers the same grade. Where only one of them did, it is 0 whatever
    the other says: then it has no interval (NaN).
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """`0.80 (0.61 to 0.95)`"""
        if math.isnan(self.low):
            return "n/a (people or the judge gave all answers one grade)"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def cohen_kappa(one: Sequence[int], other: Sequence[int]) -> Kappa:
    """Of two graders' grades of the same answers: 0 and 1, or whole steps of one scale.

    Disagreements weigh by the square of their distance (Cohen 1968); for two grades that is plain
    kappa. The interval is the percentile bootstrap over answers, without the resamples in which
    kappa is not defined. Where the two never differ, every resample gives 1: the low end then
    comes from Wilson's interval of the agreement, at the chance agreement seen.
    """
    import numpy
    from sklearn.metrics import cohen_kappa_score

    if len({*one, *other}) < 2:
        return Kappa(math.nan, math.nan, math.nan)
    scale = list(range(min(*one, *other), max(*one, *other) + 1))
    value = float(cohen_kappa_score(one, other, labels=scale, weights="quadratic"))
    if min(len({*one}), len({*other})) == 1:
        return Kappa(value, math.nan, math.nan)
    n, (a, b) = len(one), numpy.array([one, other], dtype=float) - scale[0]
    if value == 1:
        by_chance = float((numpy.subtract.outer(a, b) ** 2).mean())
        missed = 1 - wilson_interval(n, n)[0]  # this share may differ, by one step
        return Kappa(1.0, max(-1.0, 1 - missed / by_chance), 1.0)
    drawn = numpy.random.default_rng(0).integers(0, n, size=(_NUM_RESAMPLES, n))
    kappas = quadratic_kappas(a[drawn], b[drawn])
    low, high = (float(bound) for bound in numpy.quantile(kappas, [0.025, 0.975]))
    return Kappa(value, low, high)


def quadratic_kappas(a: numpy.ndarray, b: numpy.ndarray) -> numpy.ndarray:
    """Kappa of each row of two arrays, by moments, without rows in which it is not defined.

    For the resamples: scikit-learn takes some 5 ms for each.
    """
    by_chance = a.var(1) + b.var(1) + (a.mean(1) - b.mean(1)) ** 2
    defined = by_chance > 0
    kappas: numpy.ndarray = 1 - ((a - b) ** 2).mean(1)[defined] / by_chance[defined]
    return kappas
