"""Scores → results: an estimate for each figure, a comparison for each pair of models."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lib.eval.metrics import LOWER_IS_BETTER
from lib.eval.metrics.refusals import DISTRACTORS_ONLY
from lib.eval.questions import EvalQuestion
from lib.eval.results import Comparison, Estimate, Results
from lib.eval.statistics import (
    CANNOT_TELL,
    NUM_RESAMPLES,
    Interval,
    Sample,
    exact_p,
    holm,
    intervals,
    make_sample,
    num_differing,
    questions_needed,
    turned,
    verdict,
)
from lib.records import Score

HEADLINE = "exact_match"
STRICT = "_strict"  # exact_match_strict: exact_match, unscored counted as 0

Where = tuple[str, str, str]  # model, condition, metric
Values = dict[str, float | None]  # question id → value; None = unscored


def clusters_of(questions: Iterable[EvalQuestion]) -> dict[str, str]:
    """Question id → its cluster: the oracle chunk, or the question itself if none is known."""
    return {question.id: question.oracle.id or question.id for question in questions}


def summarise(
    scores: Iterable[Score],
    clusters: Mapping[str, str],
    *,
    models: Sequence[str],
    headline_metric: str = HEADLINE,
    strict: Collection[str] = (HEADLINE,),
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> Results:
    """Every figure with its interval, and the first model against each of the others.

    An estimate is the mean of the scored replies; `unscored` counts the others. A comparison is of
    the questions for which both models have a value. The headline comparisons, among which p is
    corrected (Holm), are those of headline_metric with each other model, under all conditions
    except distractors_only.

    Args:
        clusters: question id → cluster id, of `clusters_of`.
        models: the first is compared with the others. Others that scores name (the retriever) get
            estimates and no comparison.
        strict: metrics that are summed up again as "<metric>_strict", unscored counted as 0.
    """
    table = _table(scores, clusters, strict)
    samples = [_sample(values, clusters) for values in table.values()]
    pairs = _pairs(table, clusters, models)
    found = intervals(
        [*samples, *(pair.sample for pair in pairs)], seed=seed, num_resamples=num_resamples
    )
    first = [
        place
        for place, pair in enumerate(pairs)
        if pair.where[2] == headline_metric and pair.where[1] != DISTRACTORS_ONLY
    ]
    p_holm = dict(zip(first, holm([pairs[place].p for place in first]), strict=True))
    comparisons = [
        _comparison(pair, interval, p_holm.get(place, math.nan), num_headline=len(first))
        for place, (pair, interval) in enumerate(zip(pairs, found[len(samples) :], strict=True))
    ]
    return Results(
        models=tuple(models),
        conditions=tuple(dict.fromkeys(condition for _, condition, _ in table)),
        estimates=[
            _estimate(where, table[where], sample, interval)
            for where, sample, interval in zip(table, samples, found, strict=False)
        ],
        comparisons=comparisons,
        headline=[comparisons[place] for place in first],
    )


def _table(
    scores: Iterable[Score], clusters: Mapping[str, str], strict: Collection[str]
) -> dict[Where, Values]:
    """The values of each figure, in the order of `clusters`, which resamples depend on."""
    table: dict[Where, Values] = {}
    for score in scores:
        values = table.setdefault((score.model, score.condition, score.metric), {})
        if score.question_id in values:
            raise ValueError(f"a second score like {score}")
        if score.question_id not in clusters:
            raise ValueError(f"question {score.question_id!r} has scores, and is in no cluster")
        values[score.question_id] = score.value
    rank = {question: place for place, question in enumerate(clusters)}
    found: dict[Where, Values] = {}
    for (model, condition, metric), values in table.items():
        ordered = {question: values[question] for question in sorted(values, key=rank.__getitem__)}
        found[model, condition, metric] = ordered
        if metric in strict:
            found[model, condition, metric + STRICT] = {q: v or 0.0 for q, v in ordered.items()}
    return found


def _sample(values: Values, clusters: Mapping[str, str]) -> Sample:
    scored = {question: value for question, value in values.items() if value is not None}
    return make_sample([*scored.values()], [clusters[question] for question in scored])


def _estimate(where: Where, values: Values, sample: Sample, interval: Interval) -> Estimate:
    unscored = [*values.values()].count(None)
    return Estimate(
        *where,
        n=len(values) - unscored,
        unscored=unscored,
        value=sample.mean,
        low=interval.low,
        high=interval.high,
        method=interval.method,
    )


# --- pairs of models -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pair:
    where: Where
    against: str
    values: list[tuple[float, float]]  # of the questions that both models have a value for
    sample: Sample  # of their differences

    @property
    def p(self) -> float:
        binary = all(value in (0, 1) for pair in self.values for value in pair)
        return exact_p(self.sample.totals.tolist(), binary=binary)


def _pairs(
    table: Mapping[Where, Values], clusters: Mapping[str, str], models: Sequence[str]
) -> list[_Pair]:
    pairs = []
    for where, mine in table.items():
        for against in models[1:] if where[0] == models[0] else ():
            if theirs := table.get((against, *where[1:])):
                both = {
                    question: (value, other)
                    for question, value in mine.items()
                    if value is not None and (other := theirs.get(question)) is not None
                }
                differences = [value - other for value, other in both.values()]
                sample = make_sample(differences, [clusters[q] for q in both], paired=True)
                pairs.append(_Pair(where, against, [*both.values()], sample))
    return pairs


def _comparison(pair: _Pair, interval: Interval, p_holm: float, *, num_headline: int) -> Comparison:
    """p_holm is NaN unless it is a headline comparison."""
    model, condition, metric = pair.where
    n, difference, differing = len(pair.values), pair.sample.mean, num_differing(pair.sample)
    against_value = sum(other for _, other in pair.values) / n if n else math.nan
    word = verdict(interval.low, interval.high, num_differing=differing, p_holm=p_holm)
    needed = questions_needed(
        *(difference, interval.low, interval.high),
        n=n,
        num_differing=differing,
        num_tests=1 if math.isnan(p_holm) else num_headline,
    )
    return Comparison(
        model=model,
        against=pair.against,
        condition=condition,
        metric=metric,
        n=n,
        value=sum(value for value, _ in pair.values) / n if n else math.nan,
        against_value=against_value,
        difference=difference,
        low=interval.low,
        high=interval.high,
        won=sum(value > other for value, other in pair.values),
        lost=sum(value < other for value, other in pair.values),
        p=pair.p,
        p_holm=p_holm,
        verdict=turned(word) if metric in LOWER_IS_BETTER else word,
        questions_needed=needed if word == CANNOT_TELL else None,
        ratio=difference / against_value if n and against_value else None,
    )
