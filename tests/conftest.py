"""Every test has a home of its own: no state, cache, run or secret of the machine reaches it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lib.endpoints import PREFIXES
from lib.run_folder import COMMAND

# Libraries read these once, often in a fixture of a whole file, which is before `home_dir`.
os.environ["HF_HUB_OFFLINE"] = "1"
# Models of these tests are tiny: threads that wait for each other took most of their time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What imports the same large libraries is run by one process, which pays for them once.
TOGETHER = {
    "training": ("benchmarks/test_quick", "finetune/", "deploy/", "offline/", "rag/", "test_state"),
    "notebooks": ("test_notebooks",),
    "pages": ("browser/", "gen/review/"),
}


@pytest.fixture(autouse=True)
def home_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "openbook-home"
    home.mkdir()
    monkeypatch.setenv("OPENBOOK_HOME", str(home))
    names = tuple(prefix for prefixes in PREFIXES.values() for prefix in prefixes)
    for name in list(os.environ):
        if name.startswith((*names, "OPENAI_", "AZURE_OPENAI_", "HF_TOKEN", COMMAND)):
            monkeypatch.delenv(name)
    return home


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups for the processes of `make test`: the longest first, so that all end at one time."""
    groups = {item: group_of(item) for item in items}
    items.sort(key=lambda item: [*TOGETHER, groups[item]].index(groups[item]))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[item]))


def group_of(item: pytest.Item) -> str:
    """One of TOGETHER; a file that is in none is a group of its own."""
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    found = (name for name, paths in TOGETHER.items() if path.startswith(paths))
    return next(found, path)
