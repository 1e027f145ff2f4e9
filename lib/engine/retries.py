"""The retry loop: a request is attempted until it is answered or has failed too often.

A reply that came and cannot be read counts as paid, by its usage or by estimate. A whole one is
asked for once more, one that was cut twice more; mixed, both together twice more at most. A request
that timed out may be billed: the budget counts it by estimate, and it is shown apart. Other faults
count as free. All are attempted again up to max_retries times; 429 as long as timeout_s lets it.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Self, TypeVar

from lib.endpoints import EndpointSettings
from lib.engine.budget import Budget, Estimate, Used
from lib.engine.faults import EndpointError, Fault, RequestFailed, RequestRejected
from lib.engine.limits import Limit
from lib.engine.scheduler import Entry, Scheduler
from lib.engine.timeouts import AdaptiveTimeout
from lib.engine.transport import Transport
from lib.progress import minutes
from lib.recipe import Recipe
from lib.settings import SetupError

Result = TypeVar("Result")
Attempt = Callable[[int], Awaitable[tuple[Result, Used | None]]]  # given its time-outs so far
Ping = Callable[[], Awaitable[object]]  # sends a short request

_RETRIES_BEFORE_ANY_REPLY = {"unreachable": 3, "timeout": 1, "server": 5}  # 5: within 16 s
_RETRIES_PAID = {"unreadable": 1, "cut": 2}
_FAILED_IN_ROW = 20  # requests, each after its retries
_OTHER_PROCESS_POLL_S = 0.5  # between checks whether another process has the reply
_LONGEST_BACK_OFF_S, _LONGEST_BUSY_S = 30.0, 2.0  # of one request; all may pause for longer
_LONGEST_PING_S = 60.0
_SAY_EVERY_S = 30.0


class RetryLoop:
    """One pool of slots for all requests to an endpoint; an async context manager.

    A request that waits for its retry gives its slot back. Before anything was answered, one ping
    says whose fault a failure is: the request's or the endpoint's.
    """

    def __init__(
        self, settings: EndpointSettings, recipe: Recipe, *, limits: list[Limit], budget: Budget
    ) -> None:
        self._where, self._is_ours = settings.where, bool(settings.engine)
        self._timeout_s, self._max_retries = recipe.timeout_s, recipe.max_retries
        self._transport, self._timeout = Transport(settings), AdaptiveTimeout(recipe.timeout_s)
        self.scheduler = Scheduler(recipe.slots(settings.role), limits=limits, budget=budget)
        self._answered, self._pinged, self._pinging = False, False, asyncio.Lock()
        self._server_said: set[str] = set()  # with 5xx, while nothing was answered
        self._ping_error: SetupError | None = None
        self.failed = self._failed_in_row = self._rejected_in_row = 0
        self._fault: Fault | None = None  # the last one, and since when there are only faults
        self._fault_since_s = 0.0

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        self._saying = asyncio.create_task(self._say_why())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._saying.cancel()
        self._timeout.close()
        await self._transport.__aexit__()

    async def post(
        self, path: str, payload: dict[str, Any], *, kind: Hashable, timeouts: int
    ) -> dict[str, Any]:
        """One attempt, within the time that requests of its kind usually take, else a Fault."""
        start = time.monotonic()
        try:
            sent = self._transport.post(path, payload)
            return await self._timeout.within(sent, kind, timeouts=timeouts)
        except TimeoutError as error:
            message = f"the {self._where} did not answer in {time.monotonic() - start:.2g} s"
            raise Fault(message, kind="timeout") from error

    async def run(
        self, attempt: Attempt[Result], *, ping: Ping, estimate: Estimate, priority: int = 0
    ) -> tuple[Result, Used | None]:
        """Attempt a request until it is answered; it holds a slot during each attempt.

        RequestRejected: the endpoint answers others, but never this one. RequestFailed: this
        request failed too often. EndpointError: it was not sent.
        """
        entry = self.scheduler.entry(estimate, priority=priority)
        tries, after_s = Counter[str](), 0.0  # by the kind of their faults
        while True:
            await self.scheduler.wait(entry, after_s=after_s)
            used, fault = None, None
            try:
                try:
                    result, used = await attempt(tries["timeout"])
                except RequestRejected:
                    self._rejected_in_row += 1
                    many = self._rejected_in_row % _FAILED_IN_ROW == 0  # a key may be withdrawn
                    await self._demand_answers(ping, again=many)
                    raise
                self._answered, self._fault = True, None
                self._failed_in_row = self._rejected_in_row = 0
                return result, used
            except Fault as transient:
                fault, used = transient, transient.used
                self._note(entry, fault)
            except SetupError as error:
                self.scheduler.stop(error)
                raise
            finally:
                self.scheduler.end(entry, used)
            tries[fault.kind] += 1
            try:
                after_s = self._back_off_s(fault, tries)
            except EndpointError as failed:
                if of_all := await self._error_of_all(failed, ping):
                    self.scheduler.stop(of_all)
                    raise of_all from None
                raise RequestFailed(str(failed)) from None

    def _note(self, entry: Entry, fault: Fault) -> None:
        """Keep why requests wait. Refusals for longer than timeout_s, and no reply: the end."""
        if fault.kind == "other process":
            return
        if self._fault is None:
            self._fault_since_s = time.monotonic()
        waited_s = time.monotonic() - self._fault_since_s
        self._fault, asked_s = fault, fault.retry_after_s
        if fault.kind == "server" and not self._answered:
            self._server_said.add(str(fault))
        if fault.kind != "busy" and asked_s is None:
            return
        if asked_s is not None and asked_s > self._timeout_s:
            reason = f"it asks to wait {asked_s / 60:,.0f} minutes"
        elif waited_s >= self._timeout_s:
            reason = f"nothing was answered for {waited_s:,.0f} s (timeout_s)"
        else:
            left_s = self._timeout_s - waited_s
            return self.scheduler.pace.refuse(entry.started_at, asked_s, longest_s=left_s)
        self.scheduler.stop(EndpointError(f"{fault}; {reason}"))

    async def _say_why(self) -> None:
        resumes_s = 0.0  # when the pause that was said last ends
        while True:
            await asyncio.sleep(_SAY_EVERY_S)
            now, pause_s = time.monotonic(), self.scheduler.pause_s
            waited_s = now - self._fault_since_s
            if self._fault is not None and waited_s >= _SAY_EVERY_S:
                print(f"No reply for {waited_s:,.0f} s, still trying: {self._fault}", flush=True)
            elif pause_s > _SAY_EVERY_S and now + pause_s > resumes_s + 1:
                resumes_s = now + pause_s
                why = "tokens_per_day, tokens_per_minute or requests_per_minute"
                print(f"The next request starts in {minutes(pause_s)} ({why}).", flush=True)

    async def _demand_answers(self, ping: Ping, *, again: bool = False) -> None:
        """Send a ping if nothing was answered before, or again; Fault: it is not answered."""
        async with self._pinging:
            if (self._answered or self._pinged) and not again:
                return
            try:
                if self._ping_error is None:
                    async with asyncio.timeout(_LONGEST_PING_S):
                        await ping()
            except RequestRejected as rejected:
                self._ping_error = rejected.if_all
            except TimeoutError as error:
                message = f"the {self._where} did not answer a short request in time"
                raise Fault(message, kind="timeout") from error
            if self._ping_error is not None:
                raise self._ping_error
            self._pinged, self._fault = True, None

    async def _error_of_all(self, failed: EndpointError, ping: Ping) -> SetupError | None:
        """What ends the run, if this was not the fault of one request."""
        self.failed, self._failed_in_row = self.failed + 1, self._failed_in_row + 1
        said, in_row = str(failed), self._failed_in_row
        said = said[:1].upper() + said[1:]
        try:
            await self._demand_answers(ping)
        except SetupError as error:
            return error
        except Fault as dead:
            if dead.kind != "busy":
                ours = "run 3_deploy.ipynb, which starts its server again"
                fix = ours if self._is_ours else "check the base URL, and what runs there"
                before = "Nothing was answered before, not even a short request"
                return SetupError(f"{said}. {before}: {fix}.")
        if in_row < _FAILED_IN_ROW:
            return None
        return SetupError(
            f"{said}. It is the {in_row}th request in a row that failed: "
            "nothing more is sent. Every reply is in the ledger: run this again to go on."
        )

    def _back_off_s(self, fault: Fault, tries: Counter[str]) -> float:
        """Seconds until the next attempt; EndpointError: the request has failed too often."""
        if fault.kind == "other process":
            return _OTHER_PROCESS_POLL_S * random.uniform(0.5, 1.0)
        failures = tries.total() - tries["busy"] - tries["other process"]
        paid = sum(tries[kind] for kind in _RETRIES_PAID)
        if failures > self._most_retries(fault) or paid > _RETRIES_PAID.get(fault.kind, paid):
            said = f"{failures} attempts" + (f", {paid} counted as paid" if paid else "")
            raise EndpointError(f"{fault} ({said})" if failures > 1 else str(fault)) from fault
        most_s, times = _LONGEST_BACK_OFF_S, failures
        if fault.kind == "busy":
            most_s, times = _LONGEST_BUSY_S, tries["busy"]
        back_off_s = min(most_s, 0.5 * 2.0 ** min(times - 1, 9)) * random.uniform(0.5, 1.0)
        return (fault.retry_after_s or 0.0) + back_off_s

    def _most_retries(self, fault: Fault) -> int:
        """Fewer while nothing was answered; of 5xx only where all say the same."""
        most, kind = self._max_retries, fault.kind
        ends_early = len(self._server_said) == 1 if kind == "server" else not self._pinged
        if self._answered or not ends_early:
            return most
        return min(most, _RETRIES_BEFORE_ANY_REPLY.get(kind, most))
