"""What the answers say, drawn: refusals, losses, seconds and tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lib.eval.metrics import Refusals, count_refusals
from lib.eval.metrics.losses import LOSSES, RIGHT
from lib.eval.metrics.refusals import CLOSED_BOOK
from lib.eval.report.cost import ALL, answer_usage
from lib.eval.report.drawing import (
    ABOVE,
    INK,
    drawn,
    in_sentences,
    in_words,
    new_figure,
    right_labels,
    share,
    short,
    span,
    style_of,
)
from lib.eval.results import Results
from lib.eval.verdict import main_condition
from lib.records import Answer

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# --- refusals ------------------------------------------------------------------------------------

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
    said = {model: _refusals_in_words(one) for model, one in counts.items()}
    return figure, in_sentences("Refusals over all conditions with documents.", said)


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


# --- losses --------------------------------------------------------------------------------------

Losses = Mapping[tuple[str, str], Mapping[str, int]]  # (model, condition) → class → answers


@drawn
def plot_losses(losses: Losses) -> tuple[Figure, str] | str:
    """What became of each model's answers under the main condition.

    A bar for each class and model, with its count and share.
    """
    if not losses:
        return "There is no loss to draw: no answer was given."
    models, conditions = (tuple(dict.fromkeys(names)) for names in zip(*losses, strict=True))
    condition = main_condition(Results((), conditions, [], []))
    counts = {m: found for m in models if sum((found := losses.get((m, condition), {})).values())}
    if not counts:
        return f"There is no loss to draw: no answer was given under {in_words(condition)}."
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
    said = {
        f"{model}, {(total := sum(found.values()))} answers": ", ".join(
            f"{kind} {found[kind]:,} ({share(found[kind], total)})"
            for kind in LOSSES
            if found.get(kind)
        )
        for model, found in counts.items()
    }
    head = f"Bars of what became of the answers under {in_words(condition)}."
    return figure, in_sentences(head, said, note)


# --- seconds and tokens --------------------------------------------------------------------------


@drawn
def plot_latency_and_cost(answers: Sequence[Answer]) -> tuple[Figure, str] | str:
    """Left the seconds a reply takes (median, 95th percentile), right its tokens (means).

    Tokens times the endpoint's price are the cost of a reply.
    """
    if not answers:
        return "There is no latency to draw: no answer was given."
    usage = answer_usage(answers).loc[ALL]
    note = (
        f"Over all conditions, n = {span(usage.n.tolist())} replies a model. Mark: the median; bar "
        "at the line's end: the 95th percentile. Pale: the prompt's tokens; full: the reply's."
    )
    figure, (seconds, tokens) = new_figure(0.9 + 0.45 * len(usage), note=note, ncols=2, sharey=True)
    for y, one in enumerate(usage.itertuples()):
        style = style_of(y)
        seconds.plot([one.p50_s, one.p95_s], [y, y], color=style.colour, lw=2)
        seconds.plot(one.p95_s, y, "|", color=style.colour, ms=10, mew=2)
        seconds.plot(one.p50_s, y, style.marker, color=style.colour)
        tokens.barh(y, one.prompt_tokens, 0.4, color=style.colour, alpha=0.5, lw=0)
        tokens.barh(y, one.completion_tokens, 0.4, one.prompt_tokens, color=style.colour, lw=0)
    ys = range(len(usage))
    seconds.set(title="seconds: median · 95th percentile", ylim=(len(usage) - 0.5, -0.5))
    seconds.set_yticks(ys, [short(model) for model in usage.index])
    tokens.set(title="mean tokens: prompt + reply")
    for axes in (seconds, tokens):
        axes.set_xlim(left=0)
        axes.locator_params(axis="x", nbins=5)
    figure.get_layout_engine().set(wspace=0.06)
    right_labels(seconds, ys, [f"{_s(o.p50_s)} · {_s(o.p95_s)}" for o in usage.itertuples()])
    right_labels(
        tokens,
        ys,
        [f"{o.prompt_tokens:,.0f} + {o.completion_tokens:,.0f}" for o in usage.itertuples()],
    )
    said = {
        one.Index: f"median {_s(one.p50_s)} s, 95th percentile {_s(one.p95_s)} s, "
        f"{one.prompt_tokens:,.0f} prompt and {one.completion_tokens:,.0f} reply tokens, "
        f"{one.n} replies"
        for one in usage.itertuples()
    }
    head = "Latency and mean tokens of a reply over all conditions."
    return figure, in_sentences(head, said)


def _s(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds < 10 else f"{seconds:,.1f}"
