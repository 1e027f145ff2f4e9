"""Where answers are lost: what became of each model's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lib.eval.metrics.losses import LOSSES, RIGHT
from lib.eval.report.drawing import (
    ABOVE,
    drawn,
    in_words,
    new_figure,
    share,
    short,
    style_of,
)
from lib.eval.results import Results
from lib.eval.verdict import main_condition

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Losses = Mapping[tuple[str, str], Mapping[str, int]]  # (model, condition) → class → answers


@drawn
def plot_losses(losses: Losses, condition: str = "") -> tuple[Figure, str] | str:
    """What became of each model's answers under one condition; "" = the main one.

    A bar for each class and model, with its count and share.
    """
    conditions = tuple(dict.fromkeys(name for _, name in losses))
    if not condition and conditions:
        condition = main_condition(Results((), conditions, [], []))
    models = list(dict.fromkeys(model for model, _ in losses))
    counts = {m: found for m in models if sum((found := losses.get((m, condition), {})).values())}
    if not counts:
        where = f" under {in_words(condition)}" if condition else ""
        return f"There is no loss to draw: no answer was given{where}."
    silent = [model for model in models if model not in counts]
    note = f"No answers: {'; '.join(silent)}." if silent else ""
    figure, axes = new_figure(
        0.7 + len(LOSSES) * (0.15 + 0.22 * len(counts)),
        title=f"What became of the answers, {in_words(condition)}",
        note=note,
    )
    height = 0.82 / len(counts)
    for place, (model, found) in enumerate(counts.items()):
        total, values = sum(found.values()), [found.get(kind, 0) for kind in LOSSES]
        ys = [i + height * (place - (len(counts) - 1) / 2) for i in range(len(LOSSES))]
        bars = axes.barh(
            ys,
            [value / total for value in values],
            0.86 * height,
            color=style_of(models.index(model)).colour,
            label=f"{short(model)}: {found.get(RIGHT, 0):,} of {total:,} right",
        )
        axes.bar_label(bars, [f"{v:,} ({share(v, total)})" for v in values], padding=4, fontsize=9)
    axes.set(xlim=(0, 1.0), ylim=(len(LOSSES) - 0.5, -0.5), xticks=[])
    axes.set_yticks(range(len(LOSSES)), LOSSES)
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_visible(True)
    axes.legend(**ABOVE)
    said = (f"{model}, {_losses_in_words(found)}." for model, found in counts.items())
    head = f"Bars of what became of the answers under {in_words(condition)}."
    return figure, " ".join([head, *said, *([note] if note else [])])


def _losses_in_words(found: Mapping[str, int]) -> str:
    total = sum(found.values())
    parts = [f"{k} {found[k]:,} ({share(found[k], total)})" for k in LOSSES if found.get(k)]
    return f"{total} answers: {', '.join(parts)}"
