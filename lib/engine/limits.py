"""Requests and tokens per minute and per day: how long the next request must wait for them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from lib.engine.budget import Load, Used
from lib.engine.ledger import Ledger
from lib.settings import SetupError

Clock = Callable[[], float]


class Limit(Protocol):
    """Something that requests share: each is asked for before it goes, and told afterwards."""

    def delay_s(self, load: Load) -> float:
        """Seconds until it may go; 0 = now."""

    def take(self, load: Load) -> None: ...

    def settle(self, load: Load, used: Used | None) -> None:
        """The request ended; None: without a reply."""


@dataclass(frozen=True)
class Limits:
    """What an account may send to a model; 0 = no limit that we need to keep."""

    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    tokens_per_day: int = 0  # in any 24 hours, runs before this one included

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0:
                raise SetupError(f"{name} = {value}: expected 0 (no limit) or more. Change it.")

    def start(self, ledger: Ledger, model: str) -> list[Limit]:
        limits: list[Limit] = []
        if self.requests_per_minute:
            limits.append(Rate(self.requests_per_minute, of=lambda load: 1.0))
        if self.tokens_per_minute:
            limits.append(Rate(self.tokens_per_minute, of=lambda load: load.tokens))
        if self.tokens_per_day:
            before = ledger.tokens_by_minute(model)
            limits.append(DayWindow(self.tokens_per_day, before=before))
        return limits


class Rate:
    """A steady flow of requests or tokens: a second's worth at once, never a burst a minute."""

    def __init__(
        self, per_minute: float, *, of: Callable[[Load], float], clock: Clock = time.monotonic
    ) -> None:
        self.per_s, self._of, self._clock = per_minute / 60, of, clock
        self._most = max(1.0, self.per_s)
        self._level, self._at = self._most, clock()

    def delay_s(self, load: Load) -> float:
        now = self._clock()
        self._level = min(self._most, self._level + (now - self._at) * self.per_s)
        self._at = now
        # What is larger than a second's worth goes when that is there, and leaves a debt.
        return max(0.0, min(self._of(load), self._most) - self._level) / self.per_s

    def take(self, load: Load) -> None:
        self._level -= self._of(load)

    def settle(self, load: Load, used: Used | None) -> None:
        if used is not None:
            self._level += self._of(load) - self._of(Load(tokens=used.tokens))


class DayWindow:
    """At most `tokens` in any 24 hours, those before this run included."""

    def __init__(
        self, tokens: int, *, before: Iterable[tuple[float, int]] = (), clock: Clock = time.time
    ) -> None:
        self._limit, self._clock = tokens, clock
        self._spent: deque[list[float]] = deque([at, float(count)] for at, count in before)
        self._total = sum(count for _, count in self._spent)

    def delay_s(self, load: Load) -> float:
        now = self._clock()
        while self._spent and self._spent[0][0] <= now - 86400:
            self._total -= self._spent.popleft()[1]
        # One that is larger than the limit goes when the window is empty.
        excess, delay_s = min(self._total, self._total + load.tokens - self._limit), 0.0
        for at, count in self._spent:  # the oldest first: what leaves the window makes room
            if excess <= 0:
                break
            excess, delay_s = excess - count, at + 86400 - now
        return delay_s

    def take(self, load: Load) -> None:
        self._add(load.tokens)

    def settle(self, load: Load, used: Used | None) -> None:
        self._add((used.tokens if used else 0) - load.tokens)

    def _add(self, tokens: float) -> None:
        minute = self._clock() // 60 * 60
        if not self._spent or self._spent[-1][0] < minute:
            self._spent.append([minute, 0.0])
        self._spent[-1][1] += tokens
        self._total += tokens
