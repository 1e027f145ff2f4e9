"""The adaptive timeout: a multiple of the time that similar requests took recently."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Hashable
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")

_FACTOR, _PERCENTILE = 4.0, 0.95
_SHORTEST_S = 3.0
_ENOUGH, _REMEMBERED = 10, 256  # replies of a kind
_CHECK_EVERY_S = 0.25


class AdaptiveTimeout:
    """Ends requests that hang, also those that were in flight before the timeout was known.

    A kind's timeout is 4 times the 95th percentile of its last 256 durations (timeout_s until it
    has 10), doubled for every time-out of the same request: at least 3 s, at most timeout_s. A
    second time-out of one request counts as a duration: where many run out of time twice, the
    endpoint has become slow. A first one does not: some requests just hang.
    """

    def __init__(self, timeout_s: float) -> None:
        self._longest_s = timeout_s
        self._durations: dict[Hashable, deque[float]] = {}
        self._in_flight: dict[asyncio.Timeout, tuple[Hashable, int, float]] = {}
        self._checking: asyncio.Task[None] | None = None

    def timeout_s(self, kind: Hashable, *, timeouts: int = 0) -> float:
        durations = self._durations.get(kind, ())
        if len(durations) < _ENOUGH:
            return self._longest_s
        usual_s = sorted(durations)[int(_PERCENTILE * len(durations))]
        return min(self._longest_s, max(_SHORTEST_S, _FACTOR * usual_s * 2.0**timeouts))

    async def within(self, request: Awaitable[Result], kind: Hashable, *, timeouts: int) -> Result:
        """Its result, or a TimeoutError; the duration of one that raises another is not counted."""
        if self._checking is None:
            self._checking = asyncio.create_task(self._check())
        start = time.monotonic()
        try:
            async with asyncio.timeout(None) as scope:
                self._in_flight[scope] = (kind, timeouts, start)
                result = await request
        except TimeoutError:
            if timeouts:
                self._record(kind, time.monotonic() - start)
            raise
        finally:
            self._in_flight.pop(scope, None)
        self._record(kind, time.monotonic() - start)
        return result

    def close(self) -> None:
        if self._checking is not None:
            self._checking.cancel()

    def _record(self, kind: Hashable, seconds: float) -> None:
        self._durations.setdefault(kind, deque(maxlen=_REMEMBERED)).append(seconds)

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(min(_CHECK_EVERY_S, self._longest_s / 4))
            now, loop_now = time.monotonic(), asyncio.get_running_loop().time()
            limit_s = cache(self.timeout_s)  # of each kind once
            for scope, (kind, timeouts, start) in list(self._in_flight.items()):
                if now - start > limit_s(kind, timeouts=timeouts) and not scope.expired():
                    scope.reschedule(loop_now)
