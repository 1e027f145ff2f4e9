"""An evaluation on disk: metrics.json with every figure; answers as Parquet and as JSONL."""

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
from lib.eval.metrics.scoring import RETRIEVER
from lib.eval.models import EvalModel, endpoint_of
from lib.eval.questions import EvalQuestion
from lib.eval.results import Comparison, Estimate, Primary, Results
from lib.eval.verdict import verdict_of
from lib.recipe import Recipe
from lib.records import Answer, Score
from lib.settings import PROJECT_DIR, SetupError, portable, write_text
from lib.state import environment
from lib.store import fingerprint, read_json, write_jsonl

SCHEMA = 2  # of metrics.json and the answers; raised when a reader of this one would be misled
METRICS_FILE, ANSWERS_FILE = "metrics.json", "answers.parquet"
EXPLANATION = "_explanation"  # the column <metric>_explanation explains <metric>


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
    metrics = list(dict.fromkeys(score.metric for score in scores))
    rows = _answer_rows(answers, scores, metrics, questions, cases)
    write_jsonl(run_dir / "answers.jsonl", rows)
    _write_parquet(run_dir / ANSWERS_FILE, rows, metrics)
    losses = decompose(answers, scores, metric=results.primary.metric)
    asked = sorted((question.id, question.text, question.gold) for question in questions)
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
            for (model, condition), counts in losses.items()
        ],
        "cost": cost,
    }
    # As it is read again: records are objects, NaN is None, and secrets are masked.
    text = secrets().sub("***", json.dumps(document, ensure_ascii=False, default=vars))
    document = json.loads(text, parse_constant={"NaN": None, "Infinity": math.inf}.get)
    path = run_dir / METRICS_FILE
    if not date:
        with suppress(SetupError):  # no such file yet, damaged, or of another version
            before = read_metrics(run_dir)
            if {**document, "date": before.get("date")} == before:
                document = before
    write_text(path, json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
    print(f"Written: {portable(path)}")


def _answer_rows(
    answers: Sequence[Answer],
    scores: Sequence[Score],
    metrics: Sequence[str],
    questions: Sequence[EvalQuestion],
    cases: Sequence[Case],
) -> list[dict[str, Any]]:
    """A metric that does not apply to a reply has neither a value nor an explanation."""
    by_id = {question.id: question for question in questions}
    shown = {(c.question_id, c.condition): [chunk.id for chunk in c.chunks] for c in cases}
    measured = {(s.model, s.condition, s.question_id, s.metric): s for s in scores}
    rows = []
    for answer in answers:
        question = by_id[answer.question_id]
        row = {
            **dataclasses.asdict(answer),
            "quotes": list(answer.quotes),
            "question": question.text,
            "gold_answer": question.gold,
            "provenance": question.provenance,
            "source": question.source,
            "oracle_id": question.oracle.id,
            "context_ids": shown[answer.question_id, answer.condition],
        }
        if clash := row.keys() & set(metrics):
            raise ValueError(f"a metric is named like a column: {sorted(clash)}")
        for metric in metrics:
            key = (answer.condition, answer.question_id, metric)
            # The retriever's scores belong to every reply that was given from its documents.
            score = measured.get((answer.model, *key)) or measured.get((RETRIEVER, *key))
            row[metric] = score.value if score else None
            unscored = "unscored" if score and score.value is None else None
            row[metric + EXPLANATION] = (score.explanation if score else None) or unscored
        rows.append(row)
    return rows


def _write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> None:
    # Explicit types: an empty column would otherwise have another type than in other runs.
    import pyarrow
    import pyarrow.parquet

    text, texts = pyarrow.string(), pyarrow.list_(pyarrow.string())
    types = {"bool": pyarrow.bool_(), "int": pyarrow.int64(), "float": pyarrow.float64()}
    types["tuple[str, ...]"] = texts
    columns = {field.name: types.get(str(field.type), text) for field in dataclasses.fields(Answer)}
    columns |= dict.fromkeys(("question", "gold_answer", "provenance", "source", "oracle_id"), text)
    columns["context_ids"] = texts
    for metric in metrics:
        columns |= {metric: pyarrow.float64(), metric + EXPLANATION: text}
    table = pyarrow.Table.from_pylist(list(rows), schema=pyarrow.schema(list(columns.items())))
    scratch = path.with_name(f".{path.name}")
    pyarrow.parquet.write_table(table, scratch)
    scratch.replace(path)


def secrets() -> re.Pattern[str]:
    """Matches the secrets of the environment, and logins in addresses."""
    names = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
    # Shorter ones ("none", "local") are not secrets, and would mask words.
    known = {v for k, v in environment().items() if names.search(k) and len(v) >= 8}
    longest_first = sorted(map(re.escape, known), key=len, reverse=True)
    return re.compile("|".join([*longest_first, r"(?<=://)[^/@\s]+(?=@)"]))


def read_metrics(run_dir: Path) -> dict[str, Any]:
    """The content of metrics.json."""
    path = run_dir / METRICS_FILE
    try:
        document = read_json(path)
        schema = document.get("schema") if isinstance(document, dict) else None
        said = f"has schema {schema}, and this version reads schema {SCHEMA}"
    except (OSError, ValueError) as error:
        schema, said = None, f"cannot be read ({error})"
    if schema != SCHEMA:
        raise SetupError(
            f"{portable(path)} {said}. Run 4_eval.ipynb: replies that the ledger knows are not "
            "asked again."
        )
    return dict(document)


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
            f"{portable(run_dir / METRICS_FILE)} is damaged ({error}). Run 4_eval.ipynb."
        ) from error


def _record(kind: Any, row: Mapping[str, Any]) -> Any:
    """null becomes NaN in fields that are numbers, and None in the others."""
    numbers = {field.name for field in dataclasses.fields(kind) if field.type == "float"}
    return kind(**{k: math.nan if v is None and k in numbers else v for k, v in row.items()})


def read_answers(run_dir: Path) -> list[dict[str, Any]]:
    """The rows of answers.parquet."""
    import pyarrow.parquet

    path = run_dir / ANSWERS_FILE
    if not path.is_file():
        raise SetupError(f"{portable(path)} is not there. Run 4_eval.ipynb: it writes the answers.")
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows
