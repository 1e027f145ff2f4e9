"""How well models refuse, and how often they are right where they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lib.eval.metrics.refusals import CLOSED_BOOK, no_answer
from lib.eval.report.markup import escaped, group, note, page, row, small, table
from lib.eval.results import Results
from lib.eval.runs.runs import main_condition
from lib.eval.statistics import intervals, make_sample
from lib.eval.verdict import main_metric
from lib.eval.wording import NONE, percent
from lib.records import Answer, Score

if TYPE_CHECKING:
    from IPython.display import HTML

Flag = tuple[str, bool]  # question id, whether it is so


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
        return page(note("Nothing was asked."))
    where, metric = main_condition(results), main_metric(results)
    values = {(s.model, s.condition, s.question_id): s.value for s in scores if s.metric == metric}
    found = []
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
        found += [
            [(a.question_id, not a.oracle_in_context) for a in read if a.refused],
            [(a.question_id, a.refused) for a in read if not a.oracle_in_context],
            [(a.question_id, a.refused) for a in read if a.oracle_in_context],
            given,
        ]
    cells = _cells(found, clusters, seed)
    rows = [
        row(escaped(model), cells[4 * place : 4 * place + 4])
        for place, model in enumerate(results.models)
    ]
    head = ["Model", "Refusals that were right", "Right refusals made", "Over-refusal"]
    head.append(f"Right of the answered{small(escaped(where))}")
    return page(
        table("Refusals, and answers that were given", head, [group(rows)]),
        note(
            "Precision, recall and over-refusal over all conditions with documents: to refuse is "
            "right where none of them holds the answer. The last column leaves refusals out of "
            "numerator and denominator alike; a model that refuses what is hard looks better in "
            "it, so read it beside over-refusal."
        ),
    )


def _cells(found: Sequence[Sequence[Flag]], clusters: Mapping[str, str], seed: int) -> list[str]:
    samples = [
        make_sample([float(so) for _, so in flags], [clusters[question] for question, _ in flags])
        for flags in found
    ]
    cells = []
    for flags, interval in zip(found, intervals(samples, seed=seed), strict=True):
        count, n = sum(so for _, so in flags), len(flags)
        if not n:
            cells.append(f"{NONE}{small('of none')}")
            continue
        sure = f"{percent(interval.low)}–{percent(interval.high)} · {count:,} of {n:,}"
        cells.append(f"{percent(count / n)}%{small(sure)}")
    return cells
