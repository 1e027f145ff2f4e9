"""Exact match over the number of retrieved chunks, below the ceiling that retrieval sets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lib.eval.conditions import RETRIEVED, is_retrieved
from lib.eval.metrics import RETRIEVER
from lib.eval.report.drawing import (
    INK,
    Style,
    drawn,
    in_words,
    new_figure,
    short,
    span,
    style_of,
)
from lib.eval.results import Estimate, Results
from lib.eval.summaries import HEADLINE
from lib.eval.wording import interval, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    grid = {"ncols": 2 if side else 1, "width_ratios": [len(side), 4] if side else None}
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
    return figure, f"{head} {_curves_in_words({**models, _CEILING: ceiling})} {note}"


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


def _curves_in_words(curves: Mapping[str, Curve]) -> str:
    return " ".join(
        f"{name}: "
        + ", ".join(
            f"{in_words(condition)} {percent(one.value)}% ({interval(one)}, n = {one.n})"
            for condition, one in curve.items()
        )
        + "."
        for name, curve in curves.items()
        if curve
    )
