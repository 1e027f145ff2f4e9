"""Time of our own: a clock that jumps to the next timer when nothing else is to do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Clock:
    """Stands in for the module `time`; a test may also set `now` itself."""

    now = 1_000_000.0

    def time(self) -> float:
        return self.now

    monotonic = time

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """As asyncio.run, but no time passes while everyone sleeps."""
        with asyncio.Runner(loop_factory=lambda: _JumpingLoop(self)) as runner:
            return runner.run(coroutine)


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def time(self) -> float:
        return self._clock.now

    def _run_once(self) -> None:
        scheduled = self._scheduled  # type: ignore[attr-defined]
        timers = [timer.when() for timer in scheduled if not timer.cancelled()]
        if timers and not self._ready:  # type: ignore[attr-defined]
            self._clock.now = max(self._clock.now, min(timers))
        super()._run_once()  # type: ignore[misc]
