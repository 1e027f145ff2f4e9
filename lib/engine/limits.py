"""Requests and tokens per minute and per day, and how long the next request must wait for them.

A limit is reserved before a request starts and settled when it ends; None: without a reply.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable

from lib.engine.budget import Estimate, Used
from lib.engine.ledger import Ledger
from lib.recipe import Recipe


class RateLimit:
    """A steady rate of requests or tokens: at most a second's share at once, no burst a minute."""

    def __init__(
        self, per_minute: float, *, of: Callable[[Estimate], float], most_at_once_s: float = 1.0
    ) -> None:
        self.per_s, self._of = per_minute / 60, of
        self._most = max(1.0, self.per_s * most_at_once_s)
        self._level, self._at = self._most, time.monotonic()

    def delay_s(self, estimate: Estimate) -> float:
        now = time.monotonic()
        self._level = min(self._most, self._level + (now - self._at) * self.per_s)
        self._at = now
        # A request above a second's share starts when that share is there, and leaves a debt.
        return max(0.0, min(self._of(estimate), self._most) - self._level) / self.per_s

    def reserve(self, estimate: Estimate) -> None:
        self._level -= self._of(estimate)

    def settle(self, estimate: Estimate, used: Used | None) -> None:
        if used is not None:
            self._level += self._of(estimate) - self._of(Estimate(tokens=used.tokens))


class DailyLimit:
    """At most `tokens` in any 24 hours, earlier runs included."""

    def __init__(self, tokens: int, *, before: Iterable[tuple[float, int]] = ()) -> None:
        self._limit = tokens
        self._spent: deque[list[float]] = deque([at, float(count)] for at, count in before)
        self._total = sum(count for _, count in self._spent)

    def delay_s(self, estimate: Estimate) -> float:
        now = time.time()
        while self._spent and self._spent[0][0] <= now - 86400:
            self._total -= self._spent.popleft()[1]
        # A request above the limit starts when the window is empty.
        excess, delay_s = min(self._total, self._total + estimate.tokens - self._limit), 0.0
        for at, count in self._spent:  # the oldest leave the window first
            if excess <= 0:
                break
            excess, delay_s = excess - count, at + 86400 - now
        return delay_s

    def reserve(self, estimate: Estimate) -> None:
        self._add(estimate.tokens)

    def settle(self, estimate: Estimate, used: Used | None) -> None:
        self._add((used.tokens if used else 0) - estimate.tokens)

    def _add(self, tokens: float) -> None:
        minute = time.time() // 60 * 60
        if not self._spent or self._spent[-1][0] < minute:
            self._spent.append([minute, 0.0])
        self._spent[-1][1] += tokens
        self._total += tokens


Limit = RateLimit | DailyLimit


def limits_of(recipe: Recipe, ledger: Ledger, model: str) -> list[Limit]:
    """The limits of an account that the recipe names, for requests to one model."""
    limits: list[Limit] = []
    if recipe.requests_per_minute:
        limits.append(RateLimit(recipe.requests_per_minute, of=lambda estimate: 1.0))
    if recipe.tokens_per_minute:
        limits.append(RateLimit(recipe.tokens_per_minute, of=lambda estimate: estimate.tokens))
    if recipe.tokens_per_day:
        limits.append(DailyLimit(recipe.tokens_per_day, before=ledger.tokens_by_minute(model)))
    return limits
