"""Progress as plain lines: read as well in a terminal as in an executed notebook or a log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

_MARKS = 12  # lines that rate and ETA look back: the last minute, not what a ledger gave at once


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
        self._marks = deque([(self._start, 0)], maxlen=_MARKS)

    def advance(self, count: int = 1) -> None:
        self.done += count
        now = self._clock()
        if now - self._last >= self._every_s and self.done < self.total:
            since, done = self._marks[0]
            rate = (self.done - done) / (now - since)
            self._last = now
            self._marks.append((now, self.done))
            self._line(f"{rate:.1f}/s · ETA {minutes((self.total - self.done) / rate)}")

    def close(self) -> None:
        """The closing line; call it once, also when nothing was to do."""
        now = self._clock()
        elapsed_s = now - self._start
        rate = f"{self.done / elapsed_s:.1f}/s" if elapsed_s > 0.05 else "at once"
        self._line(f"{rate} · took {minutes(elapsed_s)}")

    def _line(self, text: str) -> None:
        note = self._note()
        tail = f" · {note}" if note else ""
        print(f"{self.what:<12} {self.done:,}/{self.total:,} · {text}{tail}", flush=True)


def minutes(seconds: float) -> str:
    """83.4 → '1:23'."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"
