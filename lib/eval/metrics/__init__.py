"""What is measured without a judge: answers, quotes, refusals, retrieval, API calls.

- `score_answers`: answers → one Score a metric and answer.
- `score_retrieval`: retrieved cases → one Score a metric and case.
- `count_refusals`, `count_precision`: answers → counts, and the rates of these.
"""

from lib.eval.metrics.api_calls import API_CALL, calls_match, is_call
from lib.eval.metrics.overlap import (
    bleu,
    chrf,
    exact_match,
    f1,
    rouge,
)
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
from lib.text import normalise, tokens

__all__ = [
    "API_CALL",
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
    "bleu",
    "calls_match",
    "chrf",
    "count_precision",
    "count_refusals",
    "exact_match",
    "f1",
    "is_call",
    "normalise",
    "quotes_in_context",
    "rouge",
    "score_answers",
    "score_retrieval",
    "tokens",
]
