"""Exact match over the number of retrieved chunks, below the ceiling that retrieval sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lib.eval.conditions import RETRIEVED, is_retrieved
from lib.eval.metrics import RETRIEVER
from lib.eval.report.plot_drawing import (
    INK,
    LINE,
    SMALL,
    WIDTH,
    Picture,
    Sheet,
    Style,
    in_words,
    nothing_to_draw,
    num_lines,
    spread,
    style_of,
    widest,
    wrap,
)
from lib.eval.results import Estimate, Results
from lib.eval.runs.text import percent
from lib.eval.summaries import HEADLINE

_SIDE = ("oracle", "oracle_distractors")  # what reading alone is worth
_CEILING = "hit rate"
_CEILING_STYLE = Style(INK, "", (0, (4, 3)))
_HEIGHT, _TOP, _LEFT = 3.3, 0.55, 0.75  # inches, of the axes
_LABEL = 1.9  # inches, of a curve's name


@dataclass(frozen=True)
class _Curve:
    name: str
    style: Style
    points: dict[str, Estimate]  # condition → what has a value


def plot_top_k(results: Results) -> Picture:
    """A curve with its 95% band for each model, the retriever's hit rate as a dashed ceiling.

    Left of them the same models with the oracle given: what perfect retrieval would be worth.
    """
    retrieved = sorted(filter(is_retrieved, results.conditions), key=_k)
    if not retrieved:
        return nothing_to_draw(
            "There is no curve to draw: no retrieved condition (top_k) was asked."
        )
    side = [name for name in _SIDE if name in results.conditions]
    curves = [
        _curve(results, place, model, [*side, *retrieved])
        for place, model in enumerate(results.models)
    ]
    drawn = [curve for curve in curves if any(name in curve.points for name in retrieved)]
    if not drawn:
        return nothing_to_draw("There is no curve to draw: no reply has a value in exact match.")
    points = _points(results, RETRIEVER, "hit_rate", retrieved)
    ceiling = [_Curve(_CEILING, _CEILING_STYLE, points)] if points else []
    note = wrap(_note(drawn, curves, ceiling), WIDTH - 0.2, SMALL, max_lines=5)
    sheet = Sheet(_TOP + _HEIGHT + 0.6 + LINE * num_lines(note))
    sheet.text(0.1, 0.1, "Exact match over what is retrieved", va="top", weight="bold")
    sheet.text(0.1, _TOP + _HEIGHT + 0.58, note, SMALL, va="top")
    names = [wrap(curve.name, _LABEL) for curve in [*drawn, *ceiling]]
    ends = WIDTH - widest(names) - 0.35
    start = _LEFT
    if side:
        width = 0.95 * len(side)
        _draw_side(sheet.axes(start, _TOP, width, _HEIGHT), drawn, side)
        start += width + 0.3
    axes = sheet.axes(start, _TOP, ends - start, _HEIGHT)
    _draw_curves(axes, drawn, ceiling, retrieved)
    if side:
        axes.tick_params(labelleft=False)
    else:
        axes.set_ylabel("exact match, %", fontsize=SMALL)
    _name_curves(sheet, [*drawn, *ceiling], names, retrieved, ends)
    return sheet.picture(_said([*curves, *ceiling], [*side, *retrieved], note))


def _curve(results: Results, place: int, model: str, conditions: Sequence[str]) -> _Curve:
    return _Curve(model, style_of(place), _points(results, model, HEADLINE, conditions))


def _points(
    results: Results, model: str, metric: str, conditions: Sequence[str]
) -> dict[str, Estimate]:
    found = {name: results.estimate(model, name, metric) for name in conditions}
    return {name: one for name, one in found.items() if one and not math.isnan(one.value)}


def _k(condition: str) -> int:
    return int(condition.removeprefix(RETRIEVED))


def _draw_curves(
    axes: Any, curves: Sequence[_Curve], ceiling: Sequence[_Curve], retrieved: Sequence[str]
) -> None:
    ks = [_k(name) for name in retrieved]
    room = 0.06 * (max(ks) - min(ks)) or 1.0
    tint = 0.14 if len(curves) <= 3 else 0.09
    _scale(axes, (min(ks) - room, max(ks) + room))
    axes.set_xticks(ks)
    axes.set_xlabel("retrieved chunks", fontsize=SMALL)
    for curve in ceiling:
        _draw_ceiling(axes, _only(curve, retrieved))
    for place, curve in enumerate(curves):
        style, found = curve.style, _only(curve, retrieved)
        # Bars of a single k stand beside each other, bands of several over each other.
        shift = 0.0 if len(ks) > 1 else 0.1 * (place - (len(curves) - 1) / 2)
        xs = [_k(one.condition) + shift for one in found]
        lows, highs = [100 * one.low for one in found], [100 * one.high for one in found]
        if len(found) > 1:
            axes.fill_between(xs, lows, highs, color=style.colour, alpha=tint, lw=0)
        else:
            axes.vlines(xs, lows, highs, color=style.colour, lw=2)
        values = [100 * one.value for one in found]
        look = {"marker": style.marker, "ls": style.line, "color": style.colour}
        axes.plot(xs, values, **look, lw=1.8, ms=6.5, clip_on=False)


def _draw_ceiling(axes: Any, found: Sequence[Estimate]) -> None:
    look = {"color": INK, "ls": _CEILING_STYLE.line, "lw": 1.3}
    if len(found) == 1:
        axes.axhline(100 * found[0].value, **look)
    else:
        axes.plot([_k(one.condition) for one in found], [100 * one.value for one in found], **look)


def _draw_side(axes: Any, curves: Sequence[_Curve], side: Sequence[str]) -> None:
    _scale(axes, (-0.5, len(side) - 0.5))
    axes.set_xticks(range(len(side)), [in_words(name).replace(" + ", "\n+ ") for name in side])
    axes.set_ylabel("exact match, %", fontsize=SMALL)
    step = min(0.2, 0.7 / len(curves))
    for i, curve in enumerate(curves):
        shift = step * (i - (len(curves) - 1) / 2)
        for x, name in enumerate(side):
            if one := curve.points.get(name):
                style, at = curve.style, x + shift
                axes.vlines(at, 100 * one.low, 100 * one.high, color=style.colour, lw=2)
                mark = {"color": style.colour, "ms": 6.5, "clip_on": False}
                axes.plot(at, 100 * one.value, style.marker, **mark)


def _scale(axes: Any, x_range: tuple[float, float]) -> None:
    axes.set(xlim=x_range, ylim=(0, 100))
    axes.grid(axis="y", color=INK, alpha=0.15, lw=0.8)
    axes.set_axisbelow(True)


def _name_curves(
    sheet: Sheet, curves: Sequence[_Curve], names: Sequence[str], retrieved: Sequence[str], x: float
) -> None:
    """Each name beside its curve's end, moved up or down where two would meet."""
    ends = {
        curve.name: _TOP + _HEIGHT * (1 - [*_only(curve, retrieved)][-1].value) for curve in curves
    }
    order = sorted(range(len(curves)), key=lambda i: (ends[curves[i].name], i))
    sizes = [LINE * num_lines(names[i]) + 0.03 for i in order]
    wanted = [ends[curves[i].name] for i in order]
    places = spread(wanted, sizes, low=_TOP - 0.25, high=_TOP + _HEIGHT + 0.4)
    for i, y in zip(order, places, strict=True):
        _leader(sheet, curves[i], (x - 0.08, ends[curves[i].name]), (x + 0.2, y))
        sheet.text(x + 0.25, y, names[i])


def _only(curve: _Curve, conditions: Sequence[str]) -> list[Estimate]:
    return [curve.points[name] for name in conditions if name in curve.points]


def _leader(
    sheet: Sheet, curve: _Curve, start: tuple[float, float], end: tuple[float, float]
) -> None:
    from matplotlib.lines import Line2D

    xs, ys = zip(start, end, strict=True)
    line = Line2D(
        [x / sheet.width for x in xs],
        [1 - y / sheet.height for y in ys],
        transform=sheet.figure.transFigure,
        color=curve.style.colour,
        lw=1,
    )
    sheet.figure.add_artist(line)


def _note(drawn: Sequence[_Curve], curves: Sequence[_Curve], ceiling: Sequence[_Curve]) -> str:
    ns = sorted({one.n for curve in drawn for one in curve.points.values()})
    n = f"{ns[0]:,}" if len(ns) == 1 else f"{ns[0]:,} to {ns[-1]:,}"
    note = f"n = {n} scored replies a point; bands and bars: 95% intervals."
    if ceiling:
        note += " Hit rate: questions of which a retrieved chunk holds the answer."
    if missing := [curve.name for curve in curves if curve not in drawn]:
        note += f" No value at any k: {'; '.join(missing)}."
    return note


def _said(curves: Sequence[_Curve], conditions: Sequence[str], note: str) -> str:
    parts = []
    for curve in curves:
        points = [
            f"{in_words(one.condition)} {percent(one.value)}% "
            f"({percent(one.low)}–{percent(one.high)}, n = {one.n})"
            for one in _only(curve, conditions)
        ]
        if points:
            parts.append(f"{curve.name}: {', '.join(points)}.")
    return (
        "Curves of exact match over the number of retrieved chunks, with 95% intervals. "
        f"{' '.join(parts)} {' '.join(note.split())}"
    )
