"""Every test has a home of its own: no state, cache, run or secret of the machine reaches it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lib.endpoints import PREFIXES
from lib.run_folder import COMMAND


@pytest.fixture(autouse=True)
def home_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "openbook-home"
    home.mkdir()
    monkeypatch.setenv("OPENBOOK_HOME", str(home))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    names = tuple(prefix for prefixes in PREFIXES.values() for prefix in prefixes)
    for name in list(os.environ):
        if name.startswith((*names, "OPENAI_", "AZURE_OPENAI_", "HF_TOKEN", COMMAND)):
            monkeypatch.delenv(name)
    return home


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that both processes of `make test` end at about the same time."""
    items.sort(key=lambda item: item.path.name not in ("test_quick.py", "test_notebooks.py"))
