"""The lines of a training, its history, and the stop at a loss that is not a number."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lib.finetune import watch as watch_module
from lib.finetune.watch import training_watch
from lib.settings import SetupError


def at(step: int) -> Any:
    return SimpleNamespace(
        global_step=step, epoch=step / 100, max_steps=100, is_world_process_zero=True
    )


def trained(step: int, loss: float = 0.5) -> dict[str, float]:
    return {"loss": loss, "learning_rate": 0.1, "num_tokens": 1000.0 * step}


def test_every_validation_and_a_line_a_minute_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(watch_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    watch = training_watch()
    watch.on_train_begin(None, at(0), None)
    watch.on_log(None, at(0), None, {"eval_loss": 2.0})
    for step in range(10, 101, 10):
        now[0] += 25
        watch.on_log(None, at(step), None, trained(step))
    watch.on_log(None, at(100), None, {"eval_loss": 1.0})
    assert capsys.readouterr().out.splitlines() == [
        "step   0/100 · validation loss 2.000",
        "step  30/100 · loss 0.500 · 400 tokens/s · ETA 2:55",
        "step  60/100 · loss 0.500 · 400 tokens/s · ETA 1:40",
        "step  90/100 · loss 0.500 · 400 tokens/s · ETA 0:25",
        "step 100/100 · validation loss 1.000 · loss 0.500 · 400 tokens/s · ETA 0:00",
    ]
    assert [point["step"] for point in watch.history] == [0, *range(10, 101, 10), 100]


def test_a_loss_that_explodes_says_lower_the_learning_rate() -> None:
    watch = training_watch()
    watch.on_train_begin(None, at(0), None)
    with pytest.raises(SetupError, match=r"loss is nan at step 3\. Lower learning_rate"):
        watch.on_log(None, at(3), None, trained(3, float("nan")))
