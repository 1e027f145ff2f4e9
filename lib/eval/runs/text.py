"""Leaderboards, comparisons and headlines as tables in plain text or Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from textwrap import fill
from typing import Any

from lib.eval.results import Estimate
from lib.eval.runs.compare import Paired, RunComparison
from lib.eval.runs.results_files import plain
from lib.eval.runs.runs import METRIC, Run, Standing
from lib.eval.wording import NONE, interval, is_absent, p_value, percent, points, signed


def table(rows: Sequence[Mapping[str, str]], *, markdown: bool = False) -> str:
    """Rows of column → text."""
    from tabulate import tabulate

    if markdown:
        rows = [{name: cell.replace("|", "\\|") for name, cell in row.items()} for row in rows]
    form = "github" if markdown else "plain"
    return str(tabulate(rows, "keys", tablefmt=form, disable_numparse=True))


def wrapped(text: str) -> str:
    """In lines of at most 100 characters."""
    return fill(text, 100)


def as_json(value: Any) -> str:
    """Records as JSON, NaN as null."""
    return json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False)


def _estimate(one: Estimate | None) -> str:
    """`40 (32–48)`"""
    if one is None or is_absent(one.value):
        return NONE
    return f"{percent(one.value)} ({interval(one)})"


# --- the leaderboard -----------------------------------------------------------------------------


def leaderboard(rows: Sequence[Standing], *, markdown: bool = False) -> str:
    """One table for each dataset, questions and condition, the best run first."""
    parts = [
        wrapped(
            f"{rows[0].metric} in %, with 95% intervals; n = questions for which both models have "
            "a value; uns. = replies of the model without a value"
        )
    ]
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row.group)]
    for group in groups:
        first = group[0]
        against = first.against or "nothing"
        parts.append(
            wrapped(
                f"{first.dataset}, {first.num_questions} questions, {first.condition}: "
                f"{first.model} against {against}"
            )
        )
        parts.append(table([_standing_cells(row, first) for row in group], markdown=markdown))
    if len(groups) > 1:
        parts.append("Runs of another dataset, other questions or condition are NOT comparable.")
    return "\n\n".join(parts)


def _standing_cells(row: Standing, first: Standing) -> dict[str, str]:
    same_models = (row.model, row.against) == (first.model, first.against)
    one = row.comparison
    models = "" if same_models else f" ({row.model} against {row.against or 'nothing'})"
    return {
        "run": row.run + models,
        "model": _estimate(row.value),
        "against": _estimate(row.against_value),
        "difference": f"{signed(one.difference)} ({points(one)})" if one else NONE,
        "verdict": one.verdict if one else NONE,
        "n": str(one.n if one else row.value.n if row.value else 0),
        "uns.": str(row.value.unscored) if row.value else NONE,
        "date": row.date[:10],
    }


# --- question by question ------------------------------------------------------------------------


def comparison(one: RunComparison, *, markdown: bool = False) -> str:
    """The paired figures of two runs, and why some cannot be compared."""
    title = (
        f"{one.run} ({one.model}) against {one.against} ({one.against_model}), question by "
        f"question: {one.shared} questions that both were asked"
    )
    parts = [*map(wrapped, [title, *_warnings(one)])]
    for metric, pairs in groupby(one.pairs, key=lambda pair: pair.figures.metric):
        cells = [_paired_cells(pair) for pair in pairs]
        parts.append(f"{metric}, %\n\n{table(cells, markdown=markdown)}")
    if one.pairs:
        parts.append(
            wrapped(
                "needed = about so many questions would show the difference; unscored = replies "
                "without a value, of the run / before"
            )
        )
    return "\n\n".join(parts)


def _warnings(one: RunComparison) -> list[str]:
    said = "Not the same in both" if one.pairs else "NOT comparable"
    lines = [f"{said}: {'; '.join(one.not_comparable)}."] if one.not_comparable else []
    if not one.pairs and not one.not_comparable:
        lines.append("NOT comparable: no reply of both has a value of this metric.")
    if one.pairs and one.no_figure:
        lines.append(f"No figure under {', '.join(one.no_figure)}: not measured there.")
    seen = {pair.figures.condition: pair.other_documents for pair in one.pairs}
    if others := [f"{name} {count}" for name, count in seen.items() if count]:
        lines.append(f"Questions asked over other documents than before: {', '.join(others)}.")
    return lines


def _paired_cells(pair: Paired) -> dict[str, str]:
    one = pair.figures
    return {
        "condition": one.condition,
        "n": str(one.n),
        "run": percent(one.value, places=1),
        "before": percent(one.against_value, places=1),
        "diff.": signed(one.difference, places=1),
        "95% interval": points(one, places=1),
        "verdict": one.verdict,
        "needed": f"{one.questions_needed:,}" if one.questions_needed else NONE,
        "unscored": f"{pair.unscored} / {pair.against_unscored}",
    }


# --- one run -------------------------------------------------------------------------------------


def headline(run: Run) -> str:
    """The first model against each other one by the headline's metric, and the verdict."""
    results = run.results
    parts = ["In %; interval = 95%, of the difference; p = after Holm's correction"]
    metric = results.headline[0].metric if results.headline else METRIC
    compared = [one for one in results.comparisons if one.metric == metric] or results.comparisons
    for against in dict.fromkeys(one.against for one in compared):
        rows = [
            {
                "condition": one.condition,
                "metric": one.metric,
                "n": str(one.n),
                "model": percent(one.value),
                "other": percent(one.against_value),
                "diff.": signed(one.difference),
                "95% interval": points(one),
                "p": p_value(one.p_holm),
                "verdict": one.verdict,
            }
            for one in compared
            if one.against == against
        ]
        parts.append(f"{results.models[0]} against {against}\n{table(rows)}")
    return "\n\n".join([*parts, wrapped(str(run.metrics["verdict"]))])
