"""Who refuses, and when: a 2 × 2 for each model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lib.eval.metrics import Refusals, count_refusals
from lib.eval.metrics.refusals import CLOSED_BOOK
from lib.eval.report.drawing import (
    INK,
    drawn,
    new_figure,
    share,
    short,
    style_of,
)
from lib.records import Answer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PER_LINE = 3  # models beside each other
_REFUSALS_NOTE = (
    "Over all conditions with documents; shares are of a row. Framed: the desired outcome. The "
    "oracle is absent where only distractors are shown or where retrieval missed it."
)


@drawn
def plot_refusals(answers: Sequence[Answer]) -> tuple[Figure, str] | str:
    """A 2 × 2 for each model: a document holds the answer or none does × answered or refused.

    Over all conditions with documents. Replies that are neither are counted below.
    """
    read = [answer for answer in answers if answer.condition != CLOSED_BOOK]
    if not read:
        return "There is no refusal to draw: no reply was given over documents."
    models = list(dict.fromkeys(answer.model for answer in answers))
    counts = {m: count_refusals(answer for answer in read if answer.model == m) for m in models}
    lines = math.ceil(len(models) / _PER_LINE)
    figure, panels = new_figure(
        0.5 + 2.0 * lines,
        title="Refusals",
        note=_REFUSALS_NOTE,
        nrows=lines,
        ncols=_PER_LINE,
        squeeze=False,
    )
    for place, axes in enumerate(panels.flat):
        if place >= len(models):
            axes.set_axis_off()
            continue
        _two_by_two(axes, counts[models[place]], style_of(place).colour)
        axes.set_title(short(models[place]))
        if place % _PER_LINE:
            axes.set_yticks([])
    said = (f"{model}: {_refusals_in_words(one)}." for model, one in counts.items())
    return figure, f"Refusals over all conditions with documents. {' '.join(said)}"


def _table(counts: Refusals) -> tuple[tuple[int, int], tuple[int, int]]:
    """Oracle given, oracle absent × answered, refused; the diagonal is desired."""
    return (
        (counts.answered_rightly, counts.refused_wrongly),
        (counts.answered_wrongly, counts.refused_rightly),
    )


def _two_by_two(axes: Any, counts: Refusals, colour: str) -> None:
    from matplotlib.patches import Rectangle

    for row, pair in enumerate(_table(counts)):
        for column, count in enumerate(pair):
            desired = row == column
            tint = 0.06 + 0.34 * count / max(1, sum(pair))
            cell = (column + 0.02, row + 0.03), 0.96, 0.94
            axes.add_patch(Rectangle(*cell, color=colour, alpha=tint, lw=0))
            if desired:
                axes.add_patch(Rectangle(*cell, fill=False, edgecolor=INK, lw=1.2))
            text = f"{count:,}\n{share(count, sum(pair))}" if sum(pair) else "none"
            look = {"ha": "center", "va": "center", "weight": "bold" if desired else "normal"}
            axes.text(column + 0.5, row + 0.5, text, **look)
    axes.set(xlim=(0, 2), ylim=(2, 0))
    axes.xaxis.tick_top()
    axes.set_xticks([0.5, 1.5], ["answered", "refused"])
    axes.set_yticks([0.5, 1.5], ["oracle given", "oracle absent"])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if counts.unscored:
        axes.set_xlabel(f"{counts.unscored:,} neither (unscored)", loc="left")


def _refusals_in_words(counts: Refusals) -> str:
    given, absent = (
        f"refused {pair[1]} of {sum(pair)} ({share(pair[1], sum(pair))})"
        if sum(pair)
        else "no reply"
        for pair in _table(counts)
    )
    unscored = f", {counts.unscored} unscored" if counts.unscored else ""
    return f"{given} with the oracle given, {absent} with the oracle absent{unscored}"
