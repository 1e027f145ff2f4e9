"""How well models refuse, and how often they are right where they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lib.eval.metrics.refusals import CLOSED_BOOK, no_answer
from lib.eval.report.page import Table, show, show_note, table_of
from lib.eval.results import Results
from lib.eval.statistics import Interval, Sample, intervals, make_sample
from lib.eval.verdict import main_condition, main_metric
from lib.eval.wording import NONE, percent
from lib.records import Answer, Score

if TYPE_CHECKING:
    from IPython.display import HTML

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

    The first three over all conditions with documents, as `count_refusals` counts; the last under
    the main condition, refusals in neither numerator nor denominator. 95% intervals resample whole
    chunks (`clusters`): one question is asked several times.
    """
    if not results.models or not results.conditions:
        return show_note("Nothing was asked.")
    import pandas as pd

    where, metric = main_condition(results), main_metric(results)
    values = {(s.model, s.condition, s.question_id): s.value for s in scores if s.metric == metric}
    rows = []
    for a in answers:
        if not no_answer(a):
            key = (a.model, a.condition, a.question_id)
            rows.append((*key, a.refused, not a.oracle_in_context, values.get(key)))
    names = ["model", "condition", "question", "refused", "absent", "value"]
    found = pd.DataFrame(rows, columns=names).astype({"refused": bool, "absent": bool})
    found["right"] = found.value == 1
    read = found[found.condition != CLOSED_BOOK]
    answered = found[(found.condition == where) & ~found.refused & found.value.notna()]
    rates = {  # column → which answers, and the share of them that is so
        "Refusals that were right": (read[read.refused], "absent"),
        "Right refusals made": (read[read.absent], "refused"),
        "Over-refusal": (read[~read.absent], "refused"),
        f"Right of the answered\n{where}": (answered, "right"),
    }
    samples = [
        make_sample([*of_model[flag].astype(float)], [clusters[q] for q in of_model.question])
        for model in results.models
        for among, flag in rates.values()
        for of_model in [among[among.model == model]]
    ]
    cells = iter(map(_cell, samples, intervals(samples, seed=seed)))
    shown = [{"Model": model} | {name: next(cells) for name in rates} for model in results.models]
    caption = "Refusals, and answers that were given"
    return show("tables.html.j2", one=Table(caption, table_of(shown, "Model"), _NOTE))


def _cell(sample: Sample, interval: Interval) -> str:
    n = int(sample.sizes.sum())
    if not n:
        return f"{NONE}\nof none"
    sure = f"{percent(interval.low)}–{percent(interval.high)}"
    return f"{percent(sample.mean)}%\n{sure} · {sample.gains.sum():,.0f} of {n:,}"
