"""Training as it goes: plain lines for a log, and the history that the loss curve is drawn from."""

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
    """A callback with `history`; a factory, because its base class needs transformers.

    step  40/150 · loss 1.234 · 8,123 tokens/s · ETA 2:10
    """
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def __init__(self) -> None:
            self.history: list[HistoryPoint] = []
            self._tokens = 0.0
            self._trained_s = self._evaluating_s = 0.0

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self._start = time.monotonic()

        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any
        ) -> None:
            point: HistoryPoint = {"step": state.global_step, "epoch": round(state.epoch or 0, 3)}
            if "eval_loss" in logs:
                point["validation_loss"] = logs["eval_loss"]
                self._evaluating_s += logs.get("eval_runtime", 0.0)
                tail = f"validation loss {logs['eval_loss']:.3f}"
            elif "loss" in logs:
                if not math.isfinite(logs["loss"]):
                    raise SetupError(
                        f"The training loss is {logs['loss']} at step {state.global_step}. "
                        "Lower learning_rate and run again."
                    )
                point |= {"loss": logs["loss"], "learning_rate": logs["learning_rate"]}
                tail = self._pace(state, logs, point)
            else:
                return
            self.history.append(point)
            if state.is_world_process_zero:
                width = len(str(state.max_steps))
                print(f"step {state.global_step:{width}}/{state.max_steps} · {tail}", flush=True)

        def _pace(self, state: Any, logs: dict[str, float], point: HistoryPoint) -> str:
            elapsed_s = time.monotonic() - self._start - self._evaluating_s
            tokens, self._tokens = logs["num_tokens"] - self._tokens, logs["num_tokens"]
            rate = tokens / max(elapsed_s - self._trained_s, 1e-9)
            self._trained_s = elapsed_s
            left_s = elapsed_s / state.global_step * (state.max_steps - state.global_step)
            point["tokens_per_s"] = round(rate)
            return f"loss {logs['loss']:.3f} · {rate:,.0f} tokens/s · ETA {minutes(left_s)}"

    return Watch()
