"""What OpenMP reads is set once, and a user's own choice stays."""

from __future__ import annotations

import os

import pytest

from lib.threads import SPIN_COUNT, tune_threads


def test_threads_sleep_after_some_spins(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "x")  # so that it is put back afterwards
        del os.environ[name]
    tune_threads()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert os.environ["GOMP_SPINCOUNT"] == SPIN_COUNT


def test_a_users_own_policy_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    tune_threads()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    assert "GOMP_SPINCOUNT" not in os.environ
