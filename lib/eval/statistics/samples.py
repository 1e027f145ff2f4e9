"""Values that come in clusters: questions made from one chunk rise and fall together."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy

ALPHA = 0.05  # the level of a test; 1 - ALPHA is the coverage of its interval
TINY = 1e-12  # sums of fractions are equal to within this


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
    if len(which) != len(found):
        raise ValueError(f"{len(found)} values and {len(which)} clusters")
    return Sample(
        gains=numpy.bincount(which, weights=numpy.maximum(found, 0)),
        losses=numpy.bincount(which, weights=numpy.maximum(-found, 0)),
        sizes=numpy.bincount(which).astype(float),
        paired=paired,
    )
