"""Results and losses with known figures, of any number of models."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lib.eval.metrics import REFUSED_RIGHTLY, RETRIEVER
from lib.eval.metrics.losses import LOSSES
from lib.eval.results import Comparison, Estimate, Primary, Results

CONDITIONS = (
    "closed_book",
    "oracle",
    "oracle_distractors",
    "distractors_only",
    "top_3",
    "top_5",
    "top_7",
)
PRIMARY = "top_5"
ODD = "gpt-4o <b>$x_1$ & the very long name of an endpoint in somebody's cloud -->"
MODELS = ("ours", "theirs", "theirs, plain prompt", ODD, "fifth", "sixth")


def estimate(model: str, condition: str, value: float, metric: str = "exact_match") -> Estimate:
    known = not math.isnan(value)
    low, high = max(0.0, value - 0.1), min(1.0, value + 0.1)
    if not known:
        low = high = math.nan
    return Estimate(model, condition, metric, 60 if known else 0, 0, value, low, high, "bca")


def comparison(
    model: str, against: str, condition: str, difference: float, *, verdict: str = "cannot tell"
) -> Comparison:
    metric = REFUSED_RIGHTLY if condition == "distractors_only" else "exact_match"
    arms = (difference - 0.1, difference + 0.1)
    return Comparison(
        *(model, against, condition, metric, 57, 0.5, 0.5 - difference, difference, *arms),
        *(0.95, 9, 8, 0.5, 1.0, verdict, None),
    )


def results(models: Sequence[str] = MODELS[:2], conditions: Sequence[str] = CONDITIONS) -> Results:
    """The model at place i: 70% - 9 i - the condition's place; the difference to it 13 + i."""
    estimates = [
        estimate(model, condition, 0.7 - 0.09 * i - 0.01 * place)
        for i, model in enumerate(models)
        for place, condition in enumerate(conditions)
        if condition != "distractors_only"
    ]
    estimates += [
        estimate(RETRIEVER, condition, 0.95, "hit_rate")
        for condition in conditions
        if condition.startswith("top_")
    ]
    comparisons = [
        comparison(models[0], against, condition, 0.12 + 0.01 * i, verdict="better")
        for condition in conditions
        for i, against in enumerate(models[1:], 1)
    ]
    primary = Primary("".join(models[1:2]), PRIMARY)
    return Results(tuple(models), tuple(conditions), estimates, comparisons, primary)


def losses(
    models: Sequence[str] = MODELS[:2],
    conditions: Sequence[str] = CONDITIONS,
    counts: Sequence[int] = (900, 1, 1, 1, 1, 96),
) -> dict[tuple[str, str], dict[str, int]]:
    """`counts` in the order of LOSSES."""
    return {
        (model, condition): dict(zip(LOSSES, counts, strict=True))
        for model in models
        for condition in conditions
    }
