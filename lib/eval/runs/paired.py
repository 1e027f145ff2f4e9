"""Two runs, question by question, where their students were asked the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lib.eval.runs.answer_files import EXPLANATION, value_of
from lib.eval.metrics import REFUSED_RIGHTLY
from lib.eval.results import Comparison
from lib.eval.runs.runs import METRIC, Row, Run
from lib.eval.statistics import paired_difference, turned
from lib.eval.summaries import STRICT, summarise
from lib.records import Score

METRICS = (METRIC, REFUSED_RIGHTLY)  # where none is named: the latter for distractors_only
_QUESTION = ("question_id", "question", "gold_answer")  # the same question: all three the same


@dataclass(frozen=True)
class Paired:
    """One metric under one condition: two runs' students on the questions that both were asked."""

    figures: Comparison  # `model` is the run, `against` the other one
    unscored: int  # replies without a value, of the questions that both were asked
    against_unscored: int
    unscored_verdict: str  # "worse": more replies than before have no value
    other_documents: int  # questions asked over other documents than in the other run


@dataclass(frozen=True)
class RunComparison:
    """A run against another one."""

    run: str
    against: str
    model: str
    against_model: str
    shared: int  # questions that both were asked
    not_comparable: list[str] = field(default_factory=list)  # why, or where not
    pairs: list[Paired] = field(default_factory=list)
    no_figure: list[str] = field(default_factory=list)  # conditions where no metric applies


def compare_runs(
    run: Run, against: Run, *, metrics: Sequence[str] = (), conditions: Sequence[str] = ()
) -> RunComparison:
    """Pair the replies of both students to the same questions under the same condition.

    Questions are the same if id, text and gold answer are. Without conditions: all that both
    have; without metrics: exact match, and refusals where these are right.
    """
    asked = {tuple(row[c] for c in _QUESTION) for row in run.answers}
    before = {tuple(row[c] for c in _QUESTION) for row in against.answers}
    wanted = list(conditions) or list(
        dict.fromkeys((*against.results.conditions, *run.results.conditions))
    )
    both = [c for c in wanted if c in run.results.conditions and c in against.results.conditions]
    pairs = [
        pair
        for metric in metrics or METRICS
        for condition in both
        if (pair := _paired(run, against, metric, condition))
    ]
    return RunComparison(
        run=run.name,
        against=against.name,
        model=run.model,
        against_model=against.model,
        shared=len(asked & before),
        not_comparable=_why_not(run, against, asked, before, [c for c in wanted if c not in both]),
        pairs=pairs,
        no_figure=[c for c in both if c not in {pair.figures.condition for pair in pairs}],
    )


def _why_not(
    run: Run, against: Run, asked: set[Any], before: set[Any], missing: Sequence[str]
) -> list[str]:
    reasons = []
    if run.dataset != against.dataset:
        reasons.append(f"other datasets: {run.dataset} against {against.dataset}")
    if shared := len(asked & before):
        if asked != before:
            reasons.append(
                f"other questions: {len(asked)} against {len(before)}, {shared} of them the same; "
                "only these are compared"
            )
    else:
        reasons.append(f"other questions: {len(asked)} against {len(before)}, none the same")
    for name in missing:
        without = run if name not in run.results.conditions else against
        reasons.append(f"other conditions: {without.name} has no {name}")
    return reasons


def _paired(run: Run, against: Run, metric: str, condition: str) -> Paired | None:
    """None: no reply of the one or of the other is measured so."""
    mine, theirs = (_measured(one, metric, condition) for one in (run, against))
    shared = [key for key in theirs if key in mine]
    if not shared:
        return None
    names, places = ("run", "against"), [str(place) for place in range(len(shared))]
    oracles = [theirs[key]["oracle_id"] or theirs[key]["question_id"] for key in shared]
    values = [(value_of(mine[key], metric), value_of(theirs[key], metric)) for key in shared]
    results = summarise(
        [
            Score(place, name, condition, metric, value)
            for place, pair in zip(places, values, strict=True)
            for name, value in zip(names, pair, strict=True)
        ],
        dict(zip(places, oracles, strict=True)),
        models=names,
        headline_metric="",  # Holm's correction is for a table's claims: here each stands alone
        strict=(),
    )
    unread = [(value is None) - (other is None) for value, other in values]
    return Paired(
        figures=replace(results.comparisons[0], model=run.name, against=against.name),
        unscored=sum(value is None for value, _ in values),
        against_unscored=sum(other is None for _, other in values),
        unscored_verdict=turned(paired_difference(unread, oracles).verdict),
        other_documents=sum(mine[k]["context_ids"] != theirs[k]["context_ids"] for k in shared),
    )


def _measured(run: Run, metric: str, condition: str) -> dict[Any, Row]:
    """Question → its reply; a metric without value and explanation does not apply to a reply."""
    column = metric.removesuffix(STRICT)
    return {
        tuple(row[c] for c in _QUESTION): row
        for row in run.answers
        if row["condition"] == condition
        and (row.get(column) is not None or row.get(column + EXPLANATION) is not None)
    }
