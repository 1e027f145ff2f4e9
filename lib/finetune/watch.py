"""Training as it goes: its progress, and the history behind the loss curve."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lib.progress import Progress
from lib.settings import SetupError

HistoryPoint = dict[str, float]  # step, epoch, and loss or validation_loss (…)


@contextmanager
def plain_output() -> Iterator[None]:
    """No progress bars, and no deprecation notes of one library about another."""
    from transformers.utils import logging

    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        if bars:
            logging.enable_progress_bar()


def training_watch() -> Any:
    """A callback with `history`, made in a function because its base class needs transformers.

    It prints every validation, and a progress:
    `steps        64/253 · 0.5/s · ETA 6:01 · loss 0.096 · 6,690 tokens/s`
    """
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def __init__(self) -> None:
            self.history: list[HistoryPoint] = []
            self._note = ""  # the last training point
            self._progress: Progress | None = None  # of the process that speaks
            self._tokens = self._trained_s = self._validated_s = 0.0

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self._start = time.monotonic()

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero and not self._progress:  # after the first validation
                self._progress = Progress("steps", state.max_steps, note=lambda: self._note)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if self._progress:
                self._progress.advance()

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if self._progress:
                self._progress.close()

        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any
        ) -> None:
            point: HistoryPoint = {"step": state.global_step, "epoch": round(state.epoch or 0, 3)}
            if "eval_loss" in logs:
                point["validation_loss"] = logs["eval_loss"]
                self._validated_s += logs.get("eval_runtime", 0.0)
                if state.is_world_process_zero:
                    step = f"step {state.global_step:{len(str(state.max_steps))}}/{state.max_steps}"
                    print(f"{step} · validation loss {logs['eval_loss']:.3f}", flush=True)
            elif "loss" in logs:
                if not math.isfinite(logs["loss"]):
                    raise SetupError(
                        f"The training loss is {logs['loss']} at step {state.global_step}. "
                        "Lower learning_rate and run again."
                    )
                point |= {"loss": logs["loss"], "learning_rate": logs["learning_rate"]}
                point["tokens_per_s"] = self._tokens_per_s(logs["num_tokens"])
                self._note = f"loss {logs['loss']:.3f} · {point['tokens_per_s']:,} tokens/s"
            else:
                return
            self.history.append(point)

        def _tokens_per_s(self, num_tokens: float) -> int:
            """Since the last point, without the time of validations."""
            trained_s = time.monotonic() - self._start - self._validated_s
            rate = (num_tokens - self._tokens) / max(trained_s - self._trained_s, 1e-9)
            self._tokens, self._trained_s = num_tokens, trained_s
            return round(rate)

    return Watch()
