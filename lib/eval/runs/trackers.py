"""A run's figures in MLflow or Weights & Biases, if .env names one; replies are never sent."""

from __future__ import annotations

import importlib
import os
import re

from lib.eval.results import Comparison, Estimate
from lib.eval.runs.results_files import without_secrets
from lib.eval.runs.runs import Run
from lib.settings import SetupError, environment
from lib.text import one_line

TRACKERS = {"mlflow": "MLFLOW_TRACKING_URI", "wandb": "WANDB_API_KEY"}  # the name that turns it on
# Nothing but what we give it: no output of cells, no code.
_WANDB = {"console": "off", "disable_code": True, "disable_git": True, "silent": True}


def log_to_trackers(run: Run) -> list[str]:
    """Log to every tracker that is configured; a sentence about each, also if it fails."""

    def said(tracker: str) -> str:
        try:
            return log_run(run, tracker)
        except SetupError as error:
            return str(error)

    return [said(tracker) for tracker, name in TRACKERS.items() if name in environment()]


def log_run(run: Run, tracker: str) -> str:
    """Log figures, settings and verdict of one run; a sentence that says so.

    Raises:
        SetupError: the tracker is not configured or not installed, or it failed.
    """
    names = environment()
    if TRACKERS[tracker] not in names:
        raise SetupError(f"{tracker} is not configured. Set {TRACKERS[tracker]} in .env.")
    for name in [name for name in names if name.startswith(tracker.upper())]:
        os.environ.setdefault(name, names[name])  # the package reads only the environment
    try:
        package = importlib.import_module(tracker)
    except ModuleNotFoundError as error:
        raise SetupError(
            f"{tracker} is configured, but {error.name} is not installed: pip install {tracker}."
        ) from error
    about, verdict = without_secrets([run.metrics["made_of"], run.metrics["verdict"]])
    failure = package.MlflowException if tracker == "mlflow" else package.Error
    try:
        if tracker == "mlflow":
            if not {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"} & os.environ.keys():
                package.set_experiment("openbook")
            with package.start_run(run_name=run.name):
                package.log_params(about)
                package.log_metrics(figures_of(run))
                package.set_tag("verdict", verdict)
        else:
            project, folder = os.environ.get("WANDB_PROJECT", "openbook"), str(run.run_dir.resolve())
            said = {"name": run.name, "notes": verdict, "config": about}
            with package.init(project=project, dir=folder, settings=_WANDB, **said) as active:
                active.summary.update(figures_of(run))
    except (failure, OSError) as error:
        reason = without_secrets(one_line(str(error)))
        raise SetupError(f"{tracker} did not take the run: {reason}") from error
    return f"{tracker}: run {run.name} is logged"


def figures_of(run: Run) -> dict[str, float]:
    """`student/top_5/exact_match` with its `_low`, `_high` and `_n`; differences likewise.

    Figures without a value are absent: a tracker would draw them as 0.
    """
    rows: list[tuple[str, float, Estimate | Comparison]] = [
        *((one.model, one.value, one) for one in run.results.estimates),
        *((f"{c.model} against {c.against}", c.difference, c) for c in run.results.comparisons),
    ]
    figures: dict[str, float] = {}
    for who, value, one in rows:
        name = re.sub(r"[^\w\-. /]", "", f"{who}/{one.condition}/{one.metric}")  # for MLflow
        parts = {"": value, "_low": one.low, "_high": one.high, "_n": float(one.n)}
        figures |= {name + end: part for end, part in parts.items() if part == part}
    return figures
