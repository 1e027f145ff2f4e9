"""A run's figures in MLflow or Weights & Biases, if .env names one; replies are never sent."""

from __future__ import annotations

import importlib
import os
import re
from typing import Any

from lib.eval.results import Comparison, Estimate
from lib.eval.runs.results_files import METRICS_FILE, without_secrets
from lib.eval.runs.runs import Run
from lib.settings import SetupError, environment
from lib.text import one_line

TRACKERS = {"mlflow": "MLFLOW_TRACKING_URI", "wandb": "WANDB_API_KEY"}  # what configures each
_PROJECT = "openbook"  # unless the environment names one


def log_to_trackers(run: Run) -> list[str]:
    """Log to every tracker that is configured; a sentence about each, also if it fails."""
    said = []
    for tracker, name in TRACKERS.items():
        if name in environment():
            try:
                said.append(log_run(run, tracker))
            except SetupError as error:
                said.append(str(error))
    return said


def log_run(run: Run, tracker: str) -> str:
    """Log one run; a sentence that says so.

    Raises:
        SetupError: the tracker is not configured or not installed, or it failed.
    """
    names = environment()
    if TRACKERS[tracker] not in names:
        raise SetupError(f"{tracker} is not configured. Set {TRACKERS[tracker]} in .env.")
    for name, value in names.items():
        if name.startswith(tracker.upper()):
            os.environ.setdefault(name, value)  # the package reads only the environment
    try:
        package = importlib.import_module(tracker)
    except ModuleNotFoundError as error:
        raise SetupError(
            f"{tracker} is configured, but {error.name} is not installed: pip install {tracker}."
        ) from error
    metrics = without_secrets({**run.metrics, "leakage": None})  # leakage quotes questions
    try:
        log = _to_mlflow if tracker == "mlflow" else _to_wandb
        log(package, run, metrics)
    except (package.MlflowException if tracker == "mlflow" else package.Error, OSError) as error:
        reason = without_secrets(one_line(str(error)))
        raise SetupError(f"{tracker} did not take the run: {reason}") from error
    return f"{tracker}: run {run.name} is logged"


def _to_mlflow(mlflow: Any, run: Run, metrics: dict[str, Any]) -> None:
    import pandas

    if not {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"} & os.environ.keys():
        mlflow.set_experiment(_PROJECT)
    with mlflow.start_run(run_name=run.name):
        mlflow.log_params(pandas.json_normalize(metrics["made_of"]).loc[0].to_dict())
        mlflow.log_metrics(figures_of(run))
        mlflow.set_tags({"verdict": metrics["verdict"], "date": metrics["date"]})
        mlflow.log_dict(metrics, METRICS_FILE)


def _to_wandb(wandb: Any, run: Run, metrics: dict[str, Any]) -> None:
    active = wandb.init(
        project=os.environ.get("WANDB_PROJECT", _PROJECT),
        name=run.name,
        notes=metrics["verdict"],
        config=metrics["made_of"],
        dir=str(run.run_dir.resolve()),
        settings={"console": "off", "disable_code": True, "disable_git": True, "silent": True},
    )
    active.summary.update(figures_of(run))
    active.finish()


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
