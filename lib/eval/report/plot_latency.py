"""How long a reply takes, and the tokens that are paid for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lib.eval.report.drawing import (
    drawn,
    new_figure,
    right_labels,
    short,
    span,
    style_of,
)
from lib.eval.report.usage import ALL, answer_usage
from lib.records import Answer

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    said = (
        f"{one.Index}: median {_s(one.p50_s)} s, 95th percentile {_s(one.p95_s)} s, "
        f"{one.prompt_tokens:,.0f} prompt and {one.completion_tokens:,.0f} reply tokens, "
        f"{one.n} replies."
        for one in usage.itertuples()
    )
    return figure, f"Latency and mean tokens of a reply over all conditions. {' '.join(said)}"


def _s(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds < 10 else f"{seconds:,.1f}"
