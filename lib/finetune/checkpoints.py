"""Checkpoints of a training that has not ended, from which the same command goes on."""

import json
from pathlib import Path

CHECKPOINTS = 10  # of a training, where save_steps is 0


def training_dir(target: Path, processes: int) -> Path:
    """The scratch folder of a student that is being trained, beside it and named after the same
    fingerprint: other rows or settings never find its checkpoints, nor another number of processes,
    which makes larger updates."""
    among = f"-{processes}" if processes > 1 else ""
    return target.parent / f".{target.name}.training{among}"


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole one. A kill may leave one without its state, which is written last."""
    steps = {int(path.name.rpartition("-")[2]): path for path in folder.glob("checkpoint-*")}
    return next((steps[step] for step in sorted(steps, reverse=True) if _whole(steps[step])), None)


def _whole(checkpoint: Path) -> bool:
    try:
        return "global_step" in json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
