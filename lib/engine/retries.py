"""The retry loop: a request is attempted until it is answered or has failed too often."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from lib.engine.budget import Budget, Estimate, Used
from lib.engine.faults import EndpointError, Fault
from lib.engine.limits import Limit
from lib.engine.scheduler import Entry, Scheduler
from lib.engine.timeouts import AdaptiveTimeout
from lib.engine.transport import Transport
from lib.recipe import Recipe
from lib.settings import EndpointSettings, SetupError

Result = TypeVar("Result")
Attempt = Callable[[int], Awaitable[tuple[Result, Used | None]]]  # given its time-outs so far

_RETRIES_BEFORE_ANY_REPLY = {"unreachable": 3, "timeout": 1}
_OTHER_PROCESS_POLL_S = 0.5  # between checks whether another process has the reply
_LONGEST_BACK_OFF_S = 30.0


class RetryLoop:
    """One pool of slots for all requests to an endpoint; an async context manager.

    A request that waits for its retry gives its slot back. A pause that the endpoint asks for holds
    for all requests.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        recipe: Recipe,
        *,
        limits: list[Limit],
        budget: Budget,
    ) -> None:
        self._where = f"{settings.role} at {settings.base_url}"
        self._timeout_s, self._max_retries = recipe.timeout_s, recipe.max_retries
        self._transport, self._timeout = Transport(settings), AdaptiveTimeout(recipe.timeout_s)
        self.scheduler = Scheduler(recipe.slots(settings.role), limits=limits, budget=budget)
        self._answered, self._paused_s = False, 0.0  # paused: since the last reply

    async def __aenter__(self) -> RetryLoop:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._timeout.close()
        await self._transport.__aexit__()

    async def post(
        self, path: str, payload: dict[str, Any], *, kind: Hashable, timeouts: int
    ) -> dict[str, Any]:
        """One attempt, within the time that requests of its kind usually take.

        Raises:
            Fault, RequestRejected, SetupError, EndpointError: as faults.read_body; Fault: too late.
        """
        start = time.monotonic()
        try:
            async with self._timeout.limit(kind, timeouts=timeouts):
                return await self._transport.post(path, payload)
        except TimeoutError as error:
            message = f"the {self._where} did not answer in {time.monotonic() - start:.2g} s"
            raise Fault(message, kind="timeout") from error

    async def run(
        self, attempt: Attempt[Result], *, estimate: Estimate, priority: int = 0
    ) -> tuple[Result, Used | None]:
        """Attempt a request until it is answered; it holds a slot during each attempt.

        Raises:
            SetupError: no request can succeed; then nothing more is sent at all.
            EndpointError: this request failed too often, or was not sent.
        """
        entry = self.scheduler.entry(estimate, priority=priority)
        failures = timeouts = 0
        after_s = 0.0
        while True:
            await self.scheduler.wait(entry, after_s=after_s)
            used, fault = None, None
            try:
                result, used = await attempt(timeouts)
                self._answered, self._paused_s = True, 0.0
                return result, used
            except Fault as transient:
                fault = transient
                if _concerns_all(fault):
                    self._pause(entry, fault)
            except SetupError as error:
                self.scheduler.stop(error)
                raise
            finally:
                self.scheduler.end(entry, used, busy=fault is not None and _concerns_all(fault))
            timeouts += fault.kind == "timeout"
            failures += fault.kind not in ("busy", "other process")
            after_s = self._back_off_s(fault, failures)

    def _pause(self, entry: Entry, fault: Fault) -> None:
        """Pause all requests. Pauses longer than timeout_s without a reply between end the run."""
        asked_s = fault.retry_after_s
        if asked_s is not None and asked_s > self._timeout_s:
            reason = f"it asks to wait {asked_s / 60:,.0f} minutes"
        elif self._paused_s > self._timeout_s:
            reason = f"after pauses of {self._paused_s:,.0f} s without any reply"
        else:
            self._paused_s += self.scheduler.pause(entry, asked_s)
            return
        self.scheduler.stop(EndpointError(f"{fault}; {reason}"))

    def _back_off_s(self, fault: Fault, failures: int) -> float:
        """Seconds until the next attempt; a pause of all requests is added to it.

        Raises:
            EndpointError: the request has failed too often.
        """
        if fault.kind == "other process":
            return _OTHER_PROCESS_POLL_S * random.uniform(0.5, 1.0)
        most = self._max_retries
        if not self._answered:
            most = min(most, _RETRIES_BEFORE_ANY_REPLY.get(fault.kind, most))
        if failures > most:
            tries = f" ({failures} attempts)" if failures > 1 else ""
            raise EndpointError(f"{fault}{tries}") from fault
        if fault.kind == "busy":
            return 0.0
        return min(_LONGEST_BACK_OFF_S, 0.5 * 2.0 ** (failures - 1)) * random.uniform(0.5, 1.0)


def _concerns_all(fault: Fault) -> bool:
    """Whether the endpoint is too busy for any request, not for this one alone."""
    return fault.kind == "busy" or fault.retry_after_s is not None
