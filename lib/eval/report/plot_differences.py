"""Forest plot: the first model minus each other model, under each condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lib.eval.metrics import REFUSED_RIGHTLY
from lib.eval.metrics.refusals import DISTRACTORS_ONLY
from lib.eval.report.drawing import (
    ABOVE,
    INK,
    drawn,
    in_words,
    minus,
    new_figure,
    right_labels,
    short,
    style_of,
)
from lib.eval.results import Comparison, Results
from lib.eval.statistics import CANNOT_TELL
from lib.eval.summaries import HEADLINE
from lib.eval.wording import is_absent, points, signed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@drawn
def plot_differences(results: Results) -> tuple[Figure, str] | str:
    """Forest plot: the first model minus each other model in exact match, under each condition.

    Where the right reply is a refusal (`distractors_only`), it is the share of right refusals.
    """
    first, *others = results.models
    groups = {c: found for c in results.conditions if (found := _compared(results, c))}
    if not groups:
        why = f"no other model has questions in common with {first}"
        return f"There is no difference to draw: {why if others else f'{first} is the only model'}."
    what = f"{first} minus {others[0] if len(others) == 1 else 'each other model'}"
    note = _differences_note(results, groups)
    rows = [one for group in groups.values() for one in group]
    figure, axes = new_figure(
        1.1 + 0.27 * len(rows) + 0.1 * len(groups), title=f"Exact match: {what}", note=note
    )
    ys, centres = [], []
    for place, group in enumerate(groups.values()):
        top = ys[-1] + 1.4 if ys else 0.0
        ys += [top + i for i in range(len(group))]
        centres.append((top + ys[-1]) / 2)
        if place % 2 == 0:
            axes.axhspan(top - 0.7, ys[-1] + 0.7, color=INK, alpha=0.05, lw=0)
    for one, y in zip(rows, ys, strict=True):
        style = style_of(results.models.index(one.against))
        axes.plot([100 * one.low, 100 * one.high], [y, y], "|-", color=style.colour, lw=2, mew=2)
        mark = {"color": style.colour, "marker": style.marker, "ls": ""}
        axes.plot(100 * one.difference, y, **mark)
    axes.axvline(0, color=INK, lw=1)
    axes.set(ylim=(ys[-1] + 0.7, -0.7), xlabel="← worse        points        better →")
    axes.set_yticks(centres, [_row_name(condition) for condition in groups])
    for text, one in zip(right_labels(axes, ys, [*map(_row_text, rows)]), rows, strict=True):
        text.set_weight("normal" if one.verdict == CANNOT_TELL else "bold")
    if len(others) > 1:
        handles = dict(zip((one.against for one in rows), axes.lines[1::2], strict=False))
        names = [f"minus {short(name)}" for name in handles]
        axes.legend(handles.values(), names, **ABOVE)
    return figure, _differences_in_words(groups, what, note)


def _compared(results: Results, condition: str) -> list[Comparison]:
    metric = REFUSED_RIGHTLY if condition == DISTRACTORS_ONLY else HEADLINE
    found = (results.comparison(against, condition, metric) for against in results.models[1:])
    return [one for one in found if one]


def _row_name(condition: str) -> str:
    return in_words(condition) + ("\n(right refusals)" if condition == DISTRACTORS_ONLY else "")


def _row_text(one: Comparison) -> str:
    return f"{_difference(one)} · n {one.n:,} · {one.verdict}"


def _difference(one: Comparison) -> str:
    """`+15 (0 to +30)`; "–" without a value."""
    sure = "" if is_absent(one.low) else f" ({points(one)})"
    return minus(f"{signed(one.difference)}{sure}")


def _differences_note(results: Results, groups: Mapping[str, Sequence[Comparison]]) -> str:
    note = "Line: 95% interval, of questions clustered by their chunk."
    if len(results.headline) > 1:
        note += (
            f" Verdicts on exact match hold for {len(results.headline)} comparisons at once "
            "(Holm), an interval for one alone."
        )
    compared = {one.against for group in groups.values() for one in group}
    if missing := [model for model in results.models[1:] if model not in compared]:
        note += f" No question in common with {results.models[0]}: {'; '.join(missing)}."
    return note


def _differences_in_words(groups: Mapping[str, Sequence[Comparison]], what: str, note: str) -> str:
    sentences = [
        f"{_row_name(condition)}: ".replace("\n", " ")
        + "; ".join(
            f"minus {one.against} {_difference(one)}, {one.n} questions, {one.verdict}"
            for one in group
        )
        for condition, group in groups.items()
    ]
    return (
        f"Forest plot of differences in exact match, {what}, in points with 95% intervals. "
        f"{'. '.join(sentences)}. {note}"
    )
