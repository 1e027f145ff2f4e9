"""Who refuses, and when: a 2 × 2 for each model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lib.eval.metrics import Refusals, count_refusals
from lib.eval.metrics.refusals import CLOSED_BOOK
from lib.eval.report.plot_drawing import (
    INK,
    LINE,
    SIZE,
    SMALL,
    WIDTH,
    Picture,
    Sheet,
    nothing_to_draw,
    num_lines,
    share,
    style_of,
    wrap,
)
from lib.records import Answer

_A_LINE = 3  # models beside each other
_LEFT, _GAP = 1.35, 0.3  # inches
_CELL, _MAX_CELL_WIDTH = 0.62, 1.3
_ROWS = ("oracle given", "oracle absent")
_COLUMNS = ("answered", "refused")
_NOTE = (
    "Over all conditions with documents; shares are of a row. Bold in a frame: what one hopes for. "
    "The oracle is absent where only distractors are shown or where retrieval missed."
)


def plot_refusals(answers: Sequence[Answer]) -> Picture:
    """A document that holds the answer given or not × answered or refused, counts and shares.

    Over all conditions with documents. What could not be read as either is counted below.
    """
    with_documents = [answer for answer in answers if answer.condition != CLOSED_BOOK]
    models = list(dict.fromkeys(answer.model for answer in answers))
    if not with_documents:
        return nothing_to_draw("There is no refusal to draw: no reply was given over documents.")
    counts = {
        model: count_refusals(answer for answer in with_documents if answer.model == model)
        for model in models
    }
    a_line = min(_A_LINE, len(models))
    room = (WIDTH - _LEFT - 0.1 - (a_line - 1) * _GAP) / a_line
    width = min(room, 2 * _MAX_CELL_WIDTH)
    titles = [wrap(model, width, bold=True) for model in models]
    lines = [range(i, min(i + a_line, len(models))) for i in range(0, len(models), a_line)]
    tops = [max(num_lines(titles[i]) for i in line) * LINE + 0.3 for line in lines]
    note = wrap(_NOTE, WIDTH - 0.2, SMALL)
    below = 2 * _CELL + 0.4  # of a line's tables, with the space to the next
    sheet = Sheet(0.4 + sum(tops) + len(lines) * below + LINE * num_lines(note) + 0.1)
    sheet.text(0.1, 0.1, "Refusals", va="top", weight="bold")
    y = 0.4
    for line, head in zip(lines, tops, strict=True):
        y += head
        for column, place in enumerate(line):
            left = _LEFT + column * (width + _GAP)
            # A title of fewer lines than its neighbours' ends above its table, as theirs do.
            sheet.text(left, y - 0.25, titles[place], va="bottom", weight="bold")
            axes = sheet.axes(left, y, width, 2 * _CELL)
            one = counts[models[place]]
            _two_by_two(axes, one, style_of(place).colour, rows=column == 0)
            if one.unscored:
                below_table = y + 2 * _CELL + 0.13
                sheet.text(left, below_table, f"{one.unscored:,} neither (unscored)", SMALL)
        y += below
    sheet.text(0.1, y, note, SMALL, va="top")
    return sheet.picture(_said(counts))


def _table(counts: Refusals) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns as in _ROWS and _COLUMNS; one hopes for the diagonal."""
    return (
        (counts.answered_rightly, counts.refused_wrongly),
        (counts.answered_wrongly, counts.refused_rightly),
    )


def _two_by_two(axes: Any, counts: Refusals, colour: str, *, rows: bool) -> None:
    from matplotlib.patches import Rectangle

    for row, pair in enumerate(_table(counts)):
        for column, count in enumerate(pair):
            tint = 0.06 + 0.34 * count / max(1, sum(pair))
            hoped = row == column
            corner, size = (column + 0.02, row + 0.03), (0.96, 0.94)
            axes.add_patch(Rectangle(corner, *size, color=colour, alpha=tint, lw=0))
            if hoped:
                axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=INK, lw=1.2))
            axes.text(
                column + 0.5,
                row + 0.5,
                f"{count:,}\n{share(count, sum(pair))}" if sum(pair) else "none",
                ha="center",
                va="center",
                fontsize=SIZE,
                weight="bold" if hoped else "normal",
            )
    axes.set(xlim=(0, 2), ylim=(2, 0))
    axes.xaxis.tick_top()
    axes.set_xticks([0.5, 1.5], _COLUMNS)
    axes.set_yticks([0.5, 1.5], _ROWS if rows else ("", ""))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _said(counts: dict[str, Refusals]) -> str:
    sentences = []
    for model, one in counts.items():
        given, absent = _table(one)
        unscored = f", {one.unscored} unscored" if one.unscored else ""
        sentences.append(
            f"{model}: {_of(given)} with the oracle given, {_of(absent)} with the oracle "
            f"absent{unscored}."
        )
    return f"Refusals over all conditions with documents. {' '.join(sentences)}"


def _of(pair: tuple[int, int]) -> str:
    if not sum(pair):
        return "no reply"
    return f"refused {pair[1]} of {sum(pair)} ({share(pair[1], sum(pair))})"
