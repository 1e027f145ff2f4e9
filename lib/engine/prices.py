"""Prices of tokens: prices.yaml, which the user edits. A missing price is never guessed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from lib.engine.faults import short
from lib.engine.ledger import Usage
from lib.settings import PROJECT_DIR, SetupError, home

_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_FIELDS = {"prompt", "cached", "completion"}


@dataclass(frozen=True)
class Price:
    """Of a million tokens."""

    prompt: float
    cached: float  # of prompt tokens from a prefix cache
    completion: float

    def of(self, prompt_tokens: float, completion_tokens: float, cached_tokens: float = 0) -> float:
        """`cached_tokens` are some of the prompt_tokens."""
        return (
            (prompt_tokens - cached_tokens) * self.prompt
            + cached_tokens * self.cached
            + completion_tokens * self.completion
        ) / 1e6


@dataclass(frozen=True)
class Prices:
    as_of: str  # the day it was checked, YYYY-MM-DD
    currency: str
    models: dict[str, Price]

    def of(self, model: str) -> Price | None:
        """By the model's name, by its name without a date, else by the longest pattern."""
        for name in (model, _SNAPSHOT.sub("", model)):
            if name in self.models:
                return self.models[name]
        patterns = [name for name in self.models if fnmatchcase(model, name)]
        return self.models[max(patterns, key=len)] if patterns else None


@dataclass(frozen=True)
class Cost:
    role: str
    model: str
    usage: Usage
    cost: float | None  # in the prices' currency; None: there is no price


def costs(usages: Mapping[tuple[str, str], Usage], prices: Prices) -> list[Cost]:
    """`costs(ledger.usage_by_model(since=mark), load_prices())`: a line for each role and model."""
    lines = []
    for (role, model), usage in usages.items():
        price = prices.of(model)
        tokens = (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
        lines.append(Cost(role, model, usage, price.of(*tokens) if price else None))
    return lines


def show_costs(lines: Sequence[Cost], prices: Prices) -> None:
    for line in lines:
        usage = line.usage
        cost = f"cost unknown: no price for '{line.model}' in prices.yaml"
        if line.cost is not None:
            cost = f"{line.cost:,.2f} {prices.currency} (prices of {prices.as_of})"
        print(
            f"{line.role:<10} {line.model}: {usage.requests:,} requests, {usage.prompt_tokens:,} "
            f"prompt tokens ({usage.cached_tokens:,} cached), {usage.completion_tokens:,} "
            f"completion tokens, {cost}"
        )


def load_prices() -> Prices:
    """Read the user's prices.yaml beside `.env`, else the project's."""
    import yaml

    own = home() / "prices.yaml"
    path = own if own.exists() else PROJECT_DIR / "prices.yaml"
    try:
        return _read(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise SetupError(
            f"{path} cannot be read: {short(error)}. Expected as_of, currency and models, each as "
            "`name: {prompt: 0.15, cached: 0.075, completion: 0.60}`, of a million tokens (cached "
            "may be left out)."
        ) from error


@cache  # each endpoint and each table of costs wants them
def _read(text: str) -> Prices:
    import yaml

    data = yaml.safe_load(text)
    models = {str(name): _price(str(name), row) for name, row in data["models"].items()}
    return Prices(str(data["as_of"]), str(data["currency"]), models)


def _price(name: str, row: dict[str, float]) -> Price:
    """`{prompt: 0.15, completion: 0.60}` → a Price; cached tokens then cost as the others."""
    numbers = all(isinstance(value, int | float) and value >= 0 for value in row.values())
    if not numbers or not {"prompt", "completion"} <= row.keys() <= _FIELDS:
        raise ValueError(f"the price of '{name}' is {row}")
    return Price(row["prompt"], row.get("cached", row["prompt"]), row["completion"])
