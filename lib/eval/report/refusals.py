"""How well models refuse, and how often they are right where they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lib.eval.metrics.refusals import CLOSED_BOOK, no_answer
from lib.eval.report.page import Table, show, show_note, table_of
from lib.eval.results import Results
from lib.eval.runs.runs import main_condition
from lib.eval.statistics import Interval, intervals, make_sample
from lib.eval.verdict import main_metric
from lib.eval.wording import NONE, percent
from lib.records import Answer, Score

if TYPE_CHECKING:
    from IPython.display import HTML

Flags = list[tuple[str, bool]]  # question id, whether it is so
_NOTE = (
    "Precision, recall and over-refusal over all conditions with documents: a refusal is right "
    "where none of them holds the answer. The last column leaves refusals out of numerator and "
    "denominator; a model that refuses hard questions looks better in it, so read it beside "
    "over-refusal."
)


def show_refusals(
    answers: Sequence[Answer],
    scores: Sequence[Score],
    clusters: Mapping[str, str],
    results: Results,
    *,
    seed: int = 0,
) -> HTML:
    """Precision and recall of refusals, over-refusal, and right answers among the answered.

    The first three are over all conditions with documents, where a refusal is right if none of
    them holds the answer (metrics.refusals.count_refusals); the last under the main condition
    (count_precision). 95% intervals resample whole chunks: one question is asked several times.

    Args:
        clusters: question id → cluster id, as `clusters_of` gives it.
    """
    if not results.models or not results.conditions:
        return show_note("Nothing was asked.")
    where, metric = main_condition(results), main_metric(results)
    values = {(s.model, s.condition, s.question_id): s.value for s in scores if s.metric == metric}
    flags: dict[tuple[str, str], Flags] = {}  # model and column
    for model in results.models:
        own = [a for a in answers if a.model == model and not no_answer(a)]
        read = [a for a in own if a.condition != CLOSED_BOOK]
        given = [
            (a.question_id, value == 1)
            for a in own
            if a.condition == where
            and not a.refused
            and (value := values.get((model, where, a.question_id))) is not None
        ]
        flags |= {
            (model, "Refusals that were right"): [
                (a.question_id, not a.oracle_in_context) for a in read if a.refused
            ],
            (model, "Right refusals made"): [
                (a.question_id, a.refused) for a in read if not a.oracle_in_context
            ],
            (model, "Over-refusal"): [
                (a.question_id, a.refused) for a in read if a.oracle_in_context
            ],
            (model, f"Right of the answered\n{where}"): given,
        }
    samples = [
        make_sample([float(so) for _, so in found], [clusters[question] for question, _ in found])
        for found in flags.values()
    ]
    rows = {model: {"Model": model} for model in results.models}
    for (model, column), interval in zip(flags, intervals(samples, seed=seed), strict=True):
        rows[model][column] = _cell(flags[model, column], interval)
    caption = "Refusals, and answers that were given"
    return show("tables.html.j2", one=Table(caption, table_of([*rows.values()], "Model"), _NOTE))


def _cell(flags: Flags, interval: Interval) -> str:
    count, n = sum(so for _, so in flags), len(flags)
    if not n:
        return f"{NONE}\nof none"
    sure = f"{percent(interval.low)}–{percent(interval.high)} · {count:,} of {n:,}"
    return f"{percent(count / n)}%\n{sure}"
