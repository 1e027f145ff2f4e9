"""Results and losses with known figures, of any number of models; a run with its notebook."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib.eval.metrics.losses import LOSSES
from lib.eval.metrics.scoring import REFUSED_RIGHTLY, RETRIEVER
from lib.eval.report.answers import show_best_and_worst, show_questions
from lib.eval.report.method import show_method
from lib.eval.report.plots import plot_differences, plot_losses, plot_top_k
from lib.eval.report.report import write_report
from lib.eval.report.tables import show_metrics, show_refusals, show_table, show_verdict, what_next
from lib.eval.results import Comparison, Estimate, Primary, Results
from lib.eval.runs.files import write_results
from lib.eval.summaries import clusters_of
from tests.eval.toy import Evaluated

CONDITIONS = (
    "closed_book",
    "oracle",
    "oracle_distractors",
    "distractors_only",
    "top_3",
    "top_5",
    "top_7",
)
PRIMARY = "top_5"
ODD = "gpt-4o <b>$x_1$ & the very long name of an endpoint in somebody's cloud -->"
MODELS = ("ours", "theirs", "theirs, plain prompt", ODD, "fifth", "sixth")


def estimate(model: str, condition: str, value: float, metric: str = "exact_match") -> Estimate:
    known = not math.isnan(value)
    low, high = max(0.0, value - 0.1), min(1.0, value + 0.1)
    if not known:
        low = high = math.nan
    return Estimate(model, condition, metric, 60 if known else 0, 0, value, low, high, "bca")


def comparison(
    model: str, against: str, condition: str, difference: float, *, verdict: str = "cannot tell"
) -> Comparison:
    metric = REFUSED_RIGHTLY if condition == "distractors_only" else "exact_match"
    arms = (difference - 0.1, difference + 0.1)
    return Comparison(
        *(model, against, condition, metric, 57, 0.5, 0.5 - difference, difference, *arms),
        *(0.95, 9, 8, 0.5, 1.0, verdict, None),
    )


def results(models: Sequence[str] = MODELS[:2], conditions: Sequence[str] = CONDITIONS) -> Results:
    """The model at place i: 70% - 9 i - the condition's place; the difference to it 13 + i."""
    estimates = [
        estimate(model, condition, 0.7 - 0.09 * i - 0.01 * place)
        for i, model in enumerate(models)
        for place, condition in enumerate(conditions)
        if condition != "distractors_only"
    ]
    estimates += [
        estimate(RETRIEVER, condition, 0.95, "hit_rate")
        for condition in conditions
        if condition.startswith("top_")
    ]
    comparisons = [
        comparison(models[0], against, condition, 0.12 + 0.01 * i, verdict="better")
        for condition in conditions
        for i, against in enumerate(models[1:], 1)
    ]
    primary = Primary("".join(models[1:2]), PRIMARY)
    return Results(tuple(models), tuple(conditions), estimates, comparisons, primary)


def losses(
    models: Sequence[str] = MODELS[:2],
    conditions: Sequence[str] = CONDITIONS,
    counts: Sequence[int] = (900, 1, 1, 1, 1, 96),
) -> dict[tuple[str, str], dict[str, int]]:
    """`counts` in the order of LOSSES."""
    return {
        (model, condition): dict(zip(LOSSES, counts, strict=True))
        for model in models
        for condition in conditions
    }


# --- a run with its notebook ---------------------------------------------------------------------


def shown(output: Any, *tags: str) -> Any:
    """An executed cell that displays this."""
    from nbformat import v4

    bundle = getattr(output, "_repr_mimebundle_", lambda: None)()
    data = bundle or {"text/html": getattr(output, "data", output)}
    display = v4.new_output("display_data", data=data)
    return v4.new_code_cell(
        "secret_code()", outputs=[display], execution_count=7, metadata={"tags": [*tags]}
    )


def printed(text: str, *tags: str, name: str = "stdout") -> Any:
    """An executed cell that prints this."""
    from nbformat import v4

    stream = v4.new_output("stream", name=name, text=text)
    return v4.new_code_cell("n", outputs=[stream], metadata={"tags": [*tags]})


def write_notebook(
    path: Path, found: Evaluated, *, title: str = "# 4 · Models", more: Sequence[Any] = ()
) -> Path:
    """An executed 4_eval.ipynb, its sections in their order."""
    from nbformat import v4, write

    results, losses = found.results, found.losses
    parts = (found.answers, found.scores, found.questions, found.cases)
    clusters = clusters_of(found.questions)
    cells = [
        v4.new_markdown_cell(title),
        shown(show_verdict(results)),
        v4.new_markdown_cell("## Who is right, how often"),
        shown(show_table(results)),
        shown(plot_differences(results)),
        shown(plot_top_k(results)),
        v4.new_markdown_cell("## Who refuses, and when"),
        shown(show_refusals(found.answers, found.scores, clusters, results)),
        v4.new_markdown_cell("## Where answers are lost"),
        shown(plot_losses(losses, results)),
        shown(what_next(results, losses)),
        v4.new_markdown_cell("## Read the answers"),
        shown(show_best_and_worst(*parts, results)),
        v4.new_markdown_cell("## What else was measured"),
        shown(show_metrics(results)),
        v4.new_markdown_cell("## The questions"),
        shown(show_questions(found.questions)),
        v4.new_markdown_cell("## Method"),
        shown(show_method(results, found.questions, [])),
        *more,
    ]
    write(v4.new_notebook(cells=cells), path)
    return path


def write_run_of(run_dir: Path, found: Evaluated, *, dataset: str = "docs-0123456789ab") -> None:
    """The files of a run."""
    made_of = {
        "dataset": dataset,
        "models": [
            {"name": m, "deployment": f"artefacts/students/{m}-1/merged"}
            for m in found.results.models
        ],
        "version": "0.1.0",
    }
    parts = (found.answers, found.scores, found.questions, found.cases)
    date = "2026-11-20T10:00:00+00:00"
    write_results(run_dir, found.results, *parts, made_of=made_of, date=date)


def write_report_of(run_dir: Path, found: Evaluated, *, dataset: str = "docs-0123456789ab") -> Path:
    """The files of a run, and its report.html with answers.html."""
    write_run_of(run_dir, found, dataset=dataset)
    write_notebook(run_dir / "4_eval.ipynb", found)
    return write_report(run_dir / "4_eval.ipynb", run_dir / "report.html")
