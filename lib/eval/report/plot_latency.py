"""How long a reply takes, and the tokens that are paid for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib.eval.report.plot_drawing import (
    LINE,
    SMALL,
    WIDTH,
    Picture,
    Sheet,
    nothing_to_draw,
    num_lines,
    style_of,
    text_width,
    widest,
    wrap,
)
from lib.records import Answer

_EDGE, _GAP, _NAME = 0.1, 0.22, 1.9  # inches


@dataclass(frozen=True)
class Load:
    """What one model's replies take, over all conditions."""

    n: int  # replies
    p50_s: float  # by the nearest rank
    p95_s: float
    prompt_tokens: float  # mean, of a reply
    completion_tokens: float


def loads(answers: Sequence[Answer]) -> dict[str, Load]:
    """Model → what its replies take."""
    of_models: dict[str, list[Answer]] = {}
    for answer in answers:
        of_models.setdefault(answer.model, []).append(answer)
    return {model: _load(found) for model, found in of_models.items()}


def _load(answers: Sequence[Answer]) -> Load:
    latencies = sorted(answer.latency_s for answer in answers)
    return Load(
        n=len(answers),
        p50_s=_percentile(latencies, 0.50),
        p95_s=_percentile(latencies, 0.95),
        prompt_tokens=sum(answer.prompt_tokens for answer in answers) / len(answers),
        completion_tokens=sum(answer.completion_tokens for answer in answers) / len(answers),
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Of ascending values, by the nearest rank."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def plot_latency_and_cost(answers: Sequence[Answer]) -> Picture:
    """Left the seconds a reply takes (median, 95th percentile), right its tokens (means).

    Tokens are what a reply costs, times a price that is the endpoint's own.
    """
    found = loads(answers)
    if not found:
        return nothing_to_draw("There is no latency to draw: no answer was given.")
    names = [wrap(model, _NAME) for model in found]
    heights = [LINE * num_lines(name) + 0.16 for name in names]
    note = wrap(_note(found), WIDTH - 2 * _EDGE, SMALL)
    top, height = 0.6, sum(heights)
    sheet = Sheet(top + height + 0.6 + LINE * num_lines(note))
    sheet.text(_EDGE, top + height + 0.52, note, SMALL, va="top")
    middles = [sum(heights[:i]) + heights[i] / 2 for i in range(len(names))]
    for name, middle in zip(names, middles, strict=True):
        sheet.text(_EDGE, top + middle, name)
    start = _EDGE + widest(names) + _GAP
    half = (WIDTH - _EDGE - start - 2 * _GAP) / 2
    seconds = [(_seconds(one.p50_s), _seconds(one.p95_s)) for one in found.values()]
    tokens = [(_count(one.prompt_tokens), _count(one.completion_tokens)) for one in found.values()]
    panels = (
        ("latency of a reply, seconds", ("median", "95th"), seconds, _draw_latency),
        ("tokens of a reply, mean", ("prompt", "reply"), tokens, _draw_tokens),
    )
    for title, heads, texts, draw in panels:
        sheet.text(start, 0.2, title, weight="bold")
        stop = _write_columns(sheet, heads, texts, [top + y for y in middles], start + half)
        axes = sheet.axes(start, top, stop - start, height)
        draw(axes, list(found.values()), middles)
        axes.set(ylim=(height, 0), yticks=[])
        axes.set_xlim(left=0)
        start += half + 2 * _GAP
    return sheet.picture(_said(found))


def _write_columns(
    sheet: Sheet,
    heads: Sequence[str],
    texts: Sequence[tuple[str, str]],
    ys: Sequence[float],
    right: float,
) -> float:
    """Two columns of figures that end at `right`; returns where they begin."""
    for column in (1, 0):
        cells = [row[column] for row in texts]
        sheet.text(right, 0.46, heads[column], SMALL, ha="right")
        for y, cell in zip(ys, cells, strict=True):
            sheet.text(right, y, cell, ha="right")
        right -= max(widest(cells), text_width(heads[column], SMALL)) + _GAP
    return right


def _draw_latency(axes: Any, found: Sequence[Load], ys: Sequence[float]) -> None:
    for place, (one, y) in enumerate(zip(found, ys, strict=True)):
        style = style_of(place)
        axes.plot([one.p50_s, one.p95_s], [y, y], color=style.colour, lw=2)
        axes.plot([one.p95_s], [y], "|", color=style.colour, ms=9, mew=2, clip_on=False)
        axes.plot([one.p50_s], [y], style.marker, color=style.colour, ms=6.5, clip_on=False)
    axes.margins(x=0.05)


def _draw_tokens(axes: Any, found: Sequence[Load], ys: Sequence[float]) -> None:
    for place, (one, y) in enumerate(zip(found, ys, strict=True)):
        colour = style_of(place).colour
        axes.barh(y, one.prompt_tokens, 0.16, color=colour, alpha=0.5, lw=0)
        left = one.prompt_tokens
        axes.barh(y, one.completion_tokens, 0.16, left=left, color=colour, lw=0)


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _note(found: Mapping[str, Load]) -> str:
    ns = sorted({one.n for one in found.values()})
    n = f"{ns[0]:,}" if len(ns) == 1 else f"{ns[0]:,} to {ns[-1]:,}"
    return (
        f"Over all conditions, n = {n} replies a model. Mark: the median; bar at the line's end: "
        "the 95th percentile. Pale: the prompt's tokens; full: the reply's."
    )


def _said(found: Mapping[str, Load]) -> str:
    sentences = [
        f"{model}: median {_seconds(one.p50_s)} s, 95th percentile {_seconds(one.p95_s)} s, "
        f"{_count(one.prompt_tokens)} prompt and {_count(one.completion_tokens)} reply tokens, "
        f"{one.n} replies."
        for model, one in found.items()
    ]
    return f"Latency and mean tokens of a reply over all conditions. {' '.join(sentences)}"
