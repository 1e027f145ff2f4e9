"""A run's figures in MLflow or Weights & Biases, if .env names one; replies are never sent."""

import importlib
import math
import os
import re
from typing import Any

from lib.eval.runs.files import secrets
from lib.eval.runs.runs import Run
from lib.settings import SetupError
from lib.state import environment
from lib.text import one_line

TRACKERS = {"mlflow": "MLFLOW_TRACKING_URI", "wandb": "WANDB_API_KEY"}  # names that turn them on
_WANDB = {"console": "off", "disable_code": True, "disable_git": True, "silent": True}


def log_to_trackers(run: Run) -> list[str]:
    """Log to every tracker that .env configures; a sentence about each, also if it fails."""
    said, names = [], environment()
    for tracker in [tracker for tracker, name in TRACKERS.items() if name in names]:
        try:
            said.append(log_run(run, tracker))
        except SetupError as error:
            said.append(str(error))
    return said


def log_run(run: Run, tracker: str) -> str:
    """Log figures, settings and verdict; a sentence that says so, or a SetupError with a reason."""
    prefix, name = tracker.upper(), run.run_dir.resolve().name  # no path of this machine
    os.environ.update({k: v for k, v in environment().items() if k.startswith(prefix)})
    try:
        package = importlib.import_module(tracker)
        if tracker == "mlflow":
            with package.start_run(run_name=name, tags={"verdict": run.metrics["verdict"]}):
                package.log_params(run.metrics["made_of"])
                package.log_metrics(figures_of(run))
        else:
            about = {"notes": run.metrics["verdict"], "config": run.metrics["made_of"]}
            with package.init(name=name, dir=run.run_dir, settings=_WANDB, **about) as active:
                active.summary.update(figures_of(run))
    except ModuleNotFoundError as error:
        raise SetupError(
            f"{tracker} needs the package {error.name}, which is not installed. "
            f"Install it: .venv/bin/pip install {error.name}"
        ) from error
    except Exception as error:  # of the packages' own classes; it may not end 4_eval
        reason = secrets().sub("***", one_line(str(error)))
        raise SetupError(f"{tracker} did not take the run: {reason}") from error
    return f"{tracker}: run {name} is logged"


def figures_of(run: Run) -> dict[str, float]:
    """`student/top_5/exact_match`, and with `_low`, `_high`, `_n`; differences likewise; no NaN."""
    rows: list[tuple[Any, str, float]] = [(e, e.model, e.value) for e in run.results.estimates]
    for one in run.results.comparisons:
        other = f"{one.against} under {one.against_condition}".removesuffix(" under ")
        rows.append((one, f"{one.model} against {other}", one.difference))
    figures: dict[str, float] = {}
    for one, who, value in rows:
        name = re.sub(r"[^\w\-. /]", "", f"{who}/{one.condition}/{one.metric}")  # for MLflow
        parts = {"": value, "_low": one.low, "_high": one.high, "_n": float(one.n)}
        figures |= {name + end: part for end, part in parts.items() if not math.isnan(part)}
    return figures
