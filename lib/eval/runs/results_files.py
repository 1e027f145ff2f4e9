"""An evaluation on disk: metrics.json with every figure, beside its answers."""

import dataclasses
import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lib.eval.conditions import Case
from lib.eval.metrics.losses import decompose
from lib.eval.models import EvalModel, endpoint_of
from lib.eval.questions import EvalQuestion
from lib.eval.results import Comparison, Estimate, Primary, Results
from lib.eval.runs.answer_files import write_answers
from lib.eval.verdict import verdict_of
from lib.recipe import Recipe
from lib.records import Answer, Score
from lib.settings import PROJECT_DIR, SetupError, portable, write_text
from lib.state import environment
from lib.store import fingerprint

SCHEMA = 2  # of metrics.json and the answers; raised when a reader of this one would be misled
METRICS_FILE = "metrics.json"


def describe_run(dataset_dir: Path, models: Sequence[EvalModel], recipe: Recipe) -> dict[str, Any]:
    """Dataset, models and settings of a run, for `write_results`."""
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text(encoding="utf-8"))
    return {
        "dataset": dataset_dir.name,  # holds the dataset's fingerprint
        "models": [
            {
                "name": model.name,
                "role": model.role,
                "prompt": model.prompt.name,
                "deployment": endpoint_of(model).deployment,
            }
            for model in models
        ],
        "parameters": {
            name: getattr(recipe, name) for name in ("top_k", "retrieval", "max_answer_tokens")
        },
        "seed": recipe.seed,
        "version": project["project"]["version"],
    }


# --- writing -------------------------------------------------------------------------------------


def write_results(
    run_dir: Path,
    results: Results,
    answers: Sequence[Answer],
    scores: Sequence[Score],
    questions: Sequence[EvalQuestion],
    cases: Sequence[Case],
    *,
    made_of: Mapping[str, Any],
    leakage: Any = None,
    cost: Any = None,
    date: str = "",
) -> None:
    """Write `answers.jsonl`, `answers.parquet` and, last, `metrics.json`; print its path.

    If metrics.json already holds the same figures, they keep their date, so that the same
    evaluation gives the same bytes.
    """
    metrics = write_answers(run_dir, answers, scores, questions, cases)
    found = decompose(answers, scores, metric=results.primary.metric)
    asked = sorted((question.id, question.text, question.answer) for question in questions)
    document = {
        "schema": SCHEMA,
        "date": date or datetime.now(UTC).isoformat(timespec="seconds"),
        "verdict": verdict_of(results),
        "made_of": made_of,
        "questions": {"n": len(asked), "fingerprint": fingerprint(asked)},
        "models": results.models,
        "conditions": results.conditions,
        "primary": results.primary,
        "metrics": metrics,
        "estimates": results.estimates,
        "comparisons": results.comparisons,
        "leakage": leakage,
        "losses": [
            {"model": model, "condition": condition, "outcomes": counts}
            for (model, condition), counts in found.items()
        ],
        "cost": cost,
    }
    path, document = run_dir / METRICS_FILE, _as_json(document)
    if not date:
        with suppress(SetupError):  # no such file yet, damaged, or of another version
            before = read_metrics(run_dir)
            if {**document, "date": before.get("date")} == before:
                document = before
    write_text(path, json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
    print(f"Written: {portable(path)}")


def _as_json(document: Mapping[str, Any]) -> dict[str, Any]:
    """As it is read again: records are objects, NaN is None, and secrets are masked."""
    text = secrets().sub("***", json.dumps(document, ensure_ascii=False, default=vars))
    return dict(json.loads(text, parse_constant={"NaN": None, "Infinity": math.inf}.get))


def secrets() -> re.Pattern[str]:
    """Matches the secrets of the environment, and logins in addresses."""
    names = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
    # Shorter ones ("none", "local") are not secrets, and would mask words.
    known = {v for k, v in environment().items() if names.search(k) and len(v) >= 8}
    longest_first = sorted(map(re.escape, known), key=len, reverse=True)
    return re.compile("|".join([*longest_first, r"(?<=://)[^/@\s]+(?=@)"]))


# --- reading -------------------------------------------------------------------------------------


def read_metrics(run_dir: Path) -> dict[str, Any]:
    """The content of metrics.json."""
    path = run_dir / METRICS_FILE
    if not path.is_file():
        raise SetupError(f"{portable(path)} is not there. Run 4_eval.ipynb: it writes the metrics.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        schema = document.get("schema") if isinstance(document, dict) else None
        said = f"has schema {schema}, and this version reads schema {SCHEMA}"
    except ValueError as error:
        schema, said = None, f"is damaged ({error})"
    if schema != SCHEMA:
        raise SetupError(
            f"{portable(path)} {said}. Run 4_eval.ipynb again: replies that the ledger knows are "
            "not asked again."
        )
    return document


def read_results(run_dir: Path) -> Results:
    """The figures that `write_results` was given, exactly."""
    document = read_metrics(run_dir)
    try:
        return Results(
            models=tuple(document["models"]),
            conditions=tuple(document["conditions"]),
            estimates=[_record(Estimate, row) for row in document["estimates"]],
            comparisons=[_record(Comparison, row) for row in document["comparisons"]],
            primary=_record(Primary, document["primary"]),
        )
    except (KeyError, TypeError) as error:
        raise SetupError(
            f"{portable(run_dir / METRICS_FILE)} is damaged ({error}). Run 4_eval.ipynb again."
        ) from error


def _record(kind: Any, row: Mapping[str, Any]) -> Any:
    """null becomes NaN in fields that are numbers, and None in the others."""
    numbers = {field.name for field in dataclasses.fields(kind) if field.type == "float"}
    return kind(**{k: math.nan if v is None and k in numbers else v for k, v in row.items()})
