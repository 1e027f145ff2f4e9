"""Progress as plain lines: read as well in a terminal as in an executed notebook or a log."""

from __future__ import annotations

import time
from collections.abc import Callable


class Progress:
    """Print rate and ETA now and then, and one closing line.

    `answers  120/400 · 12.4/s · ETA 0:23 · 3,402 tokens`
    """

    def __init__(
        self,
        what: str,
        total: int,
        *,
        every_s: float = 5.0,
        note: Callable[[], str] = lambda: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.what, self.total, self.done = what, total, 0
        self._every_s, self._note, self._clock = every_s, note, clock
        self._start = self._last = clock()

    def advance(self, count: int = 1) -> None:
        self.done += count
        now = self._clock()
        if now - self._last >= self._every_s and self.done < self.total:
            self._last = now
            remaining_s = (self.total - self.done) * (now - self._start) / self.done
            self._line(f"{self._rate(now)} · ETA {minutes(remaining_s)}")

    def close(self) -> None:
        """The closing line; call it once, also when nothing was to do."""
        now = self._clock()
        self._line(f"{self._rate(now)} · took {minutes(now - self._start)}")

    def _rate(self, now: float) -> str:
        elapsed_s = now - self._start
        return f"{self.done / elapsed_s:.1f}/s" if elapsed_s > 0.05 else "at once"

    def _line(self, text: str) -> None:
        note = self._note()
        tail = f" · {note}" if note else ""
        print(f"{self.what:<12} {self.done:,}/{self.total:,} · {text}{tail}", flush=True)


def minutes(seconds: float) -> str:
    """83.4 → '1:23'."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"
