"""Who may send next, and when: slots, priorities, limits, and one pause for all."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from lib.engine.budget import Budget, Load, Used
from lib.engine.limits import Clock, Limit, Rate

_RAMP_DOUBLES_S = 8.0
_SHORTEST_LOOK_S = 0.5  # a pace is not judged by less
_AT_ONCE_S = 1e-4
_ELSEWHERE_S = 0.1  # until a look whether another endpoint has given back some of the budget
_LONGEST_PAUSE_S = 60.0  # that we choose ourselves


@dataclass(order=True)
class Ticket:
    """A request's place in the queue; it keeps it when it comes again after a fault."""

    priority: int
    number: int
    load: Load = field(compare=False)
    turn: asyncio.Future[None] | None = field(default=None, compare=False)
    sent_at: float = field(default=0.0, compare=False)

    @property
    def waits(self) -> bool:
        return self.turn is not None and not self.turn.done()


class Turns:
    """Gives the slots of one endpoint to the requests that wait for them.

    A free slot goes to the lowest priority number, first come first served within it. Numbers above
    0 are for requests that lead to others, as questions lead to answers: they go when fewer than
    `slots` others wait. So rows are finished early, and at the end every slot still has work.
    """

    def __init__(
        self,
        slots: int,
        *,
        limits: Sequence[Limit] = (),
        budget: Budget | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._slots = self._free = slots
        self._limits, self._budget, self._clock = list(limits), budget, clock
        self._ready: list[Ticket] = []
        self._leading: list[Ticket] = []
        self._resting: dict[int, Ticket] = {}  # until they may be tried again
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._stopped: Exception | None = None
        self._ramp: _Ramp | None = None
        self._goes_at = 0.0  # when the pause ends
        # Since the last pause: how many were let in; and how many pauses in a row let none in.
        self._since, self._let_in, self._in_vain = clock(), 0, 0

    @property
    def in_flight(self) -> int:
        return self._slots - self._free

    @property
    def pause_s(self) -> float:
        """For how long nothing goes, because the endpoint or a limit has it so."""
        if self._timer is None:
            return 0.0
        return max(0.0, self._timer.when() - asyncio.get_running_loop().time())

    def ticket(self, load: Load, *, priority: int = 0) -> Ticket:
        return Ticket(priority, next(self._numbers), load)

    async def wait(self, ticket: Ticket, *, after_s: float = 0.0) -> None:
        """Return when the request may be sent, after_s from now at the earliest; then `end` it.

        Raises:
            What `stop` was called with; BudgetSpent: it does not fit, nor will it.
        """
        if self._stopped is not None:
            raise self._again(self._stopped)
        loop = asyncio.get_running_loop()
        ticket.turn = loop.create_future()
        if after_s > 0:
            self._resting[ticket.number] = ticket
            loop.call_later(after_s, self._queue, ticket)
        else:
            self._queue(ticket)
        try:
            await ticket.turn
        except asyncio.CancelledError:
            if not ticket.turn.cancelled() and ticket.turn.exception() is None:
                self.end(ticket)  # its turn came in the same moment
            raise

    def end(self, ticket: Ticket, used: Used | None = None, *, busy: bool = False) -> None:
        """Give the slot back. `used`: of a reply; `busy`: the endpoint sent the request away."""
        self._free += 1
        if busy and ticket.sent_at >= self._since:
            self._let_in -= 1
        for limit in self._limits:
            limit.settle(ticket.load, used)
        if self._budget is not None:
            self._budget.settle(ticket.load, used)
        self._go()

    def pause(self, ticket: Ticket, seconds: float | None) -> float:
        """Let nothing go for the seconds that the endpoint asks for; None: for a while.

        After it the slots start again one by one, at the pace that the endpoint has borne. Returns
        by how much all have to wait longer.
        """
        now = self._clock()
        if ticket.sent_at >= self._since:  # else it went before the last pause: no news
            let_in = self._let_in - 1  # this one was not
            self._in_vain = 0 if let_in > 0 else self._in_vain + 1
            if let_in > 0:
                per_s = let_in / max(now - self._since, _SHORTEST_LOOK_S)
            else:
                per_s = self._ramp.per_s / 2 if self._ramp else float(self._slots)
            self._ramp = _Ramp(per_s, clock=self._clock)
            self._since, self._let_in = now, 0
        if seconds is None:
            seconds = min(_LONGEST_PAUSE_S, 2.0**self._in_vain) * random.uniform(0.5, 1.0)
        before = max(self._goes_at, now)
        self._goes_at = max(before, now + seconds)
        return self._goes_at - before

    def stop(self, error: Exception) -> None:
        """Let nothing go any more: who waits, or comes later, gets this error."""
        self._stopped = error
        for ticket in [*self._ready, *self._leading, *self._resting.values()]:
            if ticket.turn is not None and not ticket.turn.done():
                ticket.turn.set_exception(self._again(error))
        self._ready, self._leading, self._resting = [], [], {}

    @staticmethod
    def _again(error: Exception) -> Exception:
        """One object for each who gets it: a shared one would collect all their tracebacks."""
        return type(error)(*error.args)

    def _queue(self, ticket: Ticket) -> None:
        self._resting.pop(ticket.number, None)
        if ticket.waits:
            heapq.heappush(self._leading if ticket.priority > 0 else self._ready, ticket)
            self._go()

    def _go(self) -> None:
        """Let all go that may go now; come back when the next one may."""
        while self._free and self._stopped is None:
            leads = self._leading and len(self._ready) < self._slots
            if not (queue := self._leading if leads else self._ready):
                return
            ticket = queue[0]
            if not ticket.waits:  # cancelled
                heapq.heappop(queue)
                continue
            if self._budget is not None and not self._budget.fits(ticket.load):
                if not self._budget.in_flight:
                    self.stop(self._budget.spent())
                elif not self.in_flight:
                    self._come_back(_ELSEWHERE_S)
                return
            if (delay_s := self._delay_s(ticket.load)) > _AT_ONCE_S:
                self._come_back(delay_s)
                return
            heapq.heappop(queue)
            self._send(ticket)

    def _delay_s(self, load: Load) -> float:
        delays = [limit.delay_s(load) for limit in self._limits]
        if self._ramp is not None:
            delays.append(self._ramp.delay_s(load))
        return max(self._goes_at - self._clock(), *delays, 0.0)

    def _come_back(self, delay_s: float) -> None:
        def again() -> None:
            self._timer = None
            self._go()

        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(delay_s, again)

    def _send(self, ticket: Ticket) -> None:
        ticket.sent_at = self._clock()
        if not self._let_in and self._ramp is None:
            self._since = ticket.sent_at  # the first of all
        self._free, self._let_in = self._free - 1, self._let_in + 1
        if self._ramp is not None:
            self._ramp.take(ticket.load)
        for limit in self._limits:
            limit.take(ticket.load)
        if self._budget is not None:
            self._budget.take(ticket.load)
        if ticket.turn is not None:
            ticket.turn.set_result(None)


class _Ramp(Rate):
    """The pace after a pause: what the endpoint has borne, doubled every 8 s."""

    def __init__(self, per_s: float, *, clock: Clock) -> None:
        super().__init__(60 * per_s, of=lambda load: 1.0, clock=clock)
        self._most, self._level = 1.0, 0.0
        self._first_per_s, self._start = per_s, clock()

    def delay_s(self, load: Load) -> float:
        doublings = min(20.0, (self._clock() - self._start) / _RAMP_DOUBLES_S)
        self.per_s = self._first_per_s * 2.0**doublings
        return super().delay_s(load)
