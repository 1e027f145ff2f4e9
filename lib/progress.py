"""What a long step says: one rewritten line on a terminal, ever rarer lines elsewhere.

A notebook's kernel writes to no terminal. If run_all.sh writes to one, it names it to the kernel,
which draws there; the executed notebook then holds the closing lines alone.
"""

import os
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, TextIO

_FIRST_LINE_S, _LONGEST_GAP_S = 5.0, 300.0
_MEASURE_EVERY_S, _MEASURES = 5.0, 12  # rate and ETA: of the last minute
_DRAW_EVERY_S, _CELLS = 0.2, 20  # of the bar
_CLEAR = "\r\x1b[K"  # go to the start of the line, and clear it
# Of the environment, for the kernels of a run: where bars are drawn; whether -v was given.
_TERMINAL, VERBOSE = "OPENBOOK_TERMINAL", "OPENBOOK_VERBOSE"


class Progress:
    """Show rate and ETA now and then, and print a closing line.

    On a terminal one line is rewritten: `answers [######..............] 120/400 · 12.4/s · …`.
    Elsewhere the first line comes after 5 s, each further one after twice the time of the one
    before, at most 5 minutes: `answers  120/400 · 12.4/s · ETA 0:23 · 3,402 tokens`
    """

    def __init__(
        self, what: str, total: int, *, note: Callable[[], str] = lambda: "", done: int = 0
    ) -> None:
        self.what, self.total, self.done, self._note = what, total, done, note
        self._terminal, self._first = _terminal(), done
        self._start = self._drawn = time.monotonic()
        self._gap_s, self._next_line = _FIRST_LINE_S, self._start + _FIRST_LINE_S
        self._measured = deque([(self._start, done)], maxlen=_MEASURES)

    def advance(self, count: int = 1) -> None:
        self.done += count
        now = time.monotonic()
        since, done = self._measured[0]
        if now - self._measured[-1][0] >= _MEASURE_EVERY_S:
            self._measured.append((now, self.done))
        is_due = now - self._drawn >= _DRAW_EVERY_S if self._terminal else now >= self._next_line
        if not is_due or self.done >= self.total:
            return
        self._drawn = now
        self._gap_s = min(2 * self._gap_s, _LONGEST_GAP_S)
        self._next_line = now + self._gap_s
        rate = (self.done - done) / (now - since)
        left = minutes((self.total - self.done) / rate) if rate else "unknown"
        self._show(f"{_per_time(rate)} · ETA {left}")

    def close(self) -> None:
        """Print the closing line; also when there was nothing to do."""
        elapsed_s = time.monotonic() - self._start
        rate = _per_time((self.done - self._first) / elapsed_s) if elapsed_s > 0.05 else "at once"
        if self._terminal:
            end_bar(self._terminal)
            self._terminal = None
        self._show(f"{rate} · took {minutes(elapsed_s)}")

    def _show(self, pace: str) -> None:
        parts = [f"{self.done:,}/{self.total:,}", pace, self._note()]
        text = " · ".join(part for part in parts if part)
        if not self._terminal:
            print(f"{self.what:<12} {text}", flush=True)
            return
        if self._terminal is sys.stdout:
            above: Any = Above(sys.stdout)
            sys.stdout = above
        filled = "#" * (_CELLS * self.done // max(self.total, 1))
        line = f"{self.what} [{filled:.<{_CELLS}}] {text}"
        with suppress(OSError):  # the terminal was closed
            width = os.get_terminal_size(self._terminal.fileno()).columns or 80
            self._terminal.write(f"{_CLEAR}{line[: width - 1]}")
            self._terminal.flush()


def _per_time(rate: float) -> str:
    return f"{rate:.1f}/s" if rate >= 0.1 else f"{60 * rate:.1f}/min"


class Above:
    """A terminal whose last line may be a bar: whole lines are written in its place."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal, self._rest = terminal, ""

    def write(self, text: str) -> int:
        lines, end, self._rest = (self._rest + text).rpartition("\n")
        if end:
            self.terminal.write(f"{_CLEAR}{lines}\n")
        return len(text)

    def end(self) -> None:
        """Clear the bar; what was not yet a whole line is written."""
        end_bar(self.terminal)
        self.terminal.write(self._rest)
        self._rest = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.terminal, name)


def _terminal() -> TextIO | None:
    """The terminal to draw on: of this process, or the one that run_all.sh named."""
    stream = sys.stdout.terminal if isinstance(sys.stdout, Above) else sys.stdout
    if is_terminal(stream):
        return stream
    path = os.environ.get(_TERMINAL)
    return _opened(path) if path else None


@cache
def _opened(path: str) -> TextIO | None:
    with suppress(OSError):  # of another user, after `su`
        handle = os.open(path, os.O_WRONLY | os.O_NOCTTY)
        return os.fdopen(handle, "w", encoding="utf-8", errors="replace")
    return None


def is_terminal(stream: TextIO) -> bool:
    """Whether lines of it can be rewritten."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def for_kernels(stream: TextIO) -> Any:
    """Where the printed lines of kernels are shown, which then draw their bars on its terminal."""
    os.environ.pop(_TERMINAL, None)
    if not is_terminal(stream):
        return stream
    os.environ[_TERMINAL] = os.ttyname(stream.fileno())
    return Above(stream)


def end_bar(terminal: TextIO | None = None) -> None:
    """Clear the line on which a bar may be: of this process, or of the terminal given."""
    if isinstance(sys.stdout, Above) and terminal in (None, sys.stdout.terminal):
        above, sys.stdout = sys.stdout, sys.stdout.terminal
        above.end()
    elif terminal:
        with suppress(OSError):
            terminal.write(_CLEAR)
            terminal.flush()


def show_text(text: str) -> None:
    """Show a sample or a list in a notebook's output, which no log repeats; else only with -v."""
    ipython = sys.modules.get("IPython")
    if os.environ.get(VERBOSE):
        print(text)
    elif ipython and ipython.get_ipython():
        ipython.display.display({"text/plain": text}, raw=True)


def show_points(*points: str) -> Any:
    """Sentences as a list in HTML."""
    from IPython.display import HTML
    from markupsafe import Markup

    items = Markup("\n").join(Markup("<li>{}</li>").format(point) for point in points)
    return HTML(Markup("<ul>\n{}\n</ul>").format(items))


def minutes(seconds: float) -> str:
    """83.4 → '1:23'; from an hour on '1:00:00'."""
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
