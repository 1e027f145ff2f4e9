"""What an answer takes, in seconds, tokens and money; and what all runs have cost."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lib.engine.ledger import Ledger
from lib.engine.prices import Cost, Prices, costs, load_prices
from lib.eval.conditions import meaning
from lib.eval.models import EvalModel
from lib.eval.report.page import Table, show, show_note, table_of
from lib.eval.wording import NONE
from lib.records import Answer
from lib.settings import PREFIXES, endpoint_settings

if TYPE_CHECKING:
    from IPython.display import HTML
    from pandas import DataFrame, Series

ALL = ""  # the condition of a row over all conditions
_HERE = ("localhost", "127.0.0.1", "::1")
_COLUMNS = ("model", "condition", "latency_s", "prompt_tokens", "completion_tokens")


def answer_usage(answers: Sequence[Answer]) -> DataFrame:
    """One row for each (condition, model), ALL conditions first: n, p50_s, p95_s (nearest rank),
    and the means of prompt_tokens and completion_tokens."""
    import pandas as pd

    rows = [tuple(getattr(answer, name) for name in _COLUMNS) for answer in answers]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    return (
        pd.concat([frame.assign(condition=ALL), frame])
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
    settings = endpoint_settings(model.role, model.run_name)
    if settings is None:
        return None
    if price := prices.of(settings.deployment):
        return price.of(prompt_tokens, completion_tokens)
    return 0.0 if urlsplit(settings.base_url).hostname in _HERE else None


def show_latency_and_cost(answers: Sequence[Answer], asked: Sequence[EvalModel]) -> HTML:
    """Seconds, tokens and cost of an answer: each model over all conditions, then under each."""
    prices = load_prices()
    usage = answer_usage(answers)
    conditions = list(dict.fromkeys(usage.index.get_level_values("condition")))
    rows = []
    for condition in conditions or [ALL]:
        title = f"{condition}: {meaning(condition)}" if condition else ""
        for model in asked:
            key = (condition, model.name)
            cells = _usage_cells(usage.loc[key] if key in usage.index else None, model, prices)
            rows.append({"Condition": title, "Model": model.name, **cells})
    if not rows:
        return show_note("No model was asked.")
    frame = table_of(rows, "Condition", "Model")
    note = (
        "Tokens: means. Latency as this evaluation saw it, with all its requests in flight; "
        f"another machine has another. Cost: by prices.yaml of {prices.as_of}, nothing cached; "
        f"“free” = served on this machine; “{NONE}” = prices.yaml has no price."
    )
    overall = Table("What an answer takes, all conditions together", frame.loc[""])
    under_each = Table("What an answer takes", frame.drop("", level=0))
    folds = [("Under each condition", under_each)] if len(under_each.frame) else []
    return show("tables.html.j2", one=overall, folds=folds, notes=[note])


def _usage_cells(one: Any, model: EvalModel, prices: Prices) -> dict[str, str]:
    """Of a row of `answer_usage`, or None."""
    names = ("Answers", "Median, s", "95th per\u00adcentile, s", "Tokens in", "Tokens out")
    money = (f"{prices.currency} an answer", f"{prices.currency} for 1,000")
    if one is None:
        return {"Answers": "0"} | dict.fromkeys((*names[1:], *money), NONE)
    tokens = {"prompt_tokens": one.prompt_tokens, "completion_tokens": one.completion_tokens}
    cost = cost_of(model, **tokens, prices=prices)
    cells = [f"{one.n:,.0f}", f"{one.p50_s:,.2f}", f"{one.p95_s:,.2f}"]
    cells += [f"{count:,.0f}" for count in tokens.values()]
    for times, places in ((1, 5), (1000, 2)):
        paid = NONE if cost is None else f"{times * cost:,.{places}f}"
        cells.append(paid if cost != 0 else "free")
    return dict(zip((*names, *money), cells, strict=True))


# --- all runs ------------------------------------------------------------------------------------


def ledger_costs(prices: Prices | None = None) -> list[Cost]:
    """What each role has asked of each model, in every run so far, as the ledger recorded it."""
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
    rows = [
        {
            "Role": one.role,
            "Model": one.model,
            "Requests": f"{one.usage.requests:,}",
            "Tokens in": f"{one.usage.prompt_tokens:,}",
            "Tokens out": f"{one.usage.completion_tokens:,}",
            prices.currency: NONE if one.cost is None else f"{one.cost:,.2f}",
        }
        for one in ledger_costs(prices)
    ]
    if not rows:
        return show_note("The ledger is empty: nothing was asked yet.")
    note = (
        f"By prices.yaml of {prices.as_of}; “{NONE}” = it has no price of that model (models that "
        "are served on this machine have none, and cost nothing)."
    )
    table = Table("What all runs so far have asked", table_of(rows, "Role"), note)
    return show("tables.html.j2", one=table)
