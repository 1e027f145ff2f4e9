"""When each request may start: slots, priorities, limits, pace."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from lib.engine.budget import Budget, Estimate, Used
from lib.engine.limits import Limit, Pace

_NEGLIGIBLE_S = 1e-4
_BUDGET_POLL_S = 0.1  # between checks whether another endpoint has released some of the budget


@dataclass(eq=False, slots=True)
class Entry:
    """A request's place in the queue; it keeps its number when it is queued again after a fault."""

    priority: int
    number: int
    estimate: Estimate
    start: asyncio.Future[None] = field(init=False)  # set: it may start
    started_at: float = 0.0


class Scheduler:
    """Gives the slots of one endpoint to the requests that wait for them.

    A free slot goes to the lowest priority number, then to the first that came. Numbers above 0 are
    for requests that lead to others, as questions to answers: they start when fewer than `slots`
    others wait, so rows are finished early.
    """

    def __init__(self, slots: int, *, limits: Sequence[Limit] = (), budget: Budget) -> None:
        self.slots = self._free = slots
        self._limits, self._budget = list(limits), budget
        self._queue: list[tuple[int, int, Entry]] = []  # priority, number; a heap
        self._low_priority: list[tuple[int, int, Entry]] = []  # priorities above 0
        self._delayed: dict[int, Entry] = {}  # until their next attempt
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._stopped: Exception | None = None
        self.pace = Pace(slots)

    @property
    def in_flight(self) -> int:
        return self.slots - self._free

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

        It raises the error given to `stop`, or BudgetSpent if the request will never fit.
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

    def end(self, entry: Entry, used: Used | None = None) -> None:
        """Release the slot. `used`: by the reply, or perhaps by one that did not come in time."""
        self._free += 1
        if used is not None and used.answered:
            self.pace.answer(entry.started_at)
        for shared in (*self._limits, self._budget):
            shared.settle(entry.estimate, used)
        self._start_requests()

    def stop(self, error: Exception) -> None:
        """Start nothing any more: waiting and later requests get this error."""
        self._stopped = error
        queued = [entry for _, _, entry in (*self._queue, *self._low_priority)]
        for entry in [*queued, *self._delayed.values()]:
            if not entry.start.done():
                entry.start.set_exception(self._copy(error))
        self._queue, self._low_priority, self._delayed = [], [], {}

    @staticmethod
    def _copy(error: Exception) -> Exception:
        """One object for each request: a shared one would collect all their tracebacks."""
        return type(error)(*error.args)

    def _enqueue(self, entry: Entry) -> None:
        self._delayed.pop(entry.number, None)
        if not entry.start.done():
            queue = self._low_priority if entry.priority > 0 else self._queue
            heapq.heappush(queue, (entry.priority, entry.number, entry))
            self._start_requests()

    def _start_requests(self) -> None:
        """Start every request that may start; set a timer for the next."""
        while self._free and self._stopped is None:
            low = self._low_priority and len(self._queue) < self.slots
            if not (queue := self._low_priority if low else self._queue):
                return
            entry = queue[0][2]
            if entry.start.done():  # cancelled
                heapq.heappop(queue)
                continue
            if not self._budget.fits(entry.estimate):
                if not self._budget.in_flight:
                    self.stop(self._budget.spent())
                elif not self.in_flight:
                    self._set_timer(_BUDGET_POLL_S)
                return
            delay_s = max(limit.delay_s(entry.estimate) for limit in (self.pace, *self._limits))
            if delay_s > _NEGLIGIBLE_S:
                self._set_timer(delay_s)
                return
            heapq.heappop(queue)
            entry.started_at = time.monotonic()
            self._free -= 1
            for shared in (self.pace, *self._limits, self._budget):
                shared.reserve(entry.estimate)
            entry.start.set_result(None)

    def _set_timer(self, delay_s: float) -> None:
        def expired() -> None:
            self._timer = None
            self._start_requests()

        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(delay_s, expired)
