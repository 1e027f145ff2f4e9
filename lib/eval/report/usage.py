"""What an answer takes: seconds, tokens and money, by model and condition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from lib.engine.prices import Prices, load_prices
from lib.eval.models import EvalModel
from lib.records import Answer
from lib.settings import endpoint_settings

_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class AnswerUsage:
    """Of one model, under one condition or all."""

    model: str
    condition: str  # "" = all
    n: int  # answers
    p50_s: float  # latency, NaN of no answer; so are the next
    p95_s: float
    prompt_tokens: float  # a mean answer's
    completion_tokens: float
    cost: float | None  # of a mean answer, in the prices' currency; None: no price is known


def answer_usage(
    answers: Sequence[Answer], asked: Sequence[EvalModel], *, prices: Prices | None = None
) -> list[AnswerUsage]:
    """Each model over all conditions, then under each, in the order of `asked` and the answers.

    Costs are by prices.yaml, as if each answer had been asked alone and nothing cached. A model
    that has no price there costs nothing if it is served on this machine.
    """
    prices = prices or load_prices()
    conditions = ["", *dict.fromkeys(answer.condition for answer in answers)]
    return [
        _usage(model, condition, answers, prices) for condition in conditions for model in asked
    ]


def _usage(
    model: EvalModel, condition: str, answers: Sequence[Answer], prices: Prices
) -> AnswerUsage:
    mine = [a for a in answers if a.model == model.name and condition in ("", a.condition)]
    seconds = sorted(a.latency_s for a in mine)
    prompt = _mean([a.prompt_tokens for a in mine])
    completion = _mean([a.completion_tokens for a in mine])
    return AnswerUsage(
        model=model.name,
        condition=condition,
        n=len(mine),
        p50_s=percentile(seconds, 0.50),
        p95_s=percentile(seconds, 0.95),
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost=_cost(model, prompt, completion, prices) if mine else None,
    )


def _cost(model: EvalModel, prompt: float, completion: float, prices: Prices) -> float | None:
    settings = endpoint_settings(model.role)
    if settings is None:
        return None
    if price := prices.of(settings.deployment):
        return price.of(prompt_tokens=prompt, completion_tokens=completion)
    return 0.0 if urlsplit(settings.base_url).hostname in _HERE else None


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of ascending values, by the nearest rank; NaN of none."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else math.nan
