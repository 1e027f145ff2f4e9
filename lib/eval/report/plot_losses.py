"""Where answers are lost: a bar for each model, cut into what became of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.eval.metrics.losses import (
    FORMAT,
    LOSSES,
    RETRIEVAL_MISSED,
    RIGHT,
    WRONG_ANSWER,
    WRONG_QUOTE,
    WRONG_REFUSAL,
)
from lib.eval.report.plot_drawing import (
    LINE,
    SMALL,
    WIDTH,
    Picture,
    Sheet,
    in_words,
    nothing_to_draw,
    num_lines,
    share,
    spread,
    widest,
    wrap,
)
from lib.eval.results import Results
from lib.eval.runs.runs import main_condition

Losses = Mapping[tuple[str, str], Mapping[str, int]]

# Okabe and Ito's, some darker: contrast above 3 on white and on near-black.
_COLOURS = {
    RIGHT: "#009e73",
    RETRIEVAL_MISSED: "#3a98d0",
    WRONG_QUOTE: "#c48700",
    WRONG_ANSWER: "#d55e00",
    WRONG_REFUSAL: "#c86fa0",
    FORMAT: "#808080",
}
_LEFT, _BAR, _LEADER = 0.1, 0.3, 0.16  # inches
_SPACE = 0.02  # inches, between two parts


def plot_losses(losses: Losses, condition: str = "") -> Picture:
    """A bar for each model, under one condition; "" = the main one (runs.main_condition)."""
    conditions = tuple(dict.fromkeys(name for _, name in losses))
    if not condition and conditions:
        condition = main_condition(Results((), conditions, [], []))
    counts = {
        model: dict(found)
        for (model, name), found in losses.items()
        if name == condition and any(found.values())
    }
    if not counts:
        where = f" under {in_words(condition)}" if condition else ""
        return nothing_to_draw(f"There is no loss to draw: no answer was given{where}.")
    width = WIDTH - 2 * _LEFT
    title = wrap(f"What became of the answers, {in_words(condition)}", width, bold=True)
    names = [wrap(_name(model, found), width) for model, found in counts.items()]
    heights = [LINE * num_lines(name) + 0.08 + _BAR + _LEADER + 2 * LINE + 0.2 for name in names]
    silent = [model for model in dict.fromkeys(model for model, _ in losses) if model not in counts]
    note = wrap(f"No answers: {'; '.join(silent)}.", width, SMALL) if silent else ""
    top = LINE * num_lines(title) + 0.25
    sheet = Sheet(top + sum(heights) + (LINE * num_lines(note) if note else 0))
    sheet.text(_LEFT, 0.1, title, va="top", weight="bold")
    for name, found, height in zip(names, counts.values(), heights, strict=True):
        sheet.text(_LEFT, top, name, va="top")
        _bar(sheet, found, top + LINE * num_lines(name) + 0.08, width)
        top += height
    sheet.text(_LEFT, top - 0.05, note, SMALL, va="top")
    return sheet.picture(_said(counts, condition, note))


def _name(model: str, found: Mapping[str, int]) -> str:
    total = sum(found.values())
    return f"{model}: {found[RIGHT]:,} of {total:,} right ({share(found[RIGHT], total)})"


def _bar(sheet: Sheet, found: Mapping[str, int], top: float, width: float) -> None:
    """The parts in LOSSES' order, and below them what each is: a part may be a hair's breadth."""
    axes = sheet.axes(_LEFT, top, width, _BAR + _LEADER)
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(_BAR + _LEADER, 0))
    total = sum(found.values())
    kinds = [kind for kind in LOSSES if found.get(kind)]
    ends, end = [], 0.0
    for kind in kinds:
        end += width * found[kind] / total
        ends.append(end)
    starts = [0.0, *ends[:-1]]
    labels = [f"{kind}\n{found[kind]:,} ({share(found[kind], total)})" for kind in kinds]
    centres = [(a + b) / 2 for a, b in zip(starts, ends, strict=True)]
    sizes = [widest([label], SMALL) + 0.12 for label in labels]
    places = spread(centres, sizes, low=0, high=width)
    parts = zip(kinds, labels, starts, ends, centres, places, strict=True)
    for kind, label, start, stop, centre, place in parts:
        drawn = max(stop - start - _SPACE, _SPACE)
        axes.barh(_BAR / 2, drawn, _BAR, left=start, color=_COLOURS[kind], lw=0)
        _leader(axes, centre, place, _COLOURS[kind])
        y = top + _BAR + _LEADER + 0.03
        sheet.text(_LEFT + place, y, label, SMALL, ha="center", va="top")


def _leader(axes: Any, centre: float, place: float, colour: str) -> None:
    axes.plot(
        [centre, centre, place],
        [_BAR, _BAR + 0.04, _BAR + _LEADER - 0.02],
        color=colour,
        lw=1.4,
        clip_on=False,
    )


def _said(counts: Mapping[str, Mapping[str, int]], condition: str, note: str) -> str:
    sentences = []
    for model, found in counts.items():
        total = sum(found.values())
        parts = [
            f"{kind} {found[kind]:,} ({share(found[kind], total)})"
            for kind in LOSSES
            if found.get(kind)
        ]
        sentences.append(f"{model}, {total} answers: {', '.join(parts)}.")
    head = f"Bars of what became of the answers under {in_words(condition)}."
    return " ".join([head, *sentences, *note.split()])
