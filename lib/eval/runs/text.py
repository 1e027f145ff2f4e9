"""Leaderboards, comparisons and headlines as tables in plain text or Markdown."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from textwrap import fill
from typing import Any

from lib.eval.metrics.scoring import LOWER_IS_BETTER
from lib.eval.results import Comparison, Estimate
from lib.eval.runs.compare import Paired, RunComparison
from lib.eval.runs.runs import Run
from lib.eval.wording import NONE, interval, is_absent, p_value, percent, points, signed


def table(rows: Sequence[Mapping[str, str]], *, markdown: bool = False) -> str:
    """Rows of column → text."""
    from tabulate import tabulate

    if markdown:
        rows = [{name: cell.replace("|", "\\|") for name, cell in row.items()} for row in rows]
    form = "github" if markdown else "plain"
    return str(tabulate(rows, "keys", tablefmt=form, disable_numparse=True))


def wrapped(text: str) -> str:
    """In lines of at most 100 characters; a command in it can be copied."""
    return fill(text, 100, break_on_hyphens=False, break_long_words=False)


def leaderboard(
    runs: Sequence[Run], *, metric: str, condition: str = "", markdown: bool = False
) -> str:
    """One table for each dataset, questions and condition, the best run first.

    Condition "" = the one that decides each run.
    """

    def group(run: Run) -> tuple[str, str, str]:
        where = condition or run.results.primary.condition
        return run.dataset, run.metrics["questions"]["fingerprint"], where

    def place(run: Run) -> tuple[Any, ...]:
        one = run.results.estimate(run.model, group(run)[-1], metric)
        sign = 1 if metric in LOWER_IS_BETTER else -1
        return *group(run), sign * one.value if one and one.n else math.inf, run.name

    parts = [
        wrapped(
            f"{metric} in %, with intervals; n = questions for which both models have "
            "a value; uns. = replies of the model without a value"
        )
    ]
    groups = [(key, list(of_key)) for key, of_key in groupby(sorted(runs, key=place), key=group)]
    for (dataset, _, where), found in groups:
        num_questions = found[0].metrics["questions"]["n"]
        parts += [
            wrapped(f"{dataset}, {num_questions} questions, {where}: {_pair(found[0])}"),
            table([_standing(run, found[0], where, metric) for run in found], markdown=markdown),
        ]
    if len(groups) > 1:
        parts.append("Runs of another dataset, other questions or condition are NOT comparable.")
    return "\n\n".join(parts)


def _pair(run: Run) -> str:
    return f"{run.model} against {run.results.primary.against or 'nothing'}"


def _standing(run: Run, first: Run, *where: str) -> dict[str, str]:
    """One run on a leaderboard; where: condition, metric."""
    results, against = run.results, run.results.primary.against
    value, one = results.estimate(run.model, *where), results.comparison(against, *where)
    return {
        "run": run.name if _pair(run) == _pair(first) else f"{run.name} ({_pair(run)})",
        "model": _estimate(value),
        "against": _estimate(results.estimate(against, *where)),
        "difference": f"{signed(one.difference)} ({points(one)})" if one else NONE,
        "verdict": (one.verdict if one else "") or NONE,
        "n": str(one.n if one else value.n if value else 0),
        "uns.": str(value.unscored) if value else NONE,
        "date": run.metrics["date"][:10],
    }


def _estimate(one: Estimate | None) -> str:
    """`40 (32–48)`"""
    if one is None or is_absent(one.value):
        return NONE
    return f"{percent(one.value)} ({interval(one)})"


def comparison(one: RunComparison, *, markdown: bool = False) -> str:
    """The paired figures of two runs, and why some cannot be compared."""
    title = (
        f"{one.run.name} ({one.run.model}) against {one.against.name} ({one.against.model}), "
        f"question by question: {one.shared} questions that both were asked"
    )
    parts = [wrapped(title)]
    if one.not_comparable:
        said = "Not the same in both" if one.pairs else "NOT comparable"
        parts.append(wrapped(f"{said}: {'; '.join(one.not_comparable)}."))
    for metric, pairs in groupby(one.pairs, key=lambda pair: pair.figures.metric):
        cells = [_paired_cells(pair) for pair in pairs]
        parts.append(f"{metric}, %\n\n{table(cells, markdown=markdown)}")
    if one.pairs:
        parts.append(
            wrapped(
                "needed = about so many questions would show the difference (the dataset has "
                f"{one.run.results.primary.available or 'an unknown number'}); unscored = replies "
                "without a value, of the run / before"
            )
        )
    return "\n\n".join(parts)


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


def headline(run: Run) -> str:
    """The first model against each other one by the metric that decides, and the verdict."""
    results = run.results
    decides = results.deciding
    said = "In %; the comparison marked * decides: its p and its 95% interval are of one test; "
    said += "all others are corrected together (Holm), with wider intervals"
    compared = [one for one in results.comparisons if one.verdict] or results.comparisons
    parts = [wrapped(said)]
    for sides in dict.fromkeys(map(_sides, compared)):
        rows = [
            {
                "condition": one.condition + " *" * (one is decides),
                "metric": one.metric,
                "n": str(one.n),
                "model": percent(one.value),
                "other": percent(one.against_value),
                "diff.": signed(one.difference),
                "interval": points(one),
                "p": p_value(one.p if one is decides else one.p_holm),
                "verdict": one.verdict or NONE,
            }
            for one in compared
            if _sides(one) == sides
        ]
        parts.append(f"{sides}\n{table(rows)}")
    return "\n\n".join([*parts, wrapped(str(run.metrics["verdict"]))])


def _sides(one: Comparison) -> str:
    """`student against baseline`, `student, other retrieval settings against top_5`"""
    if one.against_condition:
        return f"{one.model}, other retrieval settings against {one.against_condition}"
    return f"{one.model} against {one.against}"
