"""What an answer takes: seconds, tokens and money, by model and condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lib.engine.prices import Prices
from lib.eval.models import EvalModel
from lib.records import Answer
from lib.settings import endpoint_settings

if TYPE_CHECKING:
    from pandas import DataFrame, Series

ALL = ""  # the condition of a row over all conditions
_HERE = ("localhost", "127.0.0.1", "::1")
_COLUMNS = ("model", "condition", "latency_s", "prompt_tokens", "completion_tokens")


def answer_usage(answers: Sequence[Answer], *, by_condition: bool = False) -> DataFrame:
    """One row for each (condition, model), ALL conditions first: n, p50_s, p95_s (nearest rank),
    and the means of prompt_tokens and completion_tokens."""
    import pandas as pd

    rows = [tuple(getattr(answer, name) for name in _COLUMNS) for answer in answers]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    frames = [frame.assign(condition=ALL), *([frame] if by_condition else [])]
    return (
        pd.concat(frames)
        .groupby(["condition", "model"], sort=False)
        .agg(
            n=("latency_s", "size"),
            p50_s=("latency_s", lambda s: _nearest_rank(s, 0.50)),
            p95_s=("latency_s", lambda s: _nearest_rank(s, 0.95)),
            prompt_tokens=("prompt_tokens", "mean"),
            completion_tokens=("completion_tokens", "mean"),
        )
    )


def _nearest_rank(values: Series, share: float) -> float:
    import numpy as np

    return float(np.quantile(values, share, method="inverted_cdf"))


def cost_of(
    model: EvalModel, *, prompt_tokens: float, completion_tokens: float, prices: Prices
) -> float | None:
    """The cost of an answer of so many tokens, as if nothing was cached; None: no price is known.

    A model without a price costs nothing if it is served on this machine.
    """
    settings = endpoint_settings(model.role)
    if settings is None:
        return None
    if price := prices.of(settings.deployment):
        return price.of(prompt_tokens, completion_tokens)
    return 0.0 if urlsplit(settings.base_url).hostname in _HERE else None
