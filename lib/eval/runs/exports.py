"""A run's figures as the results file of lm-evaluation-harness, one task a condition."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from lib.eval.runs.answer_files import read_answers, value_of
from lib.eval.metrics import LOWER_IS_BETTER
from lib.eval.results import Estimate
from lib.eval.runs.results_files import SCHEMA, plain, without_secrets
from lib.eval.runs.runs import Run
from lib.settings import SetupError
from lib.store import write_json

_FILTER = "none"  # the harness' name for replies taken as they are


def write_lm_eval(run: Run, *, model: str = "", path: Path | None = None) -> list[Path]:
    """Write the results of one model, or of each to a file of its own; returns the files.

    The harness' files are about one model: `RUN/lm-eval/<model>/results_<date>.json`, its own
    layout. With `path`: that file, of `model`, else of the judged one.

    Raises:
        SetupError: the run has no such model.
    """
    models = run.results.models
    if model and model not in models:
        raise SetupError(f"{run.name} has no model {model}. It has: {', '.join(models)}.")
    if path is not None:
        write_json(path, lm_eval_results(run, model=model or run.model))
        return [path]
    written = []
    for name in [model] if model else models:
        document = lm_eval_results(run, model=name)
        folder = run.run_dir / "lm-eval" / re.sub(r'["<>:/|\\?*\[\], ]+', "__", name)
        written.append(folder / f"results_{run.metrics['date'].replace(':', '-')}.json")
        write_json(written[-1], document)
    return written


def lm_eval_results(run: Run, *, model: str) -> dict[str, Any]:
    """What lm-evaluation-harness 0.4 writes and its tables, trackers and viewers read.

    A metric is "<metric>,none", its standard error "<metric>_stderr,none": the harness' own, the
    sample's deviation / √n, which takes questions for independent. Our interval, which does not,
    stands in `configs` → task → `metadata`. What has no value is left out.
    """
    replies: dict[str, list[dict[str, Any]]] = {}
    for row in read_answers(run.run_dir):
        if row["model"] == model:
            replies.setdefault(row["condition"], []).append(row)
    tasks: dict[str, list[Estimate]] = {}
    for one in run.results.estimates:
        if one.model == model and not math.isnan(one.value):
            tasks.setdefault(one.condition, []).append(one)
    named = {_task(run, condition): (condition, rows) for condition, rows in tasks.items()}
    asked = {task: len(replies[condition]) for task, (condition, _) in named.items()}
    made_of = run.metrics["made_of"]
    served: dict[str, str] = next(
        (m for m in made_of.get("models", []) if m.get("name") == model), {}
    )
    deployment = served.get("deployment") or model
    document: dict[str, Any] = {
        "results": {
            task: {
                "name": task,
                "alias": condition,
                "sample_len": asked[task],
                **_figures(rows, replies[condition]),
            }
            for task, (condition, rows) in named.items()
        },
        "group_subtasks": {task: [] for task in named},
        "configs": {task: _config(run, task, *named[task]) for task in named},
        "versions": dict.fromkeys(named, SCHEMA),
        "n-shot": dict.fromkeys(named, 0),
        "higher_is_better": {
            task: {one.metric: one.metric not in LOWER_IS_BETTER for one in rows}
            for task, (_, rows) in named.items()
        },
        "n-samples": {
            task: {"original": run.metrics["questions"]["n"], "effective": asked[task]}
            for task in named
        },
        "config": {
            "model": "local-chat-completions",
            "model_args": {"model": deployment},
            "batch_size": "1",
            "batch_sizes": [],
            "limit": None,
            "gen_kwargs": {"max_gen_toks": made_of.get("parameters", {}).get("max_answer_tokens")},
            "random_seed": made_of.get("seed"),
        },
        "date": datetime.fromisoformat(run.metrics["date"]).timestamp(),
        "model_source": "local-chat-completions",
        "model_name": deployment,
        "model_name_sanitized": re.sub(r'["<>:/|\\?*\[\]]+', "__", deployment),
        "openbook": {
            "run": run.name,
            "model": model,
            "verdict": run.metrics["verdict"],
            "version": made_of.get("version"),
        },
    }
    return dict(without_secrets(plain(document)))


def _task(run: Run, condition: str) -> str:
    # With the dataset: under one name the harness' readers take figures for comparable.
    return re.sub(r"[^\w-]", "_", f"openbook_{run.dataset}_{condition}")


def _figures(
    rows: Sequence[Estimate], replies: Sequence[Mapping[str, Any]]
) -> dict[str, float | str]:
    figures: dict[str, float | str] = {}
    for one in rows:
        values = [value for row in replies if (value := value_of(row, one.metric)) is not None]
        enough = len(values) > 1 and len(values) == one.n
        error = statistics.stdev(values) / math.sqrt(one.n) if enough else "N/A"
        figures[f"{one.metric},{_FILTER}"] = one.value
        figures[f"{one.metric}_stderr,{_FILTER}"] = error
    return figures


def _config(run: Run, task: str, condition: str, rows: list[Estimate]) -> dict[str, Any]:
    return {
        "task": task,
        "task_alias": condition,
        "dataset_path": run.dataset,
        "test_split": "eval",
        "output_type": "generate_until",
        "num_fewshot": 0,
        "metric_list": [
            {
                "metric": one.metric,
                "aggregation": "mean",
                "higher_is_better": one.metric not in LOWER_IS_BETTER,
            }
            for one in rows
        ],
        "metadata": {
            "version": SCHEMA,
            "condition": condition,
            "questions": run.metrics["questions"]["fingerprint"],
            "interval_95": {one.metric: [one.low, one.high] for one in rows},
            "unscored": {one.metric: one.unscored for one in rows},
        },
    }
