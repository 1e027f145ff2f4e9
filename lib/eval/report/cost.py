"""What an answer takes, in seconds, tokens and money; and what all runs have cost."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from lib.endpoints import PREFIXES, endpoint_settings
from lib.engine.ledger import Ledger
from lib.engine.prices import Cost, Prices, costs, load_prices
from lib.engine.transport import LOCAL_HOSTS
from lib.eval.models import EvalModel
from lib.eval.report.page import HTML, show
from lib.records import Answer


def answer_usage(answers: Sequence[Answer]) -> Any:
    """A row (pandas) for each model: n, p50_s, p95_s, mean prompt_tokens and completion_tokens."""
    import pandas as pd

    names = ("model", "latency_s", "prompt_tokens", "completion_tokens")
    rows = [tuple(getattr(answer, name) for name in names) for answer in answers]
    return (
        pd.DataFrame(rows, columns=list(names))
        .groupby("model", sort=False)
        .agg(
            n=("latency_s", "size"),
            p50_s=("latency_s", "median"),
            p95_s=("latency_s", lambda seconds: seconds.quantile(0.95)),
            prompt_tokens=("prompt_tokens", "mean"),
            completion_tokens=("completion_tokens", "mean"),
        )
    )


def cost_of(
    model: EvalModel, *, prompt_tokens: float, completion_tokens: float, prices: Prices
) -> float | None:
    """The cost of an answer of so many tokens, as if nothing was cached; None: no price is known.

    A model without a price costs nothing if it is served on this machine.
    """
    settings = endpoint_settings(model.role, model.run_name)
    if settings is None:
        return None
    if price := prices.of(settings.deployment):
        return price.of(prompt_tokens, completion_tokens)
    return 0.0 if urlsplit(settings.base_url).hostname in LOCAL_HOSTS else None


def show_latency_and_cost(answers: Sequence[Answer], asked: Sequence[EvalModel]) -> HTML:
    """Seconds, tokens and cost of an answer of each model, over all conditions."""
    prices = load_prices()
    rows = []
    for name, used in answer_usage(answers).iterrows():
        tokens = used[["prompt_tokens", "completion_tokens"]].to_dict()
        found = [cost_of(model, **tokens, prices=prices) for model in asked if model.name == name]
        rows.append((name, used, next(iter(found), None)))
    return show("latency.html.j2", rows=rows, prices=prices)


def ledger_costs(prices: Prices | None = None) -> list[Cost]:
    """What each role has asked of each model, in every run so far."""
    prices = prices or load_prices()
    with closing(Ledger()) as ledger:
        used = ledger.usage_by_model()
    order = {role: place for place, role in enumerate(PREFIXES)}
    return sorted(
        costs(used, prices), key=lambda one: (order.get(one.role, len(order)), one.role, one.model)
    )


def show_cost() -> HTML:
    """Requests, tokens and cost of each role and model, of every run so far."""
    prices = load_prices()
    return show("cost.html.j2", costs=ledger_costs(prices), prices=prices)
