"""Every test has a home of its own: no state, cache, run or secret of the machine reaches it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lib.endpoints import PREFIXES


@pytest.fixture(autouse=True)
def home_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "openbook-home"
    home.mkdir()
    monkeypatch.setenv("OPENBOOK_HOME", str(home))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    names = tuple(prefix for prefixes in PREFIXES.values() for prefix in prefixes)
    for name in list(os.environ):
        if name.startswith((*names, "OPENAI_", "AZURE_OPENAI_", "HF_TOKEN")):
            monkeypatch.delenv(name)
    return home
