"""Tokens and money: what requests are expected to take, what they took, what a run may spend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.engine.faults import BudgetSpent
from lib.engine.prices import Price, load_prices
from lib.engine.replies import Reply
from lib.settings import SetupError

# A token is about 4 bytes of UTF-8 in most languages, and hardly ever less than 3.
_BYTES_PER_TOKEN, _FEWEST_BYTES_PER_TOKEN = 4, 3
_UNKNOWN_TOKENS = 256  # a reply's length, before there is one


@dataclass(frozen=True)
class Load:
    """What a request is expected to take, and at most."""

    tokens: float = 0.0  # prompt and completion
    most_tokens: float = 0.0
    most_cost: float = 0.0


@dataclass(frozen=True)
class Used:
    """What an answered request took."""

    tokens: int
    cost: float = 0.0


class Budget:
    """Lets a request go only when the most it can take still fits beside all that are in flight.

    So max_cost and max_tokens_total hold with 1 request in flight as with 256: towards the end
    fewer go at a time. 0 = no limit. Several endpoints can share one.
    """

    def __init__(
        self, *, max_cost: float = 0.0, max_tokens_total: int = 0, currency: str = ""
    ) -> None:
        for name, value in {"max_cost": max_cost, "max_tokens_total": max_tokens_total}.items():
            if value < 0:
                raise SetupError(f"{name} = {value}: expected 0 (no limit) or more. Change it.")
        self.max_cost, self.max_tokens_total, self.currency = max_cost, max_tokens_total, currency
        self.cost, self.tokens, self.requests = 0.0, 0, 0
        self.in_flight = 0  # requests, of all endpoints that share it
        self._held_cost = self._held_tokens = 0.0

    def fits(self, load: Load) -> bool:
        tokens = self.tokens + self._held_tokens + load.most_tokens
        cost = self.cost + self._held_cost + load.most_cost
        return (not self.max_tokens_total or tokens <= self.max_tokens_total) and (
            not self.max_cost or cost <= self.max_cost + 1e-9
        )

    def take(self, load: Load) -> None:
        self.in_flight += 1
        self._held_tokens += load.most_tokens
        self._held_cost += load.most_cost

    def settle(self, load: Load, used: Used | None) -> None:
        """The request ended; None: without a reply."""
        self.in_flight -= 1
        self._held_tokens -= load.most_tokens
        self._held_cost -= load.most_cost
        if used is not None:
            self.requests += 1
            self.tokens += used.tokens
            self.cost += used.cost

    def spent(self) -> BudgetSpent:
        """What to say when nothing more fits."""
        limits = []
        if self.max_cost:
            limits.append(
                f"{self.cost:.4g} of max_cost = {self.max_cost:g} {self.currency}".strip()
            )
        if self.max_tokens_total:
            limits.append(f"{self.tokens:,} of max_tokens_total = {self.max_tokens_total:,}")
        return BudgetSpent(
            f"{' and '.join(limits)} is spent by {self.requests:,} replies, and the next request "
            "may take more than is left. Every reply is kept: run this again to go on"
        )


class Meter:
    """The sums of one endpoint in this run. With no price, cost stays 0: nothing is guessed."""

    def __init__(self, price: Price | None) -> None:
        self.price = price
        self.requests = self.prompt_tokens = self.cached_tokens = self.completion_tokens = 0
        self.cost = 0.0
        self._lengths: dict[int, tuple[int, float]] = {}  # max_tokens → replies, mean length

    def load(self, request: Mapping[str, Any]) -> Load:
        """A reply is expected to be as long as others with the same max_tokens."""
        size, most = _size(request), request["max_tokens"]
        _, expected = self._lengths.get(most, (0, min(most, _UNKNOWN_TOKENS)))
        most_prompt = size / _FEWEST_BYTES_PER_TOKEN
        return Load(
            tokens=size / _BYTES_PER_TOKEN + expected,
            most_tokens=most_prompt + most,
            most_cost=self._cost(most_prompt, most),
        )

    def used(self, request: Mapping[str, Any], reply: Reply) -> Used:
        """By the reply's usage; where a server gives none, by characters."""
        read, written = reply.prompt_tokens, reply.completion_tokens
        if not read + written:
            read = _size(request) // _BYTES_PER_TOKEN
            written = len(reply.text.encode()) // _BYTES_PER_TOKEN
        count, mean = self._lengths.get(request["max_tokens"], (0, 0.0))
        self._lengths[request["max_tokens"]] = count + 1, mean + (written - mean) / (count + 1)
        return Used(read + written, self._cost(read, written, reply.cached_tokens))

    def load_of_texts(self, texts: list[str]) -> Load:
        size = sum(len(text.encode()) for text in texts)
        most = size / _FEWEST_BYTES_PER_TOKEN
        return Load(size / _BYTES_PER_TOKEN, most, self._cost(most, 0))

    def used_by_texts(self, tokens: int) -> Used:
        return Used(tokens, self._cost(tokens, 0))

    def count(self, used: Used, *, prompt: int, completion: int = 0, cached: int = 0) -> None:
        self.requests += 1
        self.prompt_tokens += prompt
        self.completion_tokens += completion
        self.cached_tokens += cached
        self.cost += used.cost

    def _cost(
        self, prompt_tokens: float, completion_tokens: float, cached_tokens: int = 0
    ) -> float:
        if self.price is None:
            return 0.0
        return self.price.of(
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cached_tokens=cached_tokens,
        )


def _size(request: Mapping[str, Any]) -> int:
    """Bytes of UTF-8 of what is said; that of pictures, or of no text, is not known."""
    said = (message.get("content") for message in request["messages"])
    return sum(len(content.encode()) for content in said if isinstance(content, str))


def budget_of(*, max_cost: float = 0.0, max_tokens_total: int = 0) -> Budget | None:
    """What a run may spend, in the currency of prices.yaml; None where nothing limits it.

    Raises:
        SetupError: a limit is below 0, or prices.yaml cannot be read.
    """
    if not max_cost and not max_tokens_total:
        return None
    currency = load_prices().currency
    return Budget(max_cost=max_cost, max_tokens_total=max_tokens_total, currency=currency)
