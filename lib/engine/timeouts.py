"""How long a request may take: a multiple of what such requests took lately."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

_FACTOR, _PERCENTILE = 4.0, 0.95
_FLOOR_S = 3.0
_ENOUGH, _KEPT = 10, 256  # replies of a kind: to judge by, and remembered
_LOOK_EVERY_S = 0.25


class Patience:
    """Ends the requests that hang, those already in flight included.

    A kind's limit is 4 times the 95th percentile of its last 256 durations, doubled for every
    time-out that the same request has had: at least 3 s, at most timeout_s, which also holds until
    10 replies are seen. One that runs out of time again counts with the time it took: where many
    do, the endpoint has become slow, and the limit grows. A first time-out is no evidence: some
    requests just hang.
    """

    def __init__(self, timeout_s: float, *, floor_s: float = _FLOOR_S) -> None:
        self._timeout_s, self._floor_s = timeout_s, min(floor_s, timeout_s)
        self._took: dict[Hashable, deque[float]] = {}
        self._in_flight: dict[asyncio.Timeout, tuple[Hashable, int, float]] = {}
        self._looking: asyncio.Task[None] | None = None

    def limit_s(self, kind: Hashable, *, timeouts: int = 0) -> float:
        took = self._took.get(kind, ())
        if len(took) < _ENOUGH:
            return self._timeout_s
        usual_s = sorted(took)[int(_PERCENTILE * len(took))]
        return min(self._timeout_s, max(self._floor_s, _FACTOR * usual_s * 2.0**timeouts))

    @asynccontextmanager
    async def limited(self, kind: Hashable, *, timeouts: int) -> AsyncIterator[None]:
        """Raise TimeoutError in the block when its request has taken too long.

        What the block raises otherwise says nothing of how long a reply takes: it is not counted.
        """
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        start = time.monotonic()
        try:
            async with asyncio.timeout(None) as scope:
                self._in_flight[scope] = (kind, timeouts, start)
                yield
        except TimeoutError:
            if timeouts:
                self._saw(kind, time.monotonic() - start)
            raise
        else:
            self._saw(kind, time.monotonic() - start)
        finally:
            self._in_flight.pop(scope, None)

    def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()

    def _saw(self, kind: Hashable, seconds: float) -> None:
        self._took.setdefault(kind, deque(maxlen=_KEPT)).append(seconds)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(min(_LOOK_EVERY_S, self._timeout_s / 4))
            now, loop_now = time.monotonic(), asyncio.get_running_loop().time()
            limits: dict[tuple[Hashable, int], float] = {}
            for scope, (kind, timeouts, start) in list(self._in_flight.items()):
                if (kind, timeouts) not in limits:
                    limits[kind, timeouts] = self.limit_s(kind, timeouts=timeouts)
                if now - start > limits[kind, timeouts] and not scope.expired():
                    scope.reschedule(loop_now)
