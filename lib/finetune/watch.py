"""Training as it goes: its progress, and metrics.jsonl, the history behind the loss curve."""

import logging as stdlib_logging
import math
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib.progress import Progress, minutes
from lib.settings import SetupError
from lib.store import read_jsonl, write_jsonl
from lib.text import one_line

# step, epoch, seconds of training so far, and loss, learning_rate, … or validation_loss; after a
# second training also reward or margin
HistoryPoint = dict[str, float]
PARENT = "OPENBOOK_PARENT"  # of the environment: the process that reads what a training prints
_MEASURED_STEPS = 5  # of which the time of all is told
_MEASURES = {  # TRL's name → ours
    **{"loss": "loss", "eval_loss": "validation_loss"},
    **{"reward": "reward", "rewards/margins": "margin"},
}
_MEASURED = {*_MEASURES.values()}


@contextmanager
def plain_output() -> Iterator[None]:
    """No progress bars, and no deprecation notes of one library about another."""
    from transformers.utils import logging

    # On a CPU it asks for kernels of a hub.
    stdlib_logging.getLogger("bitsandbytes").setLevel(stdlib_logging.ERROR)
    logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def never_stops_training(tracker: Any, name: str) -> None:
    """From the first error of a tracker's callback on, training goes on without it."""
    failed: list[Exception] = []

    def guarded(event: Callable[..., Any]) -> Callable[..., Any]:
        def called(*told: Any, **known: Any) -> Any:
            try:
                return None if failed else event(*told, **known)
            except Exception as error:
                failed.append(error)
                said = one_line(f"{type(error).__name__}: {error}")[:200]
                print(f"{name} failed, and is left out ({said}).", flush=True)

        return called

    for event in dir(tracker):
        if event.startswith("on_"):
            setattr(tracker, event, guarded(getattr(tracker, event)))


def training_watch(metrics_path: Path, *, rate_knob: str = "learning_rate") -> Any:
    """A callback with `history`, made in a function because its base class needs transformers.

    It writes a line of metrics.jsonl for each point, and prints every validation and a progress:
    `steps        64/253 · 0.5/s · ETA 6:01 · loss 0.096 · 6,690 tokens/s · 1.2 GiB`
    """
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def __init__(self) -> None:
            self.history: list[HistoryPoint] = []
            self._note = ""  # the last training point
            self._progress: Progress | None = None  # of the process that speaks
            self._tokens = self._trained_s = self._validated_s = self._earlier_s = 0.0

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self._start, self._first_step = time.monotonic(), state.global_step
            if state.global_step and metrics_path.exists():  # what came after is trained again
                told = [point for point in read_jsonl(metrics_path) if {*point} & _MEASURED]
                self.history = [point for point in told if point["step"] <= state.global_step]
                self._earlier_s = max((point["seconds"] for point in self.history), default=0.0)
            if state.is_world_process_zero:
                write_jsonl(metrics_path, self.history)

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero and not self._progress:  # after the first validation
                self._begun = time.monotonic()
                self._progress = Progress(
                    "steps", state.max_steps, note=lambda: self._note, done=state.global_step
                )

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            require_parent()
            if self._progress:
                if state.global_step - self._first_step == _MEASURED_STEPS:
                    steps = state.max_steps - self._first_step
                    all_s = steps * (time.monotonic() - self._begun) / _MEASURED_STEPS
                    if all_s > 60:
                        print(f"{steps:,} steps: about {minutes(all_s)}, as the first go.")
                self._progress.advance()

        def on_train_end(self, args: Any, state: Any, control: Any, **known: Any) -> None:
            if self._progress:
                self._progress.close()
            for weight in known["model"].parameters():  # no loss tells of the last update
                own = getattr(weight, "to_local", lambda same=weight: same)()
                if weight.requires_grad and not own.isfinite().all():
                    said = f"weights that are not numbers. Lower {rate_knob} and run again."
                    raise SetupError(f"Training ended with {said}")

        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any
        ) -> None:
            point: HistoryPoint = {"step": state.global_step, "epoch": round(state.epoch or 0, 3)}
            point["seconds"] = round(self._earlier_s + time.monotonic() - self._start, 1)
            measured = {ours: logs[name] for name, ours in _MEASURES.items() if name in logs}
            if not all(map(math.isfinite, measured.values())):
                said = ", ".join(f"{name} is {value}" for name, value in measured.items())
                remedy = f"Lower {rate_knob} and run again."
                if not state.global_step:
                    remedy = "The base model's weights are damaged: copy or download it again."
                raise SetupError(f"The {said} at step {state.global_step}. {remedy}")
            point |= measured
            if "validation_loss" in measured:
                self._validated_s += logs.get("eval_runtime", 0.0)
                if state.is_world_process_zero:
                    step = f"step {state.global_step:{len(str(state.max_steps))}}/{state.max_steps}"
                    print(f"{step} · validation loss {logs['eval_loss']:.3f}", flush=True)
            elif measured:
                point |= {"learning_rate": logs["learning_rate"], "memory_gib": peak_memory_gib()}
                notes = [f"{name} {value:.3f}" for name, value in measured.items()]
                if "num_tokens" in logs:  # since the last point, without the time of validations
                    trained_s = time.monotonic() - self._start - self._validated_s
                    tokens, seconds = logs["num_tokens"] - self._tokens, trained_s - self._trained_s
                    point["tokens_per_s"] = round(tokens / max(seconds, 1e-9))
                    self._tokens, self._trained_s = logs["num_tokens"], trained_s
                    notes.append(f"{point['tokens_per_s']:,} tokens/s")
                self._note = " · ".join([*notes, f"{point['memory_gib']:.1f} GiB"])
            elif "train_runtime" not in logs:
                return
            elif args.load_best_model_at_end and state.best_global_step:
                point["kept_step"] = state.best_global_step
            self.history.append(point)
            if state.is_world_process_zero:
                write_jsonl(metrics_path, self.history)

    return Watch()


def validation_said(history: list[HistoryPoint]) -> str:
    """`went from 3.214 to 1.073 nats per completion token`, of the weights that were kept (with
    early stop the best ones); "" = there are no validation rows."""
    losses = {p["step"]: p["validation_loss"] for p in history if "validation_loss" in p}
    if not losses:
        return ""
    first, last = losses[min(losses)], losses[max(losses)]
    kept = losses.get(history[-1].get("kept_step", -1), last)
    said = f"went from {first:.3f} to {kept:.3f} nats per completion token"
    return f"{said}: training made it worse, lower learning_rate" if kept > first else said


def require_parent() -> None:
    """End a training whose notebook was killed: a second one would write the same checkpoints.

    Raises:
        KeyboardInterrupt: as for Ctrl-C.
    """
    parent = os.environ.get(PARENT)
    if parent and os.getppid() != int(parent):
        raise KeyboardInterrupt


def peak_memory_gib() -> float:
    """The most memory that this process had: of the GPU if it uses one."""
    import torch

    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 2**30, 3)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, 3)
