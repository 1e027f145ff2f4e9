"""Leaderboards and comparisons as plain text (at most 100 columns), Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from textwrap import fill
from typing import Any

from lib.eval.results import Estimate
from lib.eval.runs.results_files import plain
from lib.eval.runs.runs import METRIC, Run, Standing
from lib.eval.runs.paired import Paired, RunComparison
from lib.eval.wording import is_absent, p_value, percent, signed

_APART = "Runs of another dataset, other questions or another condition are NOT comparable."


# --- figures -------------------------------------------------------------------------------------


def wrapped(text: str) -> str:
    """In lines of at most 100 characters."""
    return fill(text, 100)


def _estimate(one: Estimate | None) -> str:
    """`40 (32–48)`"""
    if one is None or is_absent(one.value):
        return "–"
    return f"{percent(one.value)} ({percent(one.low)}–{percent(one.high)})"


def _interval(one: Any, *, places: int = 0) -> str:
    if is_absent(one.low):
        return "–"
    return f"{signed(one.low, places=places)} to {signed(one.high, places=places)}"


_COLUMNS = ("model", "against", "difference", "verdict", "n", "uns.", "date")

# --- the leaderboard -----------------------------------------------------------------------------


def leaderboard(rows: Sequence[Standing]) -> str:
    """One block per dataset, questions and condition, the best run first."""
    lines = [_legend(rows)]
    blocks = [list(block) for _, block in groupby(rows, key=lambda row: row.group)]
    for block in blocks:
        first = block[0]
        title = (
            f"{first.dataset}, {first.num_questions} questions, {first.condition}: "
            f"{first.model} against {first.against or 'nothing'}"
        )
        lines += ["", wrapped(title), _line("run", *_COLUMNS)]
        for row in block:
            lines += _standing_lines(row, first)
    if len(blocks) > 1:
        lines += ["", _APART]
    return "\n".join(lines)


def _standing_lines(row: Standing, first: Standing) -> list[str]:
    named = (row.model, row.against) == (first.model, first.against)
    name = row.run if named else f"{row.run} ({row.model} against {row.against or 'nothing'})"
    cells = _standing_cells(row)
    # A name that is too long has a line, or lines, of its own: none is cut.
    return [_line(name, *cells)] if len(name) <= 21 else [wrapped(name), _line("", *cells)]


def _legend(rows: Sequence[Standing]) -> str:
    return (
        f"{rows[0].metric} in %, with 95% intervals; n = questions that both models have a value "
        "for;\nuns. = replies of the model that have none"
    )


def _line(name: str, value: str, against: str, difference: str, *rest: str) -> str:
    verdict, n, unscored, date = rest
    text = f"{name:21} {value:12} {against:12} {difference:18} {verdict:11} {n:>5} {unscored:>4} "
    return (text + date).rstrip()


def _standing_cells(row: Standing) -> tuple[str, ...]:
    one = row.comparison
    n = one.n if one else row.value.n if row.value else 0
    return (
        _estimate(row.value),
        _estimate(row.against_value),
        f"{signed(one.difference)} ({_interval(one)})" if one else "–",
        one.verdict if one else "–",
        str(n),
        str(row.value.unscored) if row.value else "–",
        row.date[:10],
    )


def leaderboard_markdown(rows: Sequence[Standing]) -> str:
    head = ("dataset", "questions", "condition", "run", *_COLUMNS)
    cells = []
    for row in rows:
        value, against, *rest = _standing_cells(row)
        who = (f"{row.model} {value}", f"{row.against} {against}" if row.against else "–")
        cells.append((row.dataset, str(row.num_questions), row.condition, row.run, *who, *rest))
    lines = [_legend(rows), "", *_table(head, cells)]
    if len({row.group for row in rows}) > 1:
        lines += ["", _APART]
    return "\n".join(lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(head), line(["---"] * len(head)), *map(line, rows)]


# --- question by question ------------------------------------------------------------------------


_REST = ("verdict", "needed", "unscored")
_NEEDED = (
    "needed = about so many questions would show the difference; unscored = replies without a\n"
    "value, of the run / before"
)


def comparison(one: RunComparison) -> str:
    """The paired figures of two runs, and where they cannot be compared."""
    lines = [wrapped(_title(one)), *map(wrapped, _warnings(one))]
    head = ("condition", "n", "run", "before", "diff.", "95% interval", *_REST)
    for metric, pairs in groupby(one.pairs, key=lambda pair: pair.figures.metric):
        lines += ["", f"{metric}, %", _paired_line(head)]
        lines += [_paired_line(_paired_cells(pair)) for pair in pairs]
    if one.pairs:
        lines += ["", _NEEDED]
    return "\n".join(lines)


def _title(one: RunComparison) -> str:
    return (
        f"{one.run} ({one.model}) against {one.against} ({one.against_model}), question by "
        f"question: {one.shared} questions that both were asked"
    )


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


def _paired_cells(pair: Paired) -> tuple[str, ...]:
    one = pair.figures
    return (
        one.condition,
        str(one.n),
        percent(one.value, places=1),
        percent(one.against_value, places=1),
        signed(one.difference, places=1),
        _interval(one, places=1),
        one.verdict,
        f"{one.questions_needed:,}" if one.questions_needed else "–",
        f"{pair.unscored} / {pair.against_unscored}",
    )


def _paired_line(cells: Sequence[str]) -> str:
    condition, n, value, before, difference, interval, verdict, needed, unscored = cells
    return (
        f"{condition:18} {n:>5} {value:>5} {before:>6} {difference:>6}  {interval:16} {verdict:11} "
        f"{needed:>9} {unscored:>13}"
    ).rstrip()


def comparison_markdown(one: RunComparison) -> str:
    head = ("metric", "condition", "n", one.run, one.against, "difference", "95% interval")
    rows = [(pair.figures.metric, *_paired_cells(pair)) for pair in one.pairs]
    lines = [f"**{_title(one)}**", *("\n" + text for text in _warnings(one)), ""]
    return "\n".join([*lines, *(_table((*head, *_REST), rows) if rows else [])])


def as_json(value: Any) -> str:
    """Records as JSON, NaN as null."""
    return json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False)


# --- one run -------------------------------------------------------------------------------------


def headline(run: Run) -> str:
    """The first model against each other by the headline's metric, as plain text; the verdict."""
    results = run.results
    lines = ["In %; interval = 95%, of the difference; p = after Holm's correction"]
    metric = results.headline[0].metric if results.headline else METRIC
    compared = [one for one in results.comparisons if one.metric == metric] or results.comparisons
    for against in dict.fromkeys(one.against for one in compared):
        rows = [one for one in compared if one.against == against]
        lines += ["", f"{rows[0].model} against {against}"]
        lines.append(
            f"{'condition':20} {'metric':18} {'n':>5} {'model':>5} {'other':>5} {'diff.':>5}  "
            f"{'95% interval':14} {'p':>6} verdict"
        )
        for one in rows:
            p = p_value(one.p_holm)
            lines.append(
                f"{one.condition:20} {one.metric:18} {one.n:>5} {percent(one.value):>5} "
                f"{percent(one.against_value):>5} {signed(one.difference):>5}  "
                f"{_interval(one):14} {p:>6} {one.verdict}"
            )
    return "\n".join([*lines, "", wrapped(str(run.metrics["verdict"]))])
