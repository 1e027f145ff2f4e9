"""The answers of an evaluation on disk: one row per reply, as Parquet and as JSONL."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lib.eval.conditions import Case
from lib.eval.metrics import RETRIEVER
from lib.eval.questions import EvalQuestion
from lib.records import Answer, Score
from lib.settings import SetupError, portable
from lib.store import write_jsonl

ANSWERS_FILE = "answers.parquet"
EXPLANATION = "_explanation"  # the column <metric>_explanation explains <metric>


def write_answers(
    run_dir: Path,
    answers: Sequence[Answer],
    scores: Sequence[Score],
    questions: Sequence[EvalQuestion],
    cases: Sequence[Case],
) -> list[str]:
    """Write `answers.jsonl` and `answers.parquet`; returns the names of the metrics in them.

    A metric that does not apply to a reply has neither a value nor an explanation there.
    """
    metrics = list(dict.fromkeys(score.metric for score in scores))
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
            "gold_answer": question.answer,
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
    write_jsonl(run_dir / "answers.jsonl", rows)
    _write_parquet(run_dir / ANSWERS_FILE, rows, metrics)
    return metrics


def _write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> None:
    # Explicit types: an empty column would otherwise have another type than in other runs.
    import pyarrow
    import pyarrow.parquet

    text, texts = pyarrow.string(), pyarrow.list_(pyarrow.string())
    types = {
        "str": text,
        "str | None": text,
        "tuple[str, ...]": texts,
        "bool": pyarrow.bool_(),
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
    }
    columns = {field.name: types[str(field.type)] for field in dataclasses.fields(Answer)}
    columns |= dict.fromkeys(("question", "gold_answer", "provenance", "source", "oracle_id"), text)
    columns["context_ids"] = texts
    for metric in metrics:
        columns |= {metric: pyarrow.float64(), metric + EXPLANATION: text}
    table = pyarrow.Table.from_pylist(list(rows), schema=pyarrow.schema(list(columns.items())))
    scratch = path.with_name(f".{path.name}")
    pyarrow.parquet.write_table(table, scratch)
    scratch.replace(path)


def read_answers(run_dir: Path) -> list[dict[str, Any]]:
    """The rows of answers.parquet."""
    import pyarrow.parquet

    path = run_dir / ANSWERS_FILE
    if not path.is_file():
        raise SetupError(f"{portable(path)} is not there. Run 4_eval.ipynb: it writes the answers.")
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows
