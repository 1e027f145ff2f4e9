"""How likely chance alone is: two tests without scipy.stats, whose import takes seconds."""

from __future__ import annotations

from collections.abc import Sequence
from math import lgamma, log


def binomial_p(successes: int, trials: int, share: float) -> float:
    """The two-sided exact test: how likely a count as unlikely as this one, or more, is.

    As scipy.stats.binomtest has it. 1.0 of no trials.
    """
    import numpy as np

    if not 0 < share < 1:
        return float(successes == round(share * trials))
    counts = np.arange(trials + 1)
    ways = np.array([lgamma(trials + 1) - lgamma(k + 1) - lgamma(trials - k + 1) for k in counts])
    chances = np.exp(ways + counts * log(share) + (trials - counts) * log(1 - share))
    return min(1.0, float(chances[chances <= chances[successes] * (1 + 1e-7)].sum()))


def chi_square_p(counts: Sequence[int], expected: Sequence[float]) -> float:
    """How likely counts as far from the expected as these, or farther, are; 1.0 of fewer than two.

    As scipy.stats.chisquare has it.
    """
    from scipy.special import chdtrc

    if len(counts) < 2 or not all(expected):
        return 1.0
    distance = sum((c - e) ** 2 / e for c, e in zip(counts, expected, strict=True))
    return float(chdtrc(len(counts) - 1, distance))
