"""Sends a request until it is answered: attempts, their slots and time limits, what to do next."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from lib.engine.budget import Budget, Load, Used
from lib.engine.faults import EndpointError, Fault
from lib.engine.limits import Limit
from lib.engine.scheduler import Ticket, Turns
from lib.engine.timeouts import Patience
from lib.engine.transport import Transport
from lib.settings import EndpointSettings, SetupError

Result = TypeVar("Result")
Attempt = Callable[[int], Awaitable[tuple[Result, Used | None]]]  # given the time-outs so far

_RETRIES_OF_THE_SILENT = {"unreachable": 3, "timeout": 1}  # where nothing was ever answered
_LOOK_AGAIN_S = 0.5  # whether another process has its reply
_LONGEST_BACK_OFF_S = 30.0


class Sender:
    """One pool of slots for all requests to an endpoint; an async context manager.

    A request that must wait for its retry gives its slot back. A pause that the endpoint asks for
    holds for all.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        *,
        concurrency: int,
        timeout_s: float,
        max_retries: int,
        limits: list[Limit],
        budget: Budget | None,
    ) -> None:
        self._where = f"{settings.role} at {settings.base_url}"
        self._timeout_s, self._max_retries = timeout_s, max_retries
        self._transport, self._patience = Transport(settings), Patience(timeout_s)
        self._turns = Turns(concurrency, limits=limits, budget=budget)
        self._answered, self._paused_s = False, 0.0  # paused: since the last answer

    async def __aenter__(self) -> Sender:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._patience.close()
        await self._transport.__aexit__()

    @property
    def pause_s(self) -> float:
        """For how long nothing is sent, as the endpoint or a limit has it."""
        return self._turns.pause_s

    def stop(self, error: Exception) -> int:
        """Send nothing more: who waits gets this error. How many are in flight still."""
        self._turns.stop(error)
        return self._turns.in_flight

    async def exchange(
        self, path: str, payload: dict[str, Any], *, kind: Hashable, timeouts: int
    ) -> dict[str, Any]:
        """One attempt, within the time that requests of its kind take.

        Raises:
            Fault, Refused, SetupError, EndpointError: as faults.read_body; Fault: too late.
        """
        start = time.monotonic()
        try:
            async with self._patience.limited(kind, timeouts=timeouts):
                return await self._transport.post(path, payload)
        except TimeoutError as error:
            message = f"the {self._where} did not answer in {time.monotonic() - start:.2g} s"
            raise Fault(message, kind="timeout") from error

    async def send(
        self, attempt: Attempt[Result], *, load: Load, priority: int = 0
    ) -> tuple[Result, Used | None]:
        """Attempt until it is answered, with a slot held during each attempt.

        Raises:
            SetupError: nothing can work; then nothing more is sent at all.
            EndpointError: this request failed too often, or was not sent.
        """
        ticket = self._turns.ticket(load, priority=priority)
        failures = timeouts = 0
        after_s = 0.0
        while True:
            await self._turns.wait(ticket, after_s=after_s)
            used, fault = None, None
            try:
                result, used = await attempt(timeouts)
                self._answered, self._paused_s = True, 0.0
                return result, used
            except Fault as passing:
                fault = passing
                if _of_all(fault):
                    self._pause(ticket, fault)
            except SetupError as error:
                self.stop(error)
                raise
            finally:
                self._turns.end(ticket, used, busy=fault is not None and _of_all(fault))
            timeouts += fault.kind == "timeout"
            failures += fault.kind not in ("busy", "elsewhere")
            after_s = self._after_s(fault, failures)

    def _pause(self, ticket: Ticket, fault: Fault) -> None:
        """Once for all slots. More than a request may take, and no answer between: the end."""
        asked_s = fault.retry_after_s
        if asked_s is not None and asked_s > self._timeout_s:
            self.stop(EndpointError(f"{fault}; it asks to wait {asked_s / 60:,.0f} minutes"))
        elif self._paused_s > self._timeout_s:
            waited = f"after pauses of {self._paused_s:,.0f} s in which nothing was answered"
            self.stop(EndpointError(f"{fault}; {waited}"))
        else:
            self._paused_s += self._turns.pause(ticket, asked_s)

    def _after_s(self, fault: Fault, failures: int) -> float:
        """Seconds until the next attempt; a pause of all comes on top.

        Raises:
            EndpointError: there is no next one.
        """
        if fault.kind == "elsewhere":
            return _LOOK_AGAIN_S * random.uniform(0.5, 1.0)
        most = self._max_retries
        if not self._answered:
            most = min(most, _RETRIES_OF_THE_SILENT.get(fault.kind, most))
        if failures > most:
            tries = f" ({failures} attempts)" if failures > 1 else ""
            raise EndpointError(f"{fault}{tries}") from fault
        if fault.kind == "busy":
            return 0.0
        return min(_LONGEST_BACK_OFF_S, 0.5 * 2.0 ** (failures - 1)) * random.uniform(0.5, 1.0)


def _of_all(fault: Fault) -> bool:
    """Whether the endpoint sends everybody away, not this request alone."""
    return fault.kind == "busy" or fault.retry_after_s is not None
