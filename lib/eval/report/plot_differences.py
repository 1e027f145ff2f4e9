"""Forest plot: the first model minus each other model, under each condition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lib.eval.metrics import REFUSED_RIGHTLY
from lib.eval.metrics.refusals import DISTRACTORS_ONLY
from lib.eval.report.plot_drawing import (
    INK,
    LINE,
    SMALL,
    WIDTH,
    Picture,
    Sheet,
    in_words,
    minus,
    nothing_to_draw,
    num_lines,
    style_of,
    text_width,
    widest,
    wrap,
)
from lib.eval.results import Comparison, Results
from lib.eval.runs.text import signed
from lib.eval.statistics import CANNOT_TELL
from lib.eval.summaries import HEADLINE

_GAP, _EDGE = 0.22, 0.1  # inches: between columns, at both sides
_CONDITION, _AGAINST = 1.7, 1.75  # inches, at most
_POINTS = "points (95%)"


@dataclass(frozen=True)
class _Row:
    one: Comparison
    condition: str  # as drawn; "" = that of the row above
    against: str  # as drawn
    place: int  # of `against` among the models
    top: float  # inches below the first row's upper edge
    height: float

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


def plot_differences(results: Results) -> Picture:
    """A row for each condition and each other model: difference in exact match, with interval.

    Where the right reply is a refusal (`distractors_only`), it is the share of right refusals.
    """
    groups = _groups(results)
    if not groups:
        return nothing_to_draw(_why_nothing(results))
    rows = _rows(groups, results.models)
    note = wrap(_note(results, groups), WIDTH - 2 * _EDGE, SMALL)
    title = wrap(f"Exact match: {_what(results)}", WIDTH - 2 * _EDGE, bold=True)
    first = LINE * num_lines(title) + 0.5  # the upper edge of the first row
    height = rows[-1].top + rows[-1].height
    sheet = Sheet(first + height + 0.6 + LINE * num_lines(note))
    sheet.text(_EDGE, first + height + 0.52, note, SMALL, va="top")
    sheet.text(_EDGE, 0.1, title, va="top", weight="bold")
    start, stop = _write_columns(sheet, rows, first)
    axes = sheet.axes(start, first, stop - start, height)
    axes.set_ylim(height, 0)
    _scale(axes, [row.one for row in rows])
    for row in rows:
        _mark(axes, row)
    return sheet.picture(_said(groups, _what(results), note))


def _groups(results: Results) -> list[list[Comparison]]:
    """Those of one condition together."""
    others = results.models[1:]
    groups = [
        [
            one
            for against in others
            if (one := results.comparison(against, condition, _metric(condition)))
        ]
        for condition in results.conditions
    ]
    return [group for group in groups if group]


def _metric(condition: str) -> str:
    return REFUSED_RIGHTLY if condition == DISTRACTORS_ONLY else HEADLINE


def _why_nothing(results: Results) -> str:
    model = results.models[0]
    if len(results.models) == 1:
        return f"There is no difference to draw: {model} is the only model."
    return f"There is no difference to draw: no other model has questions in common with {model}."


def _rows(groups: Sequence[Sequence[Comparison]], models: Sequence[str]) -> list[_Row]:
    rows: list[_Row] = []
    top = 0.0
    for group in groups:
        name = wrap(in_words(group[0].condition), _CONDITION)
        if group[0].condition == DISTRACTORS_ONLY:
            name += "\n(right refusals)"
        names = [wrap(one.against, _AGAINST) for one in group]
        heights = [LINE * num_lines(against) + 0.09 for against in names]
        heights[-1] += max(0.0, LINE * num_lines(name) + 0.09 - sum(heights))
        for i, (one, against, height) in enumerate(zip(group, names, heights, strict=True)):
            condition = "" if i else name
            rows.append(_Row(one, condition, against, models.index(one.against), top, height))
            top += height
    return rows


def _write_columns(sheet: Sheet, rows: Sequence[_Row], first: float) -> tuple[float, float]:
    """Write what stands left and right of the marks; returns where these begin and end."""
    texts = [_points(row.one) for row in rows]
    against = _EDGE + widest(["condition", *(row.condition for row in rows)]) + _GAP
    start = against + widest(["minus", *(row.against for row in rows)]) + _GAP
    verdict = WIDTH - _EDGE - text_width(CANNOT_TELL, bold=True)
    n = verdict - _GAP
    points = n - max(text_width(f"{row.one.n:,}") for row in rows) - _GAP
    stop = points - max(widest(texts), text_width(_POINTS, SMALL)) - _GAP
    head = first - 0.2
    for x, text, side in (
        (_EDGE, "condition", "left"),
        (against, "minus", "left"),
        (start, "← worse", "left"),
        (stop, "better →", "right"),
        (points, _POINTS, "right"),
        (n, "n", "right"),
        (verdict, "verdict", "left"),
    ):
        sheet.text(x, head, text, SMALL, ha=side)
    shaded = False
    for row, text in zip(rows, texts, strict=True):
        y = first + row.middle
        shaded = shaded != bool(row.condition)
        if shaded:
            sheet.band(first + row.top, row.height)
        sheet.text(_EDGE, first + row.top + 0.06, row.condition, va="top")
        sheet.text(against, y, row.against)
        sheet.text(points, y, text, ha="right")
        sheet.text(n, y, f"{row.one.n:,}", ha="right")
        told = row.one.verdict != CANNOT_TELL
        sheet.text(verdict, y, row.one.verdict, weight="bold" if told else "normal")
    return start, stop


def _points(one: Comparison) -> str:
    """`+15 (0 to +30)`; without a value "–"."""
    if math.isnan(one.low):
        return minus(signed(one.difference))
    return minus(f"{signed(one.difference)} ({signed(one.low)} to {signed(one.high)})")


def _scale(axes: Any, all_of_them: Sequence[Comparison]) -> None:
    """From the lowest bound to the highest, zero always in sight."""
    from matplotlib.ticker import MaxNLocator

    bounds = [100 * x for c in all_of_them for x in (c.difference, c.low, c.high)]
    known = [0.0, *(x for x in bounds if not math.isnan(x))]
    low, high = min([*known, -5.0]), max([*known, 5.0])
    room = 0.06 * (high - low)
    axes.set_xlim(low - room, high + room)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.set_yticks([])
    axes.set_xlabel("points", fontsize=SMALL)
    axes.axvline(0, color=INK, linewidth=1)


def _mark(axes: Any, row: _Row) -> None:
    one, style = row.one, style_of(row.place)
    if math.isnan(one.difference):
        return
    if not math.isnan(one.low):
        bounds = [100 * one.low, 100 * one.high]
        axes.plot(bounds, [row.middle] * 2, "|-", color=style.colour, lw=2, ms=7, mew=2)
    axes.plot([100 * one.difference], [row.middle], style.marker, color=style.colour, ms=6.5)


def _what(results: Results) -> str:
    first, *others = results.models
    return f"{first} minus {others[0] if len(others) == 1 else 'each other model'}"


def _note(results: Results, groups: Sequence[Sequence[Comparison]]) -> str:
    """Why an interval beside zero may go with "cannot tell", and who is missing."""
    note = "Line: 95% interval, of questions clustered by their chunk."
    if len(results.headline) > 1:
        note += (
            f" Verdicts on exact match hold for {len(results.headline)} comparisons at once "
            "(Holm), an interval for one alone."
        )
    compared = {one.against for group in groups for one in group}
    if missing := [model for model in results.models[1:] if model not in compared]:
        note += f" No question in common with {results.models[0]}: {'; '.join(missing)}."
    return note


def _said(groups: Sequence[Sequence[Comparison]], what: str, note: str) -> str:
    sentences = []
    for group in groups:
        parts = [
            f"minus {one.against} {minus(_points(one))}, {one.n} questions, {one.verdict}"
            for one in group
        ]
        metric = " (right refusals)" if group[0].condition == DISTRACTORS_ONLY else ""
        sentences.append(f"{in_words(group[0].condition)}{metric}: {'; '.join(parts)}.")
    return (
        f"Forest plot of differences in exact match, {what}, in points "
        f"with 95% intervals. {' '.join(sentences)} {' '.join(note.split())}"
    )
