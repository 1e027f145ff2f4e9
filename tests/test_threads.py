"""What OpenMP and glibc read is set once, and a user's own choice stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib import threads
from lib.settings import PROJECT_DIR
from lib.threads import HUGE_PAGES, SPIN_COUNT, num_cores, tune_threads


@pytest.fixture(autouse=True)
def untuned(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", HUGE_PAGES[0]):
        monkeypatch.setenv(name, "x")  # so that it is put back afterwards
        del os.environ[name]


def test_threads_sleep_after_some_spins() -> None:
    tune_threads()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert os.environ["GOMP_SPINCOUNT"] == SPIN_COUNT


def test_a_users_own_policy_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    tune_threads()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    assert "GOMP_SPINCOUNT" not in os.environ


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "9900000 100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "765000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 7),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ({}, 8),
    ],
)
def test_a_container_has_as_many_threads_as_its_quota_allows(
    quota: dict[str, str], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_seen_cores", lambda: 8)
    monkeypatch.setattr(threads, "_GROUP_DIR", tmp_path)
    (tmp_path / "cpu").mkdir()
    for name, text in quota.items():
        (tmp_path / name).write_text(text)
    assert num_cores() == cores
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    tune_threads()
    assert os.environ.pop("OMP_NUM_THREADS", "8") == str(cores)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    tune_threads()
    assert os.environ["OMP_NUM_THREADS"] == "3"


@pytest.mark.skipif(sys.platform != "linux", reason="huge pages of glibc")
@pytest.mark.parametrize("users", ["", "glibc.malloc.check=0"])
def test_a_program_begins_anew_once_for_huge_pages(
    users: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if users:
        monkeypatch.setenv(HUGE_PAGES[0], users)
    code = (
        "import os; from lib.threads import restart_tuned; print('begins', flush=True); "
        f"restart_tuned(); print(os.environ['{HUGE_PAGES[0]}'])"
    )
    said = subprocess.check_output([sys.executable, "-c", code], cwd=PROJECT_DIR, text=True)
    assert said.split() == (["begins", users] if users else ["begins", "begins", HUGE_PAGES[1]])
