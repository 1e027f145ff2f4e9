"""How likely chance alone is: exact tests of pairs that come in clusters, and Holm's correction.

Without scipy.stats, whose import takes seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lib.eval.statistics.samples import TINY


def exact_p(totals: Sequence[float], *, binary: bool) -> float:
    """The two-sided exact p of "neither model is better"; 1.0 where no cluster differs.

    If that is so, the two models' answers to a cluster's questions could as well be exchanged:
    each cluster's total difference is as likely to be as it is as to have the other sign.

    - Of a metric that is 0 or 1 (`binary`): how often so large a sum of the totals comes from
      random signs. With one question a cluster this is McNemar's exact test, the binomial on the
      discordant pairs. Several questions of one chunk change sides together: counted one by one,
      equal models would be told apart at 5% in 16% of cases (70 questions, 4 a chunk, these very
      much alike), so in 5% (`python -m benchmarks interval_coverage`).
    - Of any other: the sign test, on the signs of the clusters' totals.

    Args:
        totals: of each cluster, its sum of differences; whole numbers if binary.
    """
    differing = [total for total in totals if abs(total) > TINY]
    sizes = [round(abs(total)) if binary else 1 for total in differing]
    if not all(sizes):
        raise ValueError(f"differences of a metric that is 0 or 1 are whole: {differing}")
    signed = [math.copysign(s, total) for s, total in zip(sizes, differing, strict=True)]
    return _sign_flip_p(sizes, abs(round(sum(signed))))


def _sign_flip_p(sizes: Sequence[int], distance: int) -> float:
    """How likely a sum of these numbers with random signs is at least so far from 0."""
    if not distance:
        return 1.0
    if all(size == 1 for size in sizes):
        n = len(sizes)
        fewer = sum(math.comb(n, k) for k in range((n - distance) // 2 + 1))
        return min(1.0, 2 * fewer / 2**n)
    import numpy

    chances = numpy.ones(1)  # of the sums -total, …, total
    for size in sizes:
        wider = numpy.zeros(len(chances) + 2 * size)
        wider[: len(chances)] = chances / 2
        wider[2 * size :] += chances / 2
        chances = wider
    middle = len(chances) // 2
    return min(1.0, 2 * float(chances[middle + distance :].sum()))


def holm(ps: Sequence[float]) -> list[float]:
    """Corrected for as many tests, in their order (Holm 1979).

    With 95% certainty no test with a corrected p below 0.05 is mere chance, however the tests
    depend on each other.
    """
    corrected, largest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = largest
    return corrected
