"""What a long step says: lines in a log, a bar on a terminal, also on that of run_all.sh."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import pytest

from lib import progress as module
from lib.progress import VERBOSE, Progress, end_bar, for_kernels, minutes, show_text
from tests.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("lib.progress.time", clock)
    return clock


def test_lines_show_rate_and_eta(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("answers", 10, note=lambda: "7 tokens")
    for _ in range(10):
        clock.now += 4
        progress.advance()
    clock.now += 4
    progress.close()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "answers      2/10 · 0.2/s · ETA 0:32 · 7 tokens"
    assert lines[-1] == "answers      10/10 · 0.2/s · took 0:44 · 7 tokens"
    assert len(lines) < 10


@pytest.mark.parametrize(("hours", "most"), [(1 / 12, 7), (1, 18), (12, 150)])
def test_lines_become_rarer_up_to_one_in_five_minutes(
    hours: float, most: int, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress, start = Progress("answers", 10**6), clock.now
    printed_at = []
    while clock.now < start + 3600 * hours:
        clock.now += 1
        progress.advance()
        if capsys.readouterr().out:
            printed_at.append(clock.now)
    gaps = [after - before for before, after in zip([start, *printed_at], printed_at, strict=False)]
    assert gaps[0] == 5
    assert gaps == sorted(gaps)
    assert gaps[-1] <= 300
    assert len(gaps) <= most


def test_the_rate_is_of_the_last_minute_and_the_eta_knows_hours(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("answers", 100_000)
    progress.advance(50_000)  # the ledger knew them
    for _ in range(600):
        clock.now += 1
        progress.advance()
    assert " · 1.0/s · ETA 13:" in capsys.readouterr().out.splitlines()[-1]


def test_slow_steps_are_counted_by_the_minute(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("steps", 100)
    clock.now += 40
    progress.advance()
    progress.advance(0)
    assert capsys.readouterr().out == "steps        1/100 · 1.5/min · ETA 1:06:00\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (83.4, "1:23"), (3599.4, "59:59"), (3600, "1:00:00"), (90_061, "25:01:01")],
)
def test_minutes(seconds: float, text: str) -> None:
    assert minutes(seconds) == text


def test_while_nothing_is_done_the_end_is_unknown(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("answers", 10)
    clock.now += 6
    progress.advance(0)
    assert capsys.readouterr().out == "answers      0/10 · 0.0/min · ETA unknown\n"


# --- on a terminal -------------------------------------------------------------------------------


class Screen:
    """A pseudo-terminal, and what somebody who looks at it sees."""

    def __init__(self) -> None:
        self._read, write = os.openpty()
        self.stream: TextIO = os.fdopen(write, "w", encoding="utf-8")
        self.path = os.ttyname(write)
        self.raw = ""
        os.set_blocking(self._read, False)

    def read(self) -> None:
        """All that was written; of too much that nobody reads the writer would wait."""
        self.stream.flush()
        with suppress(BlockingIOError):
            while data := os.read(self._read, 65536):
                self.raw += data.decode()

    def lines(self) -> list[str]:
        """The lines after all that was written; the last one may be a bar."""
        self.read()
        shown = []
        for line in self.raw.split("\r\n"):
            cells: list[str] = []
            column = 0
            for part in re.split(r"(\r|\x1b\[K)", line):
                if part == "\r":
                    column = 0
                elif part == "\x1b[K":
                    del cells[column:]
                else:
                    cells[column : column + len(part)] = part
                    column += len(part)
            shown.append("".join(cells))
        return shown


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    screen = Screen()
    monkeypatch.setenv("TERM", "xterm")
    yield screen
    screen.stream.close()


def test_a_terminal_shows_one_line_below_all_that_is_printed(
    screen: Screen, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", screen.stream)
    progress = Progress("answers", 40, note=lambda: "7 tokens " + "x" * 200)
    for number in range(1, 41):
        clock.now += 1
        progress.advance()
        if number == 20:
            print("skipped:", "a.pdf")
            assert screen.lines() == ["skipped: a.pdf", ""]
        elif number < 40:
            *above, bar = screen.lines()
            assert above == (["skipped: a.pdf"] if number > 20 else [])
            assert re.match(rf"answers \[[#.]{{20}}\] {number}/40 · 1\.0/s · ETA 0:\d\d · 7", bar)
            assert len(bar) <= 79
    progress.close()
    assert sys.stdout is screen.stream
    _, closing, empty = screen.lines()
    assert closing.startswith("answers      40/40 · 1.0/s · took 0:40 · 7 tokens")
    assert empty == ""


def test_a_bar_is_redrawn_five_times_a_second_at_most(
    screen: Screen, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", screen.stream)
    progress = Progress("answers", 10**6)
    for _ in range(10_000):
        clock.now += 0.001
        progress.advance()
        screen.read()
    assert 40 <= screen.raw.count("answers [") <= 50


def test_a_step_that_fails_leaves_no_bar(
    screen: Screen, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", screen.stream)
    progress = Progress("answers", 10)
    clock.now += 1
    progress.advance()
    assert screen.lines()[-1].startswith("answers [")
    print("half a line", end="")
    end_bar()
    assert screen.lines() == ["half a line"]
    assert sys.stdout is screen.stream


def test_a_kernel_draws_on_the_terminal_of_run_all_and_prints_the_closing_line_alone(
    screen: Screen,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(module._TERMINAL, "")
    shown = for_kernels(screen.stream)
    assert os.environ[module._TERMINAL] == screen.path
    module._opened.cache_clear()
    progress = Progress("answers", 4)
    for _ in range(3):
        clock.now += 10
        progress.advance()
    assert screen.lines()[-1].startswith("answers [###############.....] 3/4")
    assert capsys.readouterr().out == ""  # what papermill would stream, and the notebook keep
    shown.write("a line of the noteb")
    assert screen.lines()[-1].startswith("answers [")
    shown.write("ook\n")
    assert screen.lines() == ["a line of the notebook", ""]
    progress.close()
    assert capsys.readouterr().out == "answers      3/4 · 0.1/s · took 0:30\n"
    shown.write("the end")
    shown.end()
    assert screen.lines() == ["a line of the notebook", "the end"]


def test_a_log_and_a_dumb_terminal_get_lines(
    tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "log").open("w") as log:
        assert for_kernels(log) is log
        monkeypatch.setenv("TERM", "dumb")
        assert for_kernels(screen.stream) is screen.stream
        assert module._TERMINAL not in os.environ


def test_a_terminal_that_cannot_be_opened_is_no_error(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(module._TERMINAL, "/dev/no-such-terminal")
    Progress("answers", 0).close()
    assert capsys.readouterr().out == "answers      0/0 · at once · took 0:00\n"


# --- samples and lists ---------------------------------------------------------------------------


def test_a_log_holds_samples_only_if_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VERBOSE, raising=False)
    show_text("a sample")
    assert capsys.readouterr().out == ""
    monkeypatch.setenv(VERBOSE, "1")
    show_text("a sample")
    assert capsys.readouterr().out == "a sample\n"


def test_a_notebook_shows_samples_as_output_that_is_not_streamed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import IPython.display

    shown: list[Any] = []
    monkeypatch.delenv(VERBOSE, raising=False)
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: shown.append((data, raw)))
    show_text("a sample")
    assert shown == [({"text/plain": "a sample"}, True)]
    assert capsys.readouterr().out == ""
