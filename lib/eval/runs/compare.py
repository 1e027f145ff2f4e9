"""Two runs, question by question; and the gate, which finds figures that got worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lib.eval.metrics.scoring import REFUSED_RIGHTLY
from lib.eval.results import Comparison, Primary
from lib.eval.runs.files import EXPLANATION
from lib.eval.runs.runs import Run, require_known
from lib.eval.statistics.clustered import ALPHA, make_sample
from lib.eval.statistics.pairs import WORSE, exact_p
from lib.eval.summaries import summarise
from lib.eval.wording import percent, points, signed
from lib.records import Score
from lib.settings import SetupError

Question = tuple[str, str, str]  # id, text, gold answer: the same if all three are


@dataclass(frozen=True)
class Paired:
    """One metric under one condition: two runs' students on the questions that both were asked."""

    figures: Comparison  # `model` is the run, `against` the other one
    unscored: int  # replies without a value, of the questions that both were asked
    against_unscored: int
    more_unscored: bool  # than before, beyond chance
    other_documents: int  # questions asked over other documents than in the other run


@dataclass(frozen=True)
class RunComparison:
    """A run against another one."""

    run: Run
    against: Run
    shared: int  # questions that both were asked
    not_comparable: list[str]  # reasons
    pairs: list[Paired]


def compare_runs(
    run: Run, against: Run, *, metrics: Sequence[str] = (), conditions: Sequence[str] = ()
) -> RunComparison:
    """Pair the replies of both students to the same questions under the same condition.

    Default conditions: all that both have; default metrics: as in `gate`.
    """
    asked, before = ({_question(row) for row in one.answers} for one in (run, against))
    shared = len(asked & before)
    now, earlier = run.results.conditions, against.results.conditions
    wanted = list(dict.fromkeys(conditions or (*earlier, *now)))
    both = [name for name in wanted if name in earlier and name in now]
    pairs = [
        pair
        for metric in metrics or (against.results.primary.metric, REFUSED_RIGHTLY)
        for condition in both
        if (pair := _paired(run, against, metric, condition))
    ]
    reasons = []
    if run.dataset != against.dataset:
        reasons.append(f"other datasets: {run.dataset} against {against.dataset}")
    if asked != before or not shared:
        said = f"{shared} of them the same; only these are compared" if shared else "none the same"
        reasons.append(f"other questions: {len(asked)} against {len(before)}, {said}")
    for one, measured in ((run, now), (against, earlier)):
        if lacks := [name for name in wanted if name not in measured]:
            reasons.append(f"other conditions: {one.name} has no {', '.join(lacks)}")
    figures = {pair.figures.condition for pair in pairs}
    if shared and (empty := [name for name in both if name not in figures]):
        reasons.append(f"no reply of both under {', '.join(empty)} has a value of these metrics")
    changed = {pair.figures.condition: pair.other_documents for pair in pairs}
    if others := [f"{name} {count}" for name, count in changed.items() if count]:
        reasons.append(f"other documents of as many questions: {', '.join(others)}")
    return RunComparison(run, against, shared, not_comparable=reasons, pairs=pairs)


def _paired(run: Run, against: Run, metric: str, condition: str) -> Paired | None:
    """None: the metric applies to no shared question."""
    mine, theirs = (_measured(one, metric, condition) for one in (run, against))
    shared = [key for key in theirs if key in mine]
    if not shared:
        return None
    oracles = [theirs[key]["oracle_id"] or theirs[key]["question_id"] for key in shared]
    values = [(mine[key][metric], theirs[key][metric]) for key in shared]
    results = summarise(
        [
            Score(str(place), name, condition, metric, value)
            for place, pair in enumerate(values)
            for name, value in zip(("run", "against"), pair, strict=True)
        ],
        {str(place): oracle for place, oracle in enumerate(oracles)},
        models=("run", "against"),
        primary=Primary("against", condition, metric),  # each figure is tested alone
    )
    unread = [(value is None) - (other is None) for value, other in values]
    unread_totals = make_sample(unread, oracles, paired=True).totals.tolist()
    of_run, of_against = results.estimates
    return Paired(
        figures=replace(results.comparisons[0], model=run.name, against=against.name),
        unscored=of_run.unscored,
        against_unscored=of_against.unscored,
        more_unscored=sum(unread) > 0 and exact_p(unread_totals) < ALPHA,
        other_documents=sum(mine[k]["context_ids"] != theirs[k]["context_ids"] for k in shared),
    )


def _measured(run: Run, metric: str, condition: str) -> dict[Question, dict[str, Any]]:
    """Question → its reply; a metric without value and explanation does not apply to a reply."""
    columns = (metric, metric + EXPLANATION)
    return {
        _question(row): row
        for row in run.answers
        if row["condition"] == condition and any(row.get(c) is not None for c in columns)
    }


def _question(row: Mapping[str, Any]) -> Question:
    return row["question_id"], row["question"], row["gold_answer"]


def gate(
    run: Run, base: Run, *, metrics: Sequence[str] = (), conditions: Sequence[str] = ()
) -> RunComparison:
    """Compare a run's student with a base run's; `regressions` lists the figures that got worse.

    Default metrics: the one that decides the base run, and right refusals. Default conditions: all
    of the base run. What is not in both runs is a SetupError: a gate that skipped it would pass for
    no reason.
    """
    wanted = conditions or base.results.conditions
    for one in (run, base):
        deciding = [base.results.primary.metric]
        require_known([one], metrics=metrics or deciding, conditions=wanted)
    found = compare_runs(run, base, metrics=metrics, conditions=wanted)
    figures = {pair.figures.condition for pair in found.pairs}
    if not figures or not figures.issuperset(conditions):
        raise SetupError(
            f"{run.name} and {base.name} are not comparable ({'; '.join(found.not_comparable)}). "
            "Evaluate both over the same dataset, with the same seed and max_questions, or name "
            "other metrics or conditions."
        )
    return found


def regressions(found: RunComparison) -> list[str]:
    """A sentence about each figure that got worse beyond its interval, in the figures' order."""
    said = [
        f"{one.metric} under {one.condition}: {percent(one.against_value, places=1)}% before, "
        f"{percent(one.value, places=1)}% now, {signed(one.difference, places=1)} points (95% "
        f"interval {points(one, places=1)}), {one.n} questions"
        for one in (pair.figures for pair in found.pairs)
        if one.verdict == WORSE
    ]
    # More replies without a value: a student that says nothing would pass otherwise.
    return said + [
        f"{pair.figures.metric} under {pair.figures.condition}: {pair.unscored} replies have no "
        f"value, {pair.against_unscored} had none before"
        for pair in found.pairs
        if pair.more_unscored
    ]
