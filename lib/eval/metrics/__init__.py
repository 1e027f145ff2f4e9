"""Metrics that need no judge: of answers, quotes, refusals, retrieval, API calls."""

# ruff: noqa: F401  # the public names of the room

from lib.eval.metrics.overlap import exact_match, f1
from lib.eval.metrics.retrieval import RETRIEVAL, RETRIEVER, score_retrieval
from lib.eval.metrics.scoring import (
    LOWER_IS_BETTER,
    METRICS,
    NO_ANSWER,
    QUOTES,
    QUOTES_IN_ORACLE,
    REFUSED_RIGHTLY,
    REFUSED_WRONGLY,
    no_answer,
    score_answers,
    verbatim,
)
