"""The engine on time of our own."""

from __future__ import annotations

import pytest

from tests.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("limits", "retries", "scheduler", "timeouts"):
        monkeypatch.setattr(f"lib.engine.{module}.time", clock)
    return clock
