"""How sure: intervals of clustered values, paired comparisons, exact tests, words for them."""

# ruff: noqa: F401  # the public names of the room

from lib.eval.statistics.clustered import (
    ALPHA,
    MIN_CLUSTERS,
    NUM_RESAMPLES,
    Interval,
    Sample,
    intervals,
    make_sample,
    wilson_interval,
)
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
