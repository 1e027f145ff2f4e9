from __future__ import annotations

import pytest

from lib.progress import Progress, minutes
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


def test_a_long_run_prints_a_line_a_minute_and_the_rate_is_of_the_last_minute(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("answers", 100_000)
    progress.advance(50_000)  # the ledger knew them
    for _ in range(600):
        clock.now += 1
        progress.advance()
    lines = capsys.readouterr().out.splitlines()
    assert 8 <= len(lines) <= 14
    assert " · 1.0/s · " in lines[-1]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (83.4, "1:23"), (3600, "60:00")])
def test_minutes(seconds: float, text: str) -> None:
    assert minutes(seconds) == text


def test_while_nothing_is_done_the_end_is_unknown(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("answers", 10)
    clock.now += 6
    progress.advance(0)
    assert capsys.readouterr().out == "answers      0/10 · 0.0/s · ETA unknown\n"
