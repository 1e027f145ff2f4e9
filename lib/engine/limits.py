"""How long the next request must wait for the limits of an account, and for the endpoint's pace.

A limit is reserved before a request starts and settled when it ends; None: without a reply.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterable

from lib.engine.budget import Estimate, Used
from lib.engine.ledger import Ledger
from lib.recipe import Recipe

# All requests pause at 3 refusals in a row, or when more than a quarter is refused for a while: a
# refusal adds 1, a request that is not refused takes a third off. A few are each request's own.
_STRAIN, _RELIEF = 3.0, 1 / 3
_LONGEST_PAUSE_S = 60.0  # of the pauses whose length we choose
_LONGER = 1.5  # each pause in a row after which nothing was answered
_SLOWER = 0.8  # the pace after such a pause
_LEAST_PER_S = 1.0
_MEASURED, _SHORTEST_S = 32, 0.5  # answers, and the time over which their rate is taken
_RISES_IN_S = 4.0  # by the rate that was measured, …
_RISES_TO_SLOTS_IN_S = 32.0  # … or to a request a second for each slot, if that is sooner


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


class Pace:
    """The pace that an endpoint bears, learnt from the requests that it refuses as too many (429).

    One pause for all, then requests one by one at the rate of the last answers. The rate rises
    by the same amount each second (additive increase), on the evidence of answers.
    """

    def __init__(self, slots: int) -> None:
        self._slots, self._strain, self._useless_pauses = slots, 0.0, 0
        self._paused_at = self._paused_until = 0.0
        self._limit: RateLimit | None = None  # None: there was no pause yet
        self._rise_per_s2 = 0.0
        self._answers = deque[float](maxlen=_MEASURED)  # when the last came
        self._started = self._answered = 0  # since the last pause

    def delay_s(self, estimate: Estimate) -> float:
        pace_s = self._limit.delay_s(estimate) if self._limit else 0.0
        return max(self._paused_until - time.monotonic(), pace_s)

    def reserve(self, estimate: Estimate) -> None:
        self._started, self._strain = self._started + 1, max(0.0, self._strain - _RELIEF)
        if self._limit:
            self._limit.reserve(estimate)

    def answer(self, started_at: float) -> None:
        self._answers.append(time.monotonic())
        if started_at >= self._paused_at:
            self._answered += 1
            if self._limit:
                self._limit.per_s += self._rise_per_s2 / self._limit.per_s

    def refuse(self, started_at: float, asked_s: float | None, *, longest_s: float) -> None:
        """A request was refused. A pause is as long as the endpoint asks for; else as we choose,
        at most longest_s.
        """
        if started_at < self._paused_at:  # it says nothing about the time since then
            return
        self._strain += 1 + _RELIEF
        if self._strain < _STRAIN:
            return
        useless = self._limit is not None and not self._answered
        self._useless_pauses = self._useless_pauses + 1 if useless else 0
        if len(self._answers) > 1:
            took_s = max(self._answers[-1] - self._answers[0], _SHORTEST_S)
            per_s = (len(self._answers) - 1) / took_s
        else:
            per_s = (self._started - self._strain) / _SHORTEST_S
        self._rise_per_s2 = max(per_s / _RISES_IN_S, self._slots / _RISES_TO_SLOTS_IN_S)
        per_s = max(_LEAST_PER_S, per_s * _SLOWER**self._useless_pauses)
        self._limit = RateLimit(60 * per_s, of=lambda estimate: 1.0, most_at_once_s=0.05)
        longest_s = min(longest_s, _LONGEST_PAUSE_S)
        chosen_s = min(longest_s, _LONGER ** min(self._useless_pauses, 30) * random.uniform(0.5, 1))
        self._paused_at = time.monotonic()
        self._paused_until = max(self._paused_until, self._paused_at + (asked_s or chosen_s))
        self._started, self._answered, self._strain = 0, 0, 0.0


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
