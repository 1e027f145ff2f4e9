"""When each request may start: slots, priorities, limits, and one pause for all."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from lib.engine.budget import Budget, Estimate, Used
from lib.engine.limits import Limit, RateLimit

_RAMP_DOUBLES_S = 8.0
_SHORTEST_WINDOW_S = 0.5  # a rate is not measured over less time
_NEGLIGIBLE_S = 1e-4
_BUDGET_POLL_S = 0.1  # between checks whether another endpoint has released some of the budget
_LONGEST_PAUSE_S = 60.0  # of the pauses whose length we choose


@dataclass(order=True)
class Entry:
    """A request's place in the queue; it keeps its number when it is queued again after a fault."""

    priority: int
    number: int
    estimate: Estimate = field(compare=False)
    start: asyncio.Future[None] | None = field(default=None, compare=False)  # set: it may start
    started_at: float = field(default=0.0, compare=False)

    @property
    def waits(self) -> bool:
        return self.start is not None and not self.start.done()


class Scheduler:
    """Gives the slots of one endpoint to the requests that wait for them.

    A free slot goes to the lowest priority number, first come first served within it. Numbers above
    0 are for requests that lead to further requests, as questions lead to answers: they start when
    fewer than `slots` other requests wait. So rows are finished early, and no slot is idle at the
    end.
    """

    def __init__(self, slots: int, *, limits: Sequence[Limit] = (), budget: Budget) -> None:
        self._slots = self._free = slots
        self._limits, self._budget = list(limits), budget
        self._queue: list[Entry] = []
        self._low_priority: list[Entry] = []  # priorities above 0
        self._delayed: dict[int, Entry] = {}  # until their next attempt
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._stopped: Exception | None = None
        self._ramp: _RampUp | None = None
        self._paused_until = 0.0
        # Since the last pause: the requests accepted. And the pauses in a row without any.
        self._window_start, self._accepted, self._useless_pauses = time.monotonic(), 0, 0

    @property
    def in_flight(self) -> int:
        return self._slots - self._free

    @property
    def pause_s(self) -> float:
        """Seconds until the next request may start, because of the endpoint or a limit."""
        if self._timer is None:
            return 0.0
        return max(0.0, self._timer.when() - asyncio.get_running_loop().time())

    def entry(self, estimate: Estimate, *, priority: int = 0) -> Entry:
        return Entry(priority, next(self._numbers), estimate)

    async def wait(self, entry: Entry, *, after_s: float = 0.0) -> None:
        """Return when the request may start, after_s from now at the earliest; `end` it later.

        Raises:
            The error given to `stop`; BudgetSpent: it does not fit into the budget and never will.
        """
        if self._stopped is not None:
            raise self._copy(self._stopped)
        loop = asyncio.get_running_loop()
        entry.start = loop.create_future()
        if after_s > 0:
            self._delayed[entry.number] = entry
            loop.call_later(after_s, self._enqueue, entry)
        else:
            self._enqueue(entry)
        try:
            await entry.start
        except asyncio.CancelledError:
            if not entry.start.cancelled() and entry.start.exception() is None:
                self.end(entry)  # it was given a slot in the same moment
            raise

    def end(self, entry: Entry, used: Used | None = None, *, busy: bool = False) -> None:
        """Release the slot. `used`: by the reply; `busy`: the endpoint was too busy for it."""
        self._free += 1
        if busy and entry.started_at >= self._window_start:
            self._accepted -= 1
        for shared in (*self._limits, self._budget):
            shared.settle(entry.estimate, used)
        self._start_requests()

    def pause(self, entry: Entry, seconds: float | None) -> float:
        """Start nothing for the seconds that the endpoint asks for; None: for a time of our choice.

        Afterwards requests start again one by one, at the rate that the endpoint accepted before.
        Returns by how many seconds the pause of all grew.
        """
        now = time.monotonic()
        if entry.started_at >= self._window_start:  # else it started before the last pause
            accepted = self._accepted - 1  # this request was not
            self._useless_pauses = 0 if accepted > 0 else self._useless_pauses + 1
            if accepted > 0:
                per_s = accepted / max(now - self._window_start, _SHORTEST_WINDOW_S)
            else:
                per_s = self._ramp.per_s / 2 if self._ramp else float(self._slots)
            self._ramp = _RampUp(per_s)
            self._window_start, self._accepted = now, 0
        if seconds is None:
            seconds = min(_LONGEST_PAUSE_S, 2.0**self._useless_pauses) * random.uniform(0.5, 1.0)
        before = max(self._paused_until, now)
        self._paused_until = max(before, now + seconds)
        return self._paused_until - before

    def stop(self, error: Exception) -> None:
        """Start nothing any more: waiting and later requests get this error."""
        self._stopped = error
        for entry in [*self._queue, *self._low_priority, *self._delayed.values()]:
            if entry.start is not None and not entry.start.done():
                entry.start.set_exception(self._copy(error))
        self._queue, self._low_priority, self._delayed = [], [], {}

    @staticmethod
    def _copy(error: Exception) -> Exception:
        """One object for each request: a shared one would collect all their tracebacks."""
        return type(error)(*error.args)

    def _enqueue(self, entry: Entry) -> None:
        self._delayed.pop(entry.number, None)
        if entry.waits:
            heapq.heappush(self._low_priority if entry.priority > 0 else self._queue, entry)
            self._start_requests()

    def _start_requests(self) -> None:
        """Start every request that may start; set a timer for the next."""
        while self._free and self._stopped is None:
            low = self._low_priority and len(self._queue) < self._slots
            if not (queue := self._low_priority if low else self._queue):
                return
            entry = queue[0]
            if not entry.waits:  # cancelled
                heapq.heappop(queue)
                continue
            if not self._budget.fits(entry.estimate):
                if not self._budget.in_flight:
                    self.stop(self._budget.spent())
                elif not self.in_flight:
                    self._set_timer(_BUDGET_POLL_S)
                return
            if (delay_s := self._delay_s(entry.estimate)) > _NEGLIGIBLE_S:
                self._set_timer(delay_s)
                return
            heapq.heappop(queue)
            self._start(entry)

    def _delay_s(self, estimate: Estimate) -> float:
        limits = [*self._limits, self._ramp] if self._ramp else self._limits
        delays = [limit.delay_s(estimate) for limit in limits]
        return max(self._paused_until - time.monotonic(), *delays, 0.0)

    def _set_timer(self, delay_s: float) -> None:
        def expired() -> None:
            self._timer = None
            self._start_requests()

        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(delay_s, expired)

    def _start(self, entry: Entry) -> None:
        entry.started_at = time.monotonic()
        if not self._accepted and self._ramp is None:
            self._window_start = entry.started_at  # the first of all
        self._free, self._accepted = self._free - 1, self._accepted + 1
        if self._ramp is not None:
            self._ramp.reserve(entry.estimate)
        for shared in (*self._limits, self._budget):
            shared.reserve(entry.estimate)
        if entry.start is not None:
            entry.start.set_result(None)


class _RampUp(RateLimit):
    """The rate after a pause: what the endpoint accepted before, doubled every 8 s."""

    def __init__(self, per_s: float) -> None:
        super().__init__(60 * per_s, of=lambda estimate: 1.0)
        self._most, self._level = 1.0, 0.0
        self._first_per_s, self._start = per_s, time.monotonic()

    def delay_s(self, estimate: Estimate) -> float:
        doublings = min(20.0, (time.monotonic() - self._start) / _RAMP_DOUBLES_S)
        self.per_s = self._first_per_s * 2.0**doublings
        return super().delay_s(estimate)
