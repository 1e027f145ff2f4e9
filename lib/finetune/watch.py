"""Training as it goes: a few plain lines for a log, and the history behind the loss curve."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lib.progress import minutes
from lib.settings import SetupError

HistoryPoint = dict[str, float]  # step, epoch, and loss or validation_loss (…)
_LINE_EVERY_S = 60.0


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

    It prints every validation, and a line a minute:
    `step  64/253 · validation loss 0.062 · loss 0.096 · 6,690 tokens/s · ETA 2:51`
    """
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def __init__(self) -> None:
            self.history: list[HistoryPoint] = []
            self._pace = ""  # of the last training point, as it is printed
            self._tokens = self._trained_s = self._validated_s = 0.0

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self._start = self._printed_at = time.monotonic()

        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any
        ) -> None:
            point: HistoryPoint = {"step": state.global_step, "epoch": round(state.epoch or 0, 3)}
            if "eval_loss" in logs:
                point["validation_loss"] = logs["eval_loss"]
                self._validated_s += logs.get("eval_runtime", 0.0)
                self._print(state, f" · validation loss {logs['eval_loss']:.3f}")
            elif "loss" in logs:
                if not math.isfinite(logs["loss"]):
                    raise SetupError(
                        f"The training loss is {logs['loss']} at step {state.global_step}. "
                        "Lower learning_rate and run again."
                    )
                point |= {"loss": logs["loss"], "learning_rate": logs["learning_rate"]}
                point["tokens_per_s"] = self._measure(state, logs)
                if time.monotonic() - self._printed_at > _LINE_EVERY_S:
                    self._print(state)
            else:
                return
            self.history.append(point)

        def _measure(self, state: Any, logs: dict[str, float]) -> int:
            elapsed_s = time.monotonic() - self._start - self._validated_s
            tokens, self._tokens = logs["num_tokens"] - self._tokens, logs["num_tokens"]
            rate = round(tokens / max(elapsed_s - self._trained_s, 1e-9))
            self._trained_s = elapsed_s
            left_s = elapsed_s / state.global_step * (state.max_steps - state.global_step)
            self._pace = f" · loss {logs['loss']:.3f} · {rate:,} tokens/s · ETA {minutes(left_s)}"
            return rate

        def _print(self, state: Any, validation: str = "") -> None:
            self._printed_at = time.monotonic()
            if state.is_world_process_zero:
                step = f"step {state.global_step:{len(str(state.max_steps))}}/{state.max_steps}"
                print(f"{step}{validation}{self._pace}", flush=True)

    return Watch()
