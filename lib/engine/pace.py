"""The pace that an endpoint bears, learnt from the requests that it refuses as too many (429)."""

import random
import time
from collections import deque

from lib.engine.budget import Estimate
from lib.engine.limits import RateLimit

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


class Pace:
    """One pause for all, then requests one by one at the rate of the last answers. The rate rises
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
