"""Metrics that need no judge: of answers, quotes, refusals, retrieval, API calls.

- `score_answers`: answers → one Score per metric and answer.
- `score_retrieval`: retrieved cases → one Score per metric and case.
- `count_refusals`, `count_precision`: answers → counts and their rates.
"""

from lib.eval.metrics.overlap import exact_match, f1
from lib.eval.metrics.quotes import QUOTES, QUOTES_IN_ORACLE, quotes_in_context
from lib.eval.metrics.refusals import (
    REFUSED_RIGHTLY,
    REFUSED_WRONGLY,
    Precision,
    Refusals,
    count_precision,
    count_refusals,
)
from lib.eval.metrics.retrieval import RETRIEVAL, RETRIEVER, score_retrieval
from lib.eval.metrics.scoring import CORRECTNESS, LOWER_IS_BETTER, METRICS, ROUGE_2, score_answers

__all__ = [
    "CORRECTNESS",
    "LOWER_IS_BETTER",
    "METRICS",
    "QUOTES",
    "QUOTES_IN_ORACLE",
    "REFUSED_RIGHTLY",
    "REFUSED_WRONGLY",
    "RETRIEVAL",
    "RETRIEVER",
    "ROUGE_2",
    "Precision",
    "Refusals",
    "count_precision",
    "count_refusals",
    "exact_match",
    "f1",
    "quotes_in_context",
    "score_answers",
    "score_retrieval",
]
