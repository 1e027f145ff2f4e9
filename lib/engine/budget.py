"""Tokens and money: estimates for requests, their actual usage, and the budget of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.engine.faults import BudgetSpent, Fault
from lib.engine.prices import Price, Prices, load_prices
from lib.engine.replies import Reply, usage_of
from lib.recipe import Recipe
from lib.settings import SetupError

# A token is about 4 bytes of UTF-8 in most languages, and hardly ever less than 3.
BYTES_PER_TOKEN, _FEWEST_BYTES_PER_TOKEN = 4, 3
_FIRST_REPLY_TOKENS = 256  # expected, before there is a reply


@dataclass(frozen=True)
class Estimate:
    """The tokens that a request is expected to take, and the most that it can take."""

    tokens: float = 0.0  # prompt and completion
    most_tokens: float = 0.0
    most_cost: float = 0.0


@dataclass(frozen=True)
class Used:
    tokens: int
    cost: float = 0.0
    answered: bool = True  # False: it timed out, so this is what it may have taken


class Budget:
    """A request fits when the most it can take fits beside all requests in flight.

    So max_cost and max_tokens_total hold with 1 request in flight as with 256: towards the end
    fewer are in flight. 0 = no limit. Several endpoints can share one budget.
    """

    def __init__(
        self, *, max_cost: float = 0.0, max_tokens_total: int = 0, currency: str = ""
    ) -> None:
        self.max_cost, self.max_tokens_total, self.currency = max_cost, max_tokens_total, currency
        self.cost, self.tokens, self.requests, self.timed_out = 0.0, 0, 0, 0
        self.in_flight = 0  # requests, of all endpoints that share it
        self._reserved_cost = self._reserved_tokens = 0.0

    def fits(self, estimate: Estimate) -> bool:
        tokens = self.tokens + self._reserved_tokens + estimate.most_tokens
        cost = self.cost + self._reserved_cost + estimate.most_cost
        return (not self.max_tokens_total or tokens <= self.max_tokens_total) and (
            not self.max_cost or cost <= self.max_cost + 1e-9
        )

    def reserve(self, estimate: Estimate) -> None:
        self.in_flight += 1
        self._reserved_tokens += estimate.most_tokens
        self._reserved_cost += estimate.most_cost

    def settle(self, estimate: Estimate, used: Used | None) -> None:
        """The request ended; None: free."""
        self.in_flight -= 1
        self._reserved_tokens -= estimate.most_tokens
        self._reserved_cost -= estimate.most_cost
        if used is not None:
            self.requests += used.answered
            self.timed_out += not used.answered
            self.tokens += used.tokens
            self.cost += used.cost

    def spent(self) -> BudgetSpent:
        cost = f"{self.cost:.4g} of max_cost = {self.max_cost:g} {self.currency}".strip()
        tokens = f"{self.tokens:,} of max_tokens_total = {self.max_tokens_total:,}"
        limits = [cost] * bool(self.max_cost) + [tokens] * bool(self.max_tokens_total)
        by = f"{self.requests:,} replies"
        if self.timed_out:
            by += f" and, if they are billed, {self.timed_out:,} requests that timed out"
        return BudgetSpent(
            f"{' and '.join(limits)} is spent by {by}, and the next request may take more than is "
            "left. Every reply is in the ledger: run this again from its beginning to go on"
        )


class Meter:
    """The sums over one endpoint's replies in this run. Without a price the cost stays 0."""

    def __init__(self, price: Price | None) -> None:
        self.price, self.tokens, self.cost = price, 0, 0.0
        self.unread = 0  # replies that could not be read
        self.timed_out, self.timed_out_cost = 0, 0.0  # apart: perhaps they are not billed
        self._lengths: dict[int, tuple[int, float]] = {}  # max_tokens → replies, mean length

    def estimate(self, request: Mapping[str, Any]) -> Estimate:
        """A reply is expected to be as long as the others with the same max_tokens."""
        size, most = _prompt_bytes(request), request.get("max_tokens", 0)
        most_prompt = size / _FEWEST_BYTES_PER_TOKEN
        return Estimate(
            tokens=size / BYTES_PER_TOKEN + self._expected(most),
            most_tokens=most_prompt + most,
            most_cost=self._cost(most_prompt, most),
        )

    def count(self, request: Mapping[str, Any], reply: Reply) -> Used:
        """By the reply's usage; by the length of the text where a server reports none."""
        read, written = reply.prompt_tokens, reply.completion_tokens
        if not read + written:
            read = _prompt_bytes(request) // BYTES_PER_TOKEN
            written = len(reply.text.encode()) // BYTES_PER_TOKEN
        most = request.get("max_tokens", 0)
        count, mean = self._lengths.get(most, (0, 0.0))
        self._lengths[most] = count + 1, mean + (written - mean) / (count + 1)
        return self._add(read, written, reply.cached_tokens)

    def count_fault(
        self, fault: Fault, request: Mapping[str, Any], data: Mapping[str, Any]
    ) -> Used | None:
        """A reply that came and cannot be read is paid, one that timed out may be; None: free.

        By the usage in its data, else as long as it was expected to be. A time-out is in no sum of
        this endpoint but `timed_out_cost`; the budget counts it as spent.
        """
        read = _prompt_bytes(request) // BYTES_PER_TOKEN
        written = round(self._expected(request.get("max_tokens", 0)))
        if fault.is_paid:
            self.unread += 1
            usage = usage_of(data)
            known = usage.prompt_tokens + usage.completion_tokens
            return self.count(request, usage) if known else self._add(read, written)
        if fault.kind == "timeout":
            cost = self._cost(read, written)
            self.timed_out, self.timed_out_cost = self.timed_out + 1, self.timed_out_cost + cost
            return Used(read + written, cost, answered=False)
        return None

    def _expected(self, most: int) -> float:
        """The completion tokens of a reply with this max_tokens."""
        return self._lengths.get(most, (0, min(most, _FIRST_REPLY_TOKENS)))[1]

    def _add(self, read: int, written: int, cached: int = 0) -> Used:
        used = Used(read + written, self._cost(read, written, cached))
        self.tokens += used.tokens
        self.cost += used.cost
        return used

    def _cost(self, prompt: float, completion: float, cached: int = 0) -> float:
        return self.price.of(prompt, completion, cached) if self.price is not None else 0.0


def meter_of(model: str, prices: Prices, budget: Budget | None) -> Meter:
    """SetupError: the budget limits the cost, and the model has no price."""
    meter = Meter(prices.of(model))
    if budget and budget.max_cost and meter.price is None:
        raise SetupError(
            f"max_cost is set, but prices.yaml has no price for '{model}'. Add it there, or set "
            "max_tokens_total instead."
        )
    return meter


def _prompt_bytes(request: Mapping[str, Any]) -> int:
    """Bytes of a request's text in UTF-8; pictures do not count."""
    texts = request.get("input") or (message.get("content") for message in request["messages"])
    found = [text for text in texts if isinstance(text, str)]
    return sum(len(text) if text.isascii() else len(text.encode()) for text in found)


def budget_of(recipe: Recipe) -> Budget:
    """What all that is asked with this recipe may spend, in the currency of prices.yaml."""
    made: Budget = vars(recipe).setdefault(
        "_budget",  # beside the knobs: a copy with another value has a budget of its own
        Budget(
            max_cost=recipe.max_cost,
            max_tokens_total=recipe.max_tokens_total,
            currency=load_prices().currency,
        ),
    )
    return made
