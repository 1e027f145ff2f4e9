"""Scores → results: an estimate for each figure, a comparison for each pair of models."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lib.eval.conditions import by_first_setting, setting_of
from lib.eval.metrics import LOWER_IS_BETTER, NO_ANSWER, REFUSED_RIGHTLY, RETRIEVER
from lib.eval.questions import EvalQuestion
from lib.eval.results import Comparison, Estimate, Primary, Results
from lib.eval.statistics import (
    ALPHA,
    CANNOT_TELL,
    Interval,
    Sample,
    exact_p,
    holm,
    intervals,
    make_sample,
    questions_needed,
    tested,
    turned,
    verdict,
)
from lib.records import Score

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
    primary: Primary,
    seed: int = 0,
) -> Results:
    """Every figure with its interval, and the first model against each of the others.

    The first model and the retriever are also compared with themselves: under each other retrieval
    setting against the first one.

    An estimate is the mean of the scored replies; `unscored` counts the others. A comparison is of
    the questions for which both models have a value. The primary comparison is tested alone at 5%,
    the secondary ones together (Holm); each interval has the level of its test. All others are not
    tested: they have a 95% interval and no verdict.

    Args:
        clusters: of `clusters_of`.
        models: others that scores name (the retriever) are not compared with models.
    """
    scores = list(scores)
    table = _table(scores, clusters)
    samples = [_sample(values, clusters) for values in table.values()]
    pairs = _tested(_pairs(table, clusters, models), primary)
    found = intervals([*samples, *(pair.sample for pair in pairs)], seed=seed)
    silent = [score for score in scores if score.explanation in NO_ANSWER]
    no_answer = Counter((score.model, score.condition, score.metric) for score in silent)
    return Results(
        models=tuple(models),
        conditions=tuple(dict.fromkeys(condition for _, condition, _ in table)),
        estimates=[
            _estimate(where, table[where], interval, no_answer[where])
            for where, interval in zip(table, found, strict=False)
        ],
        comparisons=[*map(_comparison, pairs, found[len(samples) :])],
        primary=primary,
    )


def _table(scores: Iterable[Score], clusters: Mapping[str, str]) -> dict[Where, Values]:
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
    return {
        where: {question: values[question] for question in sorted(values, key=rank.__getitem__)}
        for where, values in table.items()
    }


def _sample(values: Values, clusters: Mapping[str, str]) -> Sample:
    scored = {question: value for question, value in values.items() if value is not None}
    return make_sample([*scored.values()], [clusters[question] for question in scored])


def _estimate(where: Where, values: Values, interval: Interval, no_answer: int) -> Estimate:
    scored = [value for value in values.values() if value is not None]
    n, unscored = len(scored), len(values) - len(scored)
    low, high, method = interval.low, interval.high, interval.method
    return Estimate(*where, n, unscored, _mean(scored), low, high, method, no_answer)


def _mean(values: Sequence[float]) -> float:
    """The same to the last bit in any order: one figure of one thing, in every table."""
    return math.fsum(values) / len(values) if values else math.nan


@dataclass(frozen=True)
class _Pair:
    where: Where
    against: Where
    values: list[tuple[float, float]]  # of the questions that both have a value for
    sample: Sample  # of their differences
    p: float = math.nan
    p_holm: float = math.nan


def _pairs(
    table: Mapping[Where, Values], clusters: Mapping[str, str], models: Sequence[str]
) -> list[_Pair]:
    pairs = []
    for where, mine in table.items():
        model, condition, metric = where
        others = [(other, condition, metric) for other in models[1:] if model == models[0]]
        if setting_of(condition) and model in (models[0], RETRIEVER):
            others.append((model, by_first_setting(condition), metric))
        for against in others:
            if theirs := table.get(against):
                both = {
                    question: (value, other)
                    for question, value in mine.items()
                    if value is not None and (other := theirs.get(question)) is not None
                }
                differences = [value - other for value, other in both.values()]
                sample = make_sample(differences, [clusters[q] for q in both], paired=True)
                pairs.append(_Pair(where, against, [*both.values()], sample))
    return pairs


def _tested(pairs: Sequence[_Pair], primary: Primary) -> list[_Pair]:
    """The primary comparison alone, the secondary ones together; the others are not tested."""
    decides = (primary.against, primary.condition, primary.metric)
    metrics = (primary.metric, REFUSED_RIGHTLY)
    found = [
        replace(pair, p=exact_p(pair.sample.totals.tolist())) if pair.where[2] in metrics else pair
        for pair in pairs
    ]
    secondary = [
        place
        for place, pair in enumerate(found)
        if pair.where[2] in metrics and pair.against != decides
    ]
    corrected = holm([found[place].p for place in secondary])
    for place, (p_holm, level) in zip(secondary, corrected, strict=True):
        sample = replace(found[place].sample, level=level)
        found[place] = replace(found[place], p_holm=p_holm, sample=sample)
    return found


def _comparison(pair: _Pair, interval: Interval) -> Comparison:
    model, condition, metric = pair.where
    against, against_condition, _ = pair.against
    n, difference, bounds, word = len(pair.values), pair.sample.mean, interval, ""
    if not math.isnan(pair.p):
        p = pair.p if math.isnan(pair.p_holm) else pair.p_holm
        bounds = tested(interval, rejected=p < ALPHA)
        word = verdict(bounds)
    level = pair.sample.level
    needed = questions_needed(difference, interval.low, interval.high, n=n, level=level)
    return Comparison(
        model=model,
        against=against,
        condition=condition,
        metric=metric,
        n=n,
        value=_mean([value for value, _ in pair.values]),
        against_value=_mean([other for _, other in pair.values]),
        difference=difference,
        low=bounds.low,
        high=bounds.high,
        coverage=1 - level,
        won=sum(value > other for value, other in pair.values),
        lost=sum(value < other for value, other in pair.values),
        p=pair.p,
        p_holm=pair.p_holm,
        verdict=turned(word) if metric in LOWER_IS_BETTER else word,
        questions_needed=needed if word == CANNOT_TELL else None,
        against_condition=against_condition if against_condition != condition else "",
    )
