"""What the results say, drawn: differences between models, and curves over k."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lib.eval.conditions import RETRIEVED, is_retrieved
from lib.eval.metrics import REFUSED_RIGHTLY, RETRIEVER
from lib.eval.metrics.refusals import DISTRACTORS_ONLY
from lib.eval.report.drawing import (
    ABOVE,
    INK,
    Style,
    drawn,
    in_sentences,
    in_words,
    minus,
    new_figure,
    right_labels,
    short,
    span,
    style_of,
)
from lib.eval.results import Comparison, Estimate, Results
from lib.eval.statistics import CANNOT_TELL
from lib.eval.summaries import HEADLINE
from lib.eval.wording import interval, is_absent, percent, points, signed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# --- differences ---------------------------------------------------------------------------------


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
    ys: list[float] = []
    centres = []
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
    texts = [f"{_difference(one)} · n {one.n:,} · {one.verdict}" for one in rows]
    for text, one in zip(right_labels(axes, ys, texts), rows, strict=True):
        text.set_weight("normal" if one.verdict == CANNOT_TELL else "bold")
    if len(others) > 1:
        handles = dict(zip((one.against for one in rows), axes.lines[1::2], strict=False))
        names = [f"minus {short(name)}" for name in handles]
        axes.legend(handles.values(), names, **ABOVE)
    said = {
        _row_name(condition).replace("\n", " "): "; ".join(
            f"minus {one.against} {_difference(one)}, {one.n} questions, {one.verdict}"
            for one in group
        )
        for condition, group in groups.items()
    }
    head = f"Forest plot of differences in exact match, {what}, in points with 95% intervals."
    return figure, in_sentences(head, said, note)


def _compared(results: Results, condition: str) -> list[Comparison]:
    metric = REFUSED_RIGHTLY if condition == DISTRACTORS_ONLY else HEADLINE
    found = (results.comparison(against, condition, metric) for against in results.models[1:])
    return [one for one in found if one]


def _row_name(condition: str) -> str:
    return in_words(condition) + ("\n(right refusals)" if condition == DISTRACTORS_ONLY else "")


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


# --- curves --------------------------------------------------------------------------------------

_SIDE = ("oracle", "oracle_distractors")  # what reading alone is worth
_CEILING = "hit rate"
Curve = dict[str, Estimate]  # condition → figure; those without a value are left out


@drawn
def plot_top_k(results: Results) -> tuple[Figure, str] | str:
    """Exact match over the number of retrieved chunks with 95% bands, the hit rate as a ceiling.

    Left of it the same models with the oracle given: what perfect retrieval would be worth.
    """
    retrieved = sorted(filter(is_retrieved, results.conditions), key=_k)
    if not retrieved:
        return "There is no curve to draw: no retrieved condition (top_k) was asked."
    side = [name for name in _SIDE if name in results.conditions]
    models = {m: _curve(results, m, HEADLINE, [*side, *retrieved]) for m in results.models}
    curves = {name: curve for name, curve in models.items() if {*curve} & {*retrieved}}
    if not curves:
        return "There is no curve to draw: no reply has a value in exact match."
    ceiling = _curve(results, RETRIEVER, "hit_rate", retrieved)
    note = _top_k_note(curves, ceiling, [name for name in models if name not in curves])
    grid: dict[str, Any] = {"ncols": 2, "width_ratios": [len(side), 4]} if side else {}
    figure, panels = new_figure(
        4.0,
        title="Exact match over what is retrieved",
        note=note,
        squeeze=False,
        sharey=True,
        **grid,
    )
    left, axes = panels[0][0], panels[0][-1]
    several = len(retrieved) > 1
    lines: dict[Any, str] = {}  # drawn line → name
    for place, (name, curve) in enumerate(curves.items()):
        style, middle = style_of(results.models.index(name)), place - (len(curves) - 1) / 2
        shift = 0.0 if several else 0.1 * middle  # bars stand beside each other, bands need not
        xs = {condition: _k(condition) + shift for condition in retrieved}
        lines[_draw(axes, xs, curve, style, joined=several)] = name
        if side:
            shift = middle * min(0.2, 0.7 / len(curves))
            _draw(left, {c: x + shift for x, c in enumerate(side)}, curve, style, joined=False)
    if ceiling:
        ks, rates = [_k(name) for name in ceiling], [100 * one.value for one in ceiling.values()]
        look = {"color": INK, "ls": (0, (4, 3)), "lw": 1.3}
        line = axes.plot(ks, rates, **look)[0] if len(ks) > 1 else axes.axhline(rates[0], **look)
        lines[line] = _CEILING
    if side:
        left.set_xticks(range(len(side)), [in_words(name).replace(" + ", "\n+ ") for name in side])
        left.set_xlim(-0.5, len(side) - 0.5)
    if not several:
        axes.set_xlim(_k(retrieved[0]) - 1, _k(retrieved[0]) + 1)
    axes.set_xticks([_k(name) for name in retrieved])
    axes.set_xlabel("retrieved chunks")
    left.set(ylim=(0, 102), yticks=range(0, 101, 20), ylabel="exact match, %")
    for panel in panels[0]:
        panel.grid(axis="y")
    ordered = sorted(lines, key=lambda line: -line.get_ydata()[-1])
    names = [short(lines[line]) for line in ordered]
    figure.legend(ordered, names, loc="outside right upper", labelspacing=0.8)
    head = "Curves of exact match over the number of retrieved chunks, with 95% intervals."
    said = {
        name: ", ".join(
            f"{in_words(condition)} {percent(one.value)}% ({interval(one)}, n = {one.n})"
            for condition, one in curve.items()
        )
        for name, curve in {**models, _CEILING: ceiling}.items()
    }
    return figure, in_sentences(head, said, note)


def _k(condition: str) -> int:
    return int(condition.removeprefix(RETRIEVED))


def _curve(results: Results, model: str, metric: str, conditions: Sequence[str]) -> Curve:
    found = {name: results.estimate(model, name, metric) for name in conditions}
    return {name: one for name, one in found.items() if one and not math.isnan(one.value)}


def _draw(
    axes: Any, places: Mapping[str, float], curve: Curve, style: Style, *, joined: bool
) -> Any:
    """Draw a curve's figures with their intervals; returns the line.

    Args:
        places: condition → x.
        joined: a line with a band, else points with bars.
    """
    shown = [(x, curve[condition]) for condition, x in places.items() if condition in curve]
    xs, values = [x for x, _ in shown], [100 * one.value for _, one in shown]
    lows, highs = [100 * one.low for _, one in shown], [100 * one.high for _, one in shown]
    if joined and len(xs) > 1:
        axes.fill_between(xs, lows, highs, color=style.colour, alpha=0.12, lw=0)
    else:
        axes.vlines(xs, lows, highs, color=style.colour, lw=2)
    look = {"color": style.colour, "marker": style.marker, "ls": style.line if joined else ""}
    return axes.plot(xs, values, **look)[0]


def _top_k_note(curves: Mapping[str, Curve], ceiling: Curve, missing: Sequence[str]) -> str:
    n = span([one.n for curve in curves.values() for one in curve.values()])
    note = f"n = {n} scored replies a point; bands and bars: 95% intervals."
    if ceiling:
        note += " Hit rate: questions of which a retrieved chunk holds the answer."
    return note + (f" No value at any k: {'; '.join(missing)}." if missing else "")
