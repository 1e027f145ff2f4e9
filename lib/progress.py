"""Progress as a few plain lines, for a terminal, an executed notebook or a log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

_FIRST_LINE_S, _LONGEST_GAP_S = 5.0, 60.0
_MEASURE_EVERY_S, _MEASURES = 5.0, 12  # rate and ETA: of the last minute


class Progress:
    """Print rate and ETA now and then, and a closing line.

    The first line comes after 5 s, each further one after twice the time of the one before, at most
    60 s: `answers  120/400 · 12.4/s · ETA 0:23 · 3,402 tokens`
    """

    def __init__(self, what: str, total: int, *, note: Callable[[], str] = lambda: "") -> None:
        self.what, self.total, self.done, self._note = what, total, 0, note
        self._start = time.monotonic()
        self._gap_s, self._next_line = _FIRST_LINE_S, self._start + _FIRST_LINE_S
        self._measured = deque([(self._start, 0)], maxlen=_MEASURES)

    def advance(self, count: int = 1) -> None:
        self.done += count
        now = time.monotonic()
        if now - self._measured[-1][0] < _MEASURE_EVERY_S or self.done >= self.total:
            return
        since, done = self._measured[0]
        self._measured.append((now, self.done))
        if now >= self._next_line:
            self._gap_s = min(2 * self._gap_s, _LONGEST_GAP_S)
            self._next_line = now + self._gap_s
            rate = (self.done - done) / (now - since)
            eta = minutes((self.total - self.done) / rate) if rate else "unknown"
            self._line(f"{rate:.1f}/s · ETA {eta}")

    def close(self) -> None:
        """Print the closing line; also when there was nothing to do."""
        elapsed_s = time.monotonic() - self._start
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
