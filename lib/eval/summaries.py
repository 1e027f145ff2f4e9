"""Scores → results: an estimate for each figure, a comparison for each pair of models."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lib.eval.conditions import by_first_setting, setting_of
from lib.eval.metrics.scoring import LOWER_IS_BETTER, NO_ANSWER, REFUSED_RIGHTLY, RETRIEVER
from lib.eval.questions import EvalQuestion
from lib.eval.results import Comparison, Estimate, Primary, Results
from lib.eval.statistics import clustered, pairs
from lib.records import Score

Where = tuple[str, str, str]  # model, condition, metric
Values = dict[str, float]  # question id → value


def clusters_of(questions: Iterable[EvalQuestion]) -> dict[str, str]:
    """Question id → its cluster: the oracle chunk, or the question's text if none is known."""
    return {question.id: question.oracle.id or question.text for question in questions}


def summarise(
    scores: Iterable[Score],
    clusters: Mapping[str, str],
    *,
    models: Sequence[str],
    primary: Primary,
    seed: int = 0,
) -> Results:
    """Every figure with its interval, and the comparisons that `Results` describes.

    An estimate is the mean of the scored replies; `unscored` counts the others. A comparison is of
    the questions for which both models have a value. Each interval has the level of its test; of
    those that are not tested it is a 95% interval.

    Args:
        clusters: of `clusters_of`; resamples depend on their order.
        models: others that scores name (the retriever) are not compared with models.
    """
    scores = list(scores)
    table = _table(scores, clusters)
    samples = [
        clustered.make_sample([*values.values()], [clusters[question] for question in values])
        for values in table.values()
    ]
    compared = _pairs(table, clusters, models)
    _test(compared, primary)
    found = clustered.intervals([*samples, *(pair.sample for pair in compared)], seed=seed)
    unscored = Counter(_where(score) for score in scores if score.value is None)
    no_answer = Counter(_where(score) for score in scores if score.explanation in NO_ANSWER)
    return Results(
        models=tuple(models),
        conditions=tuple(dict.fromkeys(condition for _, condition, _ in table)),
        estimates=[
            Estimate(
                *(*where, len(values), unscored[where], _mean(values.values())),
                *(interval.low, interval.high, interval.method, no_answer[where]),
            )
            for (where, values), interval in zip(table.items(), found, strict=False)
        ],
        comparisons=[*map(_comparison, compared, found[len(samples) :])],
        primary=primary,
    )


def _where(score: Score) -> Where:
    return score.model, score.condition, score.metric


def _table(scores: Iterable[Score], clusters: Mapping[str, str]) -> dict[Where, Values]:
    """The scored values of each figure, in the order of `clusters`."""
    listed: dict[Where, dict[str, float | None]] = {}
    for score in scores:
        values = listed.setdefault(_where(score), {})
        if score.question_id in values:
            raise ValueError(f"a second score like {score}")
        if score.question_id not in clusters:
            raise ValueError(f"question {score.question_id!r} has scores, and is in no cluster")
        values[score.question_id] = score.value
    return {
        where: {id: value for id in clusters if (value := values.get(id)) is not None}
        for where, values in listed.items()
    }


def _mean(values: Collection[float]) -> float:
    """The same to the last bit in any order: one figure of one thing, in every table."""
    return math.fsum(values) / len(values) if values else math.nan


@dataclass
class _Pair:
    where: Where
    against: Where
    values: list[tuple[float, float]]  # of the questions that both have a value for
    sample: clustered.Sample  # of their differences
    p: float = math.nan
    p_holm: float = math.nan


def _pairs(
    table: Mapping[Where, Values], clusters: Mapping[str, str], models: Sequence[str]
) -> list[_Pair]:
    found = []
    for where, mine in table.items():
        model, condition, metric = where
        others = [(other, condition, metric) for other in models[1:] if model == models[0]]
        if setting_of(condition) and model in (models[0], RETRIEVER):
            others.append((model, by_first_setting(condition), metric))
        for against in filter(table.__contains__, others):
            theirs = table[against]
            both = {q: (value, theirs[q]) for q, value in mine.items() if q in theirs}
            differences = [value - other for value, other in both.values()]
            sample = clustered.make_sample(differences, [clusters[q] for q in both], paired=True)
            found.append(_Pair(where, against, [*both.values()], sample))
    return found


def _test(compared: Iterable[_Pair], primary: Primary) -> None:
    """The primary comparison alone, the secondary ones together; the others are not tested."""
    decides = (primary.against, primary.condition, primary.metric)
    tested = [pair for pair in compared if pair.where[2] in (primary.metric, REFUSED_RIGHTLY)]
    for pair in tested:
        pair.p = pairs.exact_p(pair.sample.totals.tolist())
    secondary = [pair for pair in tested if pair.against != decides]
    corrected = pairs.holm([pair.p for pair in secondary])
    for pair, (p_holm, level) in zip(secondary, corrected, strict=True):
        pair.p_holm, pair.sample = p_holm, replace(pair.sample, level=level)


def _comparison(pair: _Pair, interval: clustered.Interval) -> Comparison:
    model, condition, metric = pair.where
    against, against_condition, _ = pair.against
    n, difference, bounds, word = len(pair.values), pair.sample.mean, interval, ""
    if not math.isnan(pair.p):
        p = pair.p if math.isnan(pair.p_holm) else pair.p_holm
        bounds = pairs.tested(interval, rejected=p < clustered.ALPHA)
        word = pairs.verdict(bounds)
    level = pair.sample.level
    needed = pairs.questions_needed(difference, interval.low, interval.high, n=n, level=level)
    differ = (abs(pair.sample.totals) > clustered.TINY).sum()
    if needed and differ < clustered.MIN_CLUSTERS:  # no test shows anything in so few
        needed = max(needed, math.ceil(n * clustered.MIN_CLUSTERS / differ))
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
        verdict=pairs.turned(word) if metric in LOWER_IS_BETTER else word,
        questions_needed=needed if word == pairs.CANNOT_TELL else None,
        against_condition=against_condition if against_condition != condition else "",
    )
