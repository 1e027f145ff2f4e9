from __future__ import annotations

import itertools

import pytest

from lib.progress import Progress, minutes


def test_lines_show_rate_and_eta(capsys: pytest.CaptureFixture[str]) -> None:
    clock = itertools.count(0, 4).__next__
    progress = Progress("answers", 10, clock=clock, note=lambda: "7 tokens")
    for _ in range(10):
        progress.advance()
    progress.close()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "answers      2/10 · 0.2/s · ETA 0:32 · 7 tokens"
    assert lines[-1] == "answers      10/10 · 0.2/s · took 0:44 · 7 tokens"
    assert len(lines) < 10


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (83.4, "1:23"), (3600, "60:00")])
def test_minutes(seconds: float, text: str) -> None:
    assert minutes(seconds) == text
