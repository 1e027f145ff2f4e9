"""A run's figures in MLflow and in Weights & Biases, where they are configured; never the replies.

MLflow: MLFLOW_TRACKING_URI. W&B: WANDB_API_KEY, or WANDB_MODE=offline. From the environment or
`.env`, as every other name; the packages are the user's to install.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from lib.eval.results import Comparison, Estimate
from lib.eval.runs.results_files import METRICS_FILE, without_secrets
from lib.eval.runs.runs import Run
from lib.settings import SetupError, environment

TRACKERS = ("mlflow", "wandb")
_NAMES = {"mlflow": "MLflow", "wandb": "Weights & Biases"}
_NEEDS = {"mlflow": "MLFLOW_TRACKING_URI", "wandb": "WANDB_API_KEY, or WANDB_MODE=offline,"}
_PROJECT = "openbook"  # the experiment or project, where the user names none


def log_to_trackers(run: Run) -> list[str]:
    """Log to every tracker that is configured; a sentence on each. [] = none is.

    A tracker that fails does not stop the evaluation: its sentence says what went wrong.
    """
    said = []
    for tracker in TRACKERS:
        if is_configured(tracker):
            try:
                said.append(log_run(run, tracker))
            except SetupError as error:
                said.append(str(error))
    return said


def is_configured(tracker: str) -> bool:
    names = environment()
    if tracker == "mlflow":
        return "MLFLOW_TRACKING_URI" in names
    mode = names.get("WANDB_MODE", "online")
    return mode == "offline" or (mode != "disabled" and "WANDB_API_KEY" in names)


def log_run(run: Run, tracker: str) -> str:
    """Log one run; a sentence that says where it stands now.

    Raises:
        SetupError: the tracker is not configured, or not installed, or refused.
    """
    if not is_configured(tracker):
        raise SetupError(
            f"{_NAMES[tracker]} is not configured: {_NEEDS[tracker]} is to be set in .env or in "
            "the environment."
        )
    with _named(tracker.upper() + "_"):
        try:
            package = importlib.import_module(tracker)
        except ModuleNotFoundError as error:
            raise SetupError(
                f"{_NAMES[tracker]} is configured, but the package {error.name} is not installed, "
                f"and nothing was logged: pip install {tracker}."
            ) from error
        failures = (package.MlflowException if tracker == "mlflow" else package.Error, OSError)
        try:
            # The leakage report quotes questions: like the replies, it stays here.
            metrics = {**run.metrics, "leakage": None}
            safe = replace(run, metrics=without_secrets(metrics))
            where = _to_mlflow(package, safe) if tracker == "mlflow" else _to_wandb(package, safe)
        except failures as error:
            reason = " ".join(str(without_secrets(str(error))).split())
            raise SetupError(f"{_NAMES[tracker]} did not take the run: {reason}") from error
    return f"{_NAMES[tracker]}: run {run.name} logged, {without_secrets(where)}"


@contextmanager
def _named(prefix: str) -> Iterator[None]:
    """What `.env` says of a tracker, in the process environment while its package runs."""
    found = {name: v for name, v in environment().items() if name.startswith(prefix)}
    added = found.keys() - os.environ.keys()
    os.environ.update({name: found[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _to_mlflow(mlflow: Any, run: Run) -> str:
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    if not {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"} & os.environ.keys():
        mlflow.set_experiment(_PROJECT)
    with mlflow.start_run(run_name=run.name) as active:
        mlflow.log_params({name: str(value) for name, value in settings_of(run).items()})
        mlflow.log_metrics(figures_of(run))
        mlflow.set_tags({"verdict": run.metrics["verdict"], "date": run.metrics["date"]})
        mlflow.log_dict(run.metrics, METRICS_FILE)
        return f"{os.environ['MLFLOW_TRACKING_URI']}, run id {active.info.run_id}"


def _to_wandb(wandb: Any, run: Run) -> str:
    active = wandb.init(
        project=os.environ.get("WANDB_PROJECT") or _PROJECT,
        name=run.name,
        notes=run.metrics["verdict"],
        config=settings_of(run),
        job_type="evaluation",
        dir=str(run.run_dir.resolve()),
        # What stands around the run is not its result: no printed text, no code, no git remote.
        settings={"console": "off", "disable_code": True, "disable_git": True, "silent": True},
    )
    try:
        active.summary.update(figures_of(run))
        artifact = wandb.Artifact(
            _name(run.name).replace("/", "-").replace(" ", "-"), type="evaluation"
        )
        with artifact.new_file(METRICS_FILE, mode="w", encoding="utf-8") as file:
            json.dump(run.metrics, file, ensure_ascii=False, indent=2)
        active.log_artifact(artifact)
    finally:
        active.finish()
    return "offline: `wandb sync` sends it" if active.offline else str(active.url)


# --- what is logged ------------------------------------------------------------------------------


def settings_of(run: Run) -> dict[str, Any]:
    """What the run was made of, flat: `parameters.seed`, `models.student.deployment`, …"""
    made_of = dict(run.metrics["made_of"])
    made_of["models"] = {
        model.get("name", str(i)): {k: v for k, v in model.items() if k != "name"}
        for i, model in enumerate(made_of.get("models", []))
    }
    return dict(_flat(made_of))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield _name(f"{prefix}{name}"), value


def figures_of(run: Run) -> dict[str, float]:
    """`student/top_5/exact_match` with its `_low`, `_high` and `_n`; differences likewise."""
    rows: list[tuple[str, float, Estimate | Comparison]] = [
        (f"{one.model}/{one.condition}/{one.metric}", one.value, one)
        for one in run.results.estimates
    ]
    rows += [
        (f"{one.model} against {one.against}/{one.condition}/{one.metric}", one.difference, one)
        for one in run.results.comparisons
    ]
    figures: dict[str, float] = {}
    for name, value, one in rows:
        parts = {"": value, "_low": one.low, "_high": one.high, "_n": float(one.n)}
        # A figure that there is not is left out: a tracker would draw it as 0 or as NaN.
        figures |= {_name(name + end): part for end, part in parts.items() if part == part}
    return figures


def _name(text: str) -> str:
    """In the letters that MLflow takes in a name."""
    return re.sub(r"[^\w\-. /]", "", text)
