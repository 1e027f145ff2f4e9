"""The judge's side-by-side comparisons: who is preferred, and does the order matter?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lib.eval.judge.pairs import Pair, PairFigures, pair_figures
from lib.eval.report.markup import escaped, group, note, page, row, small, table
from lib.eval.statistics import CANNOT_TELL, intervals, make_sample
from lib.eval.wording import NONE, percent

if TYPE_CHECKING:
    from IPython.display import HTML


def show_pairs(pairs: Sequence[Pair], clusters: Mapping[str, str], *, seed: int = 0) -> HTML:
    """The first model's mean preference with its 95% interval, and what the judge's order does.

    Args:
        pairs: of one pair of models, as `judge_pairs` gives them; none = nothing to show.
        clusters: question id → cluster id, as `clusters_of` gives it.
    """
    if not pairs:
        return page()  # show_judge has said that there is no judge, or nobody wanted it
    scored = [(pair.question_id, pair.value) for pair in pairs if pair.value is not None]
    sample = make_sample([value for _, value in scored], [clusters[i] for i, _ in scored])
    (interval,) = intervals([sample], seed=seed)
    figures, one = pair_figures(pairs), pairs[0]
    word = CANNOT_TELL
    if interval.low > 0.5 or interval.high < 0.5:
        word = f"{one.first if interval.low > 0.5 else one.second} is preferred"
    sure = f"{percent(interval.low)}–{percent(interval.high)} · {word}"
    cells = [
        f"{percent(figures.value)}%{small(escaped(sure))}" if scored else NONE,
        f"{figures.won:,} · {figures.tied:,} · {figures.lost:,}",
        f"{figures.n:,}{small(f'{figures.unscored:,} unread' if figures.unscored else '')}",
    ]
    head = ["Side by side", "Preferred", "Won · tied · lost", "Pairs"]
    name = f"{escaped(one.first)}{small(f'against {escaped(one.second)}')}"
    conditions = ", ".join(dict.fromkeys(pair.condition for pair in pairs))
    return page(
        table(f"Which answer the judge prefers, {conditions}", head, [group([row(name, cells)])]),
        note(_orders(figures)),
    )


def _orders(figures: PairFigures) -> str:
    said = "Each pair is shown in both orders, and the mean counts; 50% is no preference. "
    if not figures.asked:
        return said + "All answers were alike or refused: none was sent."
    low, high = percent(figures.consistency_low), percent(figures.consistency_high)
    said += f"Both orders agree in {percent(figures.consistency)}% of the pairs ({low}–{high}). "
    if figures.named:
        low, high = percent(figures.shown_first_low), percent(figures.shown_first_high)
        share = percent(figures.shown_first / figures.named)
        said += f"Of its choices {share}% ({low}–{high}) fell on the answer shown first: far from "
        said += "50%, the judge likes a place."
    return said
