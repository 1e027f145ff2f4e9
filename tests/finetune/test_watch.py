"""The lines of a training, its history, and the stop at a loss that is not a number."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lib.finetune import watch as watch_module
from lib.finetune.watch import never_stops_training, training_watch
from lib.settings import SetupError
from lib.store import read_jsonl, write_jsonl
from tests.clock import Clock


def at(step: int) -> Any:
    return SimpleNamespace(
        global_step=step, epoch=step / 100, max_steps=100, is_world_process_zero=True
    )


def trained(step: int, loss: float = 0.5) -> dict[str, float]:
    return {"loss": loss, "learning_rate": 0.1, "num_tokens": 10.0 * step**2}


def test_validations_are_printed_and_the_progress_has_the_loss(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    clock = Clock()
    monkeypatch.setattr(watch_module, "time", clock)
    monkeypatch.setattr("lib.progress.time", clock)
    monkeypatch.setattr(watch_module, "peak_memory_gib", lambda: 1.25)
    watch = training_watch(tmp_path / "metrics.jsonl")
    watch.on_train_begin(None, at(0), None)
    clock.now += 60  # the first validation is no step: the rate knows nothing of it
    watch.on_log(None, at(0), None, {"eval_loss": 2.0, "eval_runtime": 60.0})
    for step in range(1, 101):
        watch.on_step_begin(None, at(step - 1), None)
        clock.now += 2.5
        watch.on_step_end(None, at(step), None)
        if step % 10 == 0:
            watch.on_log(None, at(step), None, trained(step))
    watch.on_log(None, at(100), None, {"eval_loss": 1.0})
    watch.on_train_end(None, at(100), None, model=torch.nn.Linear(2, 2))
    assert capsys.readouterr().out.splitlines() == [
        "step   0/100 · validation loss 2.000",
        "steps        2/100 · 0.4/s · ETA 4:05",
        "100 steps: about 4:10, as the first go.",
        "steps        6/100 · 0.4/s · ETA 3:55",
        "steps        14/100 · 0.4/s · ETA 3:35 · loss 0.500 · 40 tokens/s · 1.2 GiB",
        "steps        30/100 · 0.4/s · ETA 2:55 · loss 0.500 · 120 tokens/s · 1.2 GiB",
        "steps        62/100 · 0.4/s · ETA 1:35 · loss 0.500 · 440 tokens/s · 1.2 GiB",
        "step 100/100 · validation loss 1.000",
        "steps        100/100 · 0.4/s · took 4:10 · loss 0.500 · 760 tokens/s · 1.2 GiB",
    ]
    assert [point["step"] for point in watch.history] == [0, *range(10, 101, 10), 100]
    assert read_jsonl(tmp_path / "metrics.jsonl") == watch.history


def test_a_training_that_goes_on_forgets_what_came_after_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(watch_module, "time", clock)
    path = tmp_path / "metrics.jsonl"
    points = [{"step": step, "seconds": 2.0 * step, "loss": 1.0} for step in (10, 20, 30)]
    write_jsonl(path, points)
    watch = training_watch(path)
    watch.on_train_begin(None, at(25), None)
    clock.now += 10
    watch.on_log(None, at(30), None, trained(30))
    assert [point["step"] for point in read_jsonl(path)] == [10, 20, 30]
    assert watch.history[-1]["seconds"] == 50.0  # of both runs


def test_a_training_ends_with_the_notebook_that_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = training_watch(tmp_path / "metrics.jsonl")
    monkeypatch.setenv(watch_module.PARENT, str(os.getppid()))
    watch.on_step_end(None, at(1), None)
    monkeypatch.setenv(watch_module.PARENT, str(os.getpid()))
    with pytest.raises(KeyboardInterrupt):
        watch.on_step_end(None, at(2), None)


def test_a_loss_that_explodes_says_lower_the_learning_rate(tmp_path: Path) -> None:
    watch = training_watch(tmp_path / "metrics.jsonl")
    watch.on_train_begin(None, at(0), None)
    with pytest.raises(SetupError, match=r"loss is nan at step 3\. Lower learning_rate"):
        watch.on_log(None, at(3), None, trained(3, float("nan")))
    with pytest.raises(SetupError, match=r"validation_loss is inf at step 3\. Lower learning"):
        watch.on_log(None, at(3), None, {"eval_loss": float("inf")})
    with pytest.raises(SetupError, match=r"is nan at step 0\. The base model's weights"):
        watch.on_log(None, at(0), None, {"eval_loss": float("nan")})


def test_an_update_that_explodes_last_makes_no_student(tmp_path: Path) -> None:
    watch = training_watch(tmp_path / "metrics.jsonl")
    model = torch.nn.Linear(2, 2)
    watch.on_train_end(None, at(3), None, model=model)
    model.weight.data[1, 1] = float("nan")
    with pytest.raises(SetupError, match=r"not numbers\. Lower learning_rate"):
        watch.on_train_end(None, at(3), None, model=model)


def test_a_tracker_that_fails_is_left_out_and_training_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Tracker:
        heard = 0

        def on_train_begin(self) -> None:
            self.heard += 1

        def on_log(self, logs: dict[str, float]) -> None:
            self.heard += 1
            raise ConnectionError("503\nnot now")

    tracker = Tracker()
    never_stops_training(tracker, "mlflow")
    tracker.on_train_begin()
    tracker.on_log(logs={})
    tracker.on_log(logs={})
    tracker.on_train_begin()
    assert tracker.heard == 2
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "mlflow failed, and is left out" in said
