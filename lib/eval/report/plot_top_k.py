"""Exact match over the number of retrieved chunks, below the ceiling that retrieval sets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lib.eval.conditions import RETRIEVED, is_retrieved
from lib.eval.metrics import RETRIEVER
from lib.eval.report.drawing import (
    INK,
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
    figure, panels = new_figure(
        *(4.0,),
        title="Exact match over what is retrieved",
        note=note,
        ncols=1 + bool(side),
        squeeze=False,
        sharey=True,
        width_ratios=[*([len(side)] if side else []), 4],
    )
    *_, axes = panels[0]
    if side:
        _draw_points(panels[0][0], curves, side, results.models)
    _draw_curves(axes, curves, retrieved, results.models)
    if ceiling:
        ks, values = [_k(name) for name in ceiling], [100 * e.value for e in ceiling.values()]
        marker = "" if len(ks) > 1 else "_"
        axes.plot(
            ks, values, color=INK, ls=(0, (4, 3)), lw=1.3, marker=marker, ms=24, label=_CEILING
        )
    for panel in panels[0]:
        panel.grid(axis="y")
    panels[0][0].set(ylim=(0, 102), yticks=range(0, 101, 20), ylabel="exact match, %")
    handles, names = axes.get_legend_handles_labels()
    ends = [ceiling if name == _CEILING else curves[name] for name in names]
    order = sorted(range(len(names)), key=lambda i: -[*ends[i].values()][-1].value)
    figure.legend(
        [handles[i] for i in order],
        [short(names[i]) for i in order],
        loc="outside right upper",
        labelspacing=0.8,
    )
    shown = {**models, **({_CEILING: ceiling} if ceiling else {})}
    head = "Curves of exact match over the number of retrieved chunks, with 95% intervals."
    return figure, f"{head} {_curves_in_words(shown)} {note}"


def _k(condition: str) -> int:
    return int(condition.removeprefix(RETRIEVED))


def _curve(results: Results, model: str, metric: str, conditions: Sequence[str]) -> Curve:
    found = {name: results.estimate(model, name, metric) for name in conditions}
    return {name: one for name, one in found.items() if one and not math.isnan(one.value)}


def _draw_curves(
    axes: Any, curves: Mapping[str, Curve], retrieved: Sequence[str], models: Sequence[str]
) -> None:
    for place, (name, curve) in enumerate(curves.items()):
        style = style_of(models.index(name))
        found = [curve[condition] for condition in retrieved if condition in curve]
        # The bars of a single k stand beside each other, the bands of several over each other.
        shift = 0.0 if len(retrieved) > 1 else 0.1 * (place - (len(curves) - 1) / 2)
        xs = [_k(one.condition) + shift for one in found]
        lows, highs = [100 * one.low for one in found], [100 * one.high for one in found]
        if len(found) > 1:
            axes.fill_between(xs, lows, highs, color=style.colour, alpha=0.12, lw=0)
        else:
            axes.vlines(xs, lows, highs, color=style.colour, lw=2)
        look = {"color": style.colour, "marker": style.marker, "ls": style.line, "label": name}
        axes.plot(xs, [100 * one.value for one in found], **look)
    axes.set_xticks([_k(name) for name in retrieved])
    axes.set_xlabel("retrieved chunks")
    if len(retrieved) == 1:
        axes.set_xlim(_k(retrieved[0]) - 1, _k(retrieved[0]) + 1)


def _draw_points(
    axes: Any, curves: Mapping[str, Curve], side: Sequence[str], models: Sequence[str]
) -> None:
    step = min(0.2, 0.7 / len(curves))
    for place, (name, curve) in enumerate(curves.items()):
        style = style_of(models.index(name))
        for x, one in enumerate(curve.get(condition) for condition in side):
            if one:
                at = x + step * (place - (len(curves) - 1) / 2)
                axes.vlines(at, 100 * one.low, 100 * one.high, color=style.colour, lw=2)
                axes.plot(at, 100 * one.value, style.marker, color=style.colour)
    axes.set_xticks(range(len(side)), [in_words(name).replace(" + ", "\n+ ") for name in side])
    axes.set_xlim(-0.5, len(side) - 0.5)


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
