"""Trackers get the figures, the settings and the verdict of a run, and no reply."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lib.eval.__main__ import main
from lib.eval.runs.runs import Run, load_run
from lib.eval.runs.trackers import figures_of, log_to_trackers
from tests.eval.toy_runs import write_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    write_run(tmp_path / "one", lambda i, case: None if case.condition == "oracle" else i % 2 == 0)
    return load_run(str(tmp_path / "one"))


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Both trackers, as far as they are used: what they were given, by the name of the call."""
    seen: dict[str, Any] = {}

    def take(name: str) -> Any:
        return lambda *given, **named: seen.setdefault(name, [*given, named])

    def start(name: str, active: Any = None) -> Any:
        return lambda **named: [seen.setdefault(name, named), nullcontext(active)][1]

    active = SimpleNamespace(summary=SimpleNamespace(update=take("summary")))
    mlflow = {
        "log_params": take("params"),
        "log_metrics": take("metrics"),
        "start_run": start("run"),
    }
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(**mlflow))
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=start("init", active)))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789")
    return seen


def test_each_configured_tracker_gets_the_run(run: Run, given: dict[str, Any]) -> None:
    assert log_to_trackers(run) == ["mlflow: run one is logged", "wandb: run one is logged"]
    assert given["metrics"][0] == given["summary"][0] == figures_of(run)
    assert given["params"][0] == given["init"]["config"] == run.metrics["made_of"]
    assert given["run"]["tags"]["verdict"] == given["init"]["notes"] == run.metrics["verdict"]
    assert given["init"]["settings"]["console"] == "off"
    assert run.answers[0]["text"] not in str(given)


def test_figures_have_their_interval_and_no_nan(run: Run) -> None:
    figures = figures_of(run)
    one = run.results.estimate("student", "top_3", "exact_match")
    assert one
    name = "student/top_3/exact_match"
    assert [figures[name + end] for end in ("", "_low", "_high", "_n")] == [
        *(one.value, one.low, one.high, one.n)
    ]
    assert "student against baseline/top_3/exact_match_low" in figures
    nan = float("nan")
    unscored = replace(one, condition="oracle", n=0, value=nan, low=nan, high=nan)
    figures = figures_of(replace(run, results=replace(run.results, estimates=[one, unscored])))
    assert name in figures
    assert "student/oracle/exact_match" not in figures  # no reply there has a value
    assert all(value == value for value in figures.values())


def test_a_retrieval_setting_is_a_figure_of_its_own(tmp_path: Path) -> None:
    conditions = ("top_3_hybrid", "top_3")
    write_run(tmp_path / "one", lambda i, case: i % 2 == 0, conditions=conditions)
    figures = figures_of(load_run(str(tmp_path / "one")))
    assert figures["student against student under top_3/top_3_hybrid/exact_match"] == 0
    assert figures["student against baseline/top_3_hybrid/exact_match_n"] == 40


def test_a_tracker_that_fails_is_a_sentence_and_shows_no_secret(
    run: Run,
    given: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("no such key:\n0123456789")

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=fail))
    said = "wandb did not take the run: no such key: ***"
    assert log_to_trackers(run) == ["mlflow: run one is logged", said]
    assert main(["export", str(run.run_dir), "--to", "wandb"]) == 2
    assert said in capsys.readouterr().err


def test_a_package_that_is_not_installed_is_named_with_its_command(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert main(["export", str(run.run_dir), "--to", "mlflow"]) == 2
    assert "not installed. Install it: .venv/bin/pip install mlflow" in capsys.readouterr().err


def test_without_a_name_in_the_environment_nothing_is_logged(run: Run) -> None:
    assert log_to_trackers(run) == []
