"""Every test has a home of its own: no state, cache, run or secret of the machine reaches it."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from lib.endpoints import PREFIXES
from lib.run_folder import COMMAND

# Libraries read these once, often in a fixture of a whole file, which is before `home_dir`.
os.environ["HF_HUB_OFFLINE"] = "1"
# Models of these tests are tiny: threads that wait for each other took most of their time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What imports the same large libraries is run by one process, which pays for them once.
TOGETHER = {
    # torch, TRL, sentence-transformers, Chroma
    "training": (
        *("finetune/", "deploy/", "offline/", "rag/", "test_state", "benchmarks/test_quick"),
        *("gen/formats/test_preferences", "prompts/test_control_tokens"),
        "test_cluster",  # a Ray cluster, of which one at a time is enough
    ),
    # nbformat, whose checker of addresses takes seconds to load; gradio; Chromium
    "pages": ("test_notebooks", "test_runner", "eval/report/", "browser/", "gen/review/"),
}

frozen: list[bool] = []


@pytest.fixture(autouse=True)
def home_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    if "trl" in sys.modules and not frozen:
        gc.freeze()  # what libraries hold: a training collects twice, each time for half a second
        frozen.append(True)  # to ask gc.get_freeze_count() is to count a million objects each time
    home = tmp_path / "openbook-home"
    home.mkdir()
    monkeypatch.setenv("OPENBOOK_HOME", str(home))
    for name in ("IPYTHONDIR", "JUPYTER_PATH"):  # the runner sets them in its own process, too
        monkeypatch.setenv(name, str(home))
    names = tuple(prefix for prefixes in PREFIXES.values() for prefix in prefixes)
    for name in list(os.environ):
        if name.startswith((*names, "OPENAI_", "AZURE_OPENAI_", "HF_TOKEN", COMMAND)):
            monkeypatch.delenv(name)
    yield home
    os.environ.pop(COMMAND, None)  # the runner sets it in its own process


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest groups first, so that both processes of `make test` end at about one time."""
    items.sort(key=lambda item: [*TOGETHER, group_of(item.nodeid)].index(group_of(item.nodeid)))


def group_of(nodeid: str) -> str:
    """One of TOGETHER; a file that is in none is a group of its own."""
    path = nodeid.partition("::")[0].removeprefix("tests/")
    return next((name for name, paths in TOGETHER.items() if path.startswith(paths)), path)


class Groups(LoadScopeScheduling):
    """A group is run by one process. (xdist's own groups do not reach it from pytest 9.)"""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)
