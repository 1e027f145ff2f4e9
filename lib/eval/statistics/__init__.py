"""How sure: intervals of clustered values, paired comparisons, exact tests, words for them."""

# ruff: noqa: F401  # the public names of the room

from lib.eval.statistics.bootstrap import NUM_RESAMPLES
from lib.eval.statistics.clustered import MIN_CLUSTERS, Interval, intervals, wilson_interval
from lib.eval.statistics.pairs import (
    BETTER,
    CANNOT_TELL,
    WORSE,
    exact_p,
    holm,
    questions_needed,
    tested,
    turned,
    verdict,
)
from lib.eval.statistics.samples import ALPHA, Sample, make_sample
