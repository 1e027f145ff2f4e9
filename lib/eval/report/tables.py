"""The verdict, the figures, and what to try next, as HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple

from lib.eval import verdict
from lib.eval.conditions import CLOSED_BOOK, DISTRACTORS_ONLY, setting_of
from lib.eval.metrics.losses import RIGHT, RIGHT_FROM
from lib.eval.metrics.scoring import RETRIEVER, no_answer
from lib.eval.report.page import HTML, show
from lib.eval.results import HEADLINE, Estimate, Results
from lib.eval.statistics.clustered import intervals, make_sample
from lib.eval.statistics.pairs import CANNOT_TELL
from lib.eval.wording import METRIC_GROUPS, METRIC_NAMES, called, difference, points
from lib.progress import show_points
from lib.records import Answer, Score

SMALL = 0.05  # a loss below this share of the answers is not worth a parameter
_IN_TABLE = (HEADLINE, "f1")  # the metrics of show_table, beside the one that decides


def show_verdict(results: Results) -> HTML:
    """The claim in large, its figures, and the sentence of `verdict_of`."""
    one = results.deciding
    word = one.verdict if one and not verdict.falls_short(results) else CANNOT_TELL  # in the colour
    return show(
        "verdict.html.j2",
        kind=word.split()[0],  # "better", "worse", "cannot"
        claim=verdict.claim_of(results),
        sentence=verdict.verdict_of(results),
        one=one,
        plain=verdict.plain_comparison(results),
        primary=results.primary,
    )


def show_table(results: Results) -> HTML:
    """The metric that decides, exact match and F1: each model under each condition, and compared.

    And the retrieval settings beside each other, where there are several. `distractors_only`, where
    no answer is right, is in `show_metrics`.
    """
    metric = results.primary.metric
    scored = {one.condition for one in results.estimates if one.metric == metric}
    return show(
        "table.html.j2",
        results=results,
        conditions=[name for name in results.conditions if name in scored],
        settings=[name for name in results.conditions if name in scored and setting_of(name)],
        metrics=list(dict.fromkeys((metric, *_IN_TABLE))),
        retriever=RETRIEVER,
        cannot_tell=CANNOT_TELL,
    )


def show_metrics(results: Results) -> HTML:
    """Every other metric, grouped, a column a model: the verdict's condition, the others folded."""
    tables = {condition: _groups(results, condition) for condition in results.conditions}
    main = results.primary.condition
    return show(
        "metrics.html.j2",
        results=results,
        main=main,
        tables={main: tables.get(main, {}), **tables},  # the verdict's condition first
        retriever=RETRIEVER,
    )


def _groups(results: Results, condition: str) -> dict[str, list[str]]:
    """Title → the metrics that were measured under a condition."""
    found = (one.metric for one in results.estimates if one.condition == condition)
    known = [metric for metric in dict.fromkeys(found) if metric not in _IN_TABLE]
    groups = {
        title: [metric for metric in metrics if metric in known]
        for title, metrics in METRIC_GROUPS.items()
    }
    groups["Others"] = [metric for metric in known if metric not in METRIC_NAMES]
    return {title: metrics for title, metrics in groups.items() if metrics}


def show_refusals(
    answers: Sequence[Answer],
    scores: Sequence[Score],
    clusters: Mapping[str, str],
    results: Results,
    *,
    seed: int = 0,
) -> HTML:
    """Precision and recall of refusals, over-refusal, and right answers where it did not refuse.

    The first three over all conditions with documents; the last under the condition that decides,
    without refusals. A reply with neither an answer nor a refusal is wrong in all but the first.
    95% intervals resample whole chunks (`clusters`): one question is asked several times.
    """
    where, metric = results.primary.condition, results.primary.metric
    values = {
        (score.model, score.question_id): score.value
        for score in scores
        if (score.condition, score.metric) == (where, metric)
    }
    rows = []
    for model in results.models:
        own = [a for a in answers if a.model == model and a.condition != CLOSED_BOOK]
        answered = [a for a in own if a.condition == where and not a.refused]
        valued = [(a, values.get((model, a.question_id))) for a in answered]
        rates = (  # (answer, whether it is so), of those that are asked about
            [(a, not a.oracle_in_context) for a in own if a.refused],
            [(a, a.refused) for a in own if not a.oracle_in_context],
            [(a, a.refused or bool(no_answer(a))) for a in own if a.oracle_in_context],
            [(a, value >= RIGHT_FROM) for a, value in valued if value is not None],
        )
        samples = [
            make_sample([float(so) for _, so in rate], [clusters[a.question_id] for a, _ in rate])
            for rate in rates
        ]
        found = zip(rates, samples, intervals(samples, seed=seed), strict=True)
        estimates = [
            Estimate(model, where, metric, len(rate), 0, sample.mean, *astuple(interval))
            for rate, sample, interval in found
        ]
        rows.append((model, estimates, sum(bool(no_answer(a)) for a in own)))
    return show("refusals.html.j2", rows=rows, where=where)


# --- in words ------------------------------------------------------------------------------------


def show_learned(results: Results, losses: Mapping[tuple[str, str], Mapping[str, int]]) -> HTML:
    """The evaluation in three sentences: the claim, how far it carries, and the largest loss."""
    model, main = next(iter(results.models), ""), results.primary.condition
    counts = dict(losses.get((model, main), {}))
    total, right = sum(counts.values()), counts.pop(RIGHT, 0)
    most = max(counts, key=counts.__getitem__, default="")
    said = [f"{verdict.claim_of(results)}."]
    if one := results.deciding:
        said.append(
            f"The difference is {difference(one)} on {one.n:,} questions, and may be anything from "
            f"{points(one)}."
        )
    if total and most:
        said.append(
            f"Under {main} {called(model)} answers {right:,} of {total:,} rightly. Most of "
            f"the others, {counts[most]:,}, are lost to: {most}."
        )
    return show_points(*said)


def what_next(results: Results, losses: Mapping[tuple[str, str], Mapping[str, int]]) -> HTML:
    """Where the first model loses answers, the largest loss first, each with what may help.

    Under the condition of the verdict, and where it should refuse. Where the verdict cannot tell,
    what would settle it; where another retrieval setting is better, which.
    """
    model = next(iter(results.models), "")
    main = results.primary.condition
    found = []
    for condition in dict.fromkeys((main, DISTRACTORS_ONLY)):
        counts = losses.get((model, condition), {})
        total = sum(counts.values())
        for loss, count in counts.items():
            if loss != RIGHT and count > 0 and count >= SMALL * total:
                found.append((count / total, count, total, condition, loss))
    found.sort(key=lambda one: -one[0])
    unsure, better = verdict.settling(results), verdict.better_settings(results)
    values = {"model": model, "found": found, "better": better, "unsure": unsure, "small": SMALL}
    return show("advice.html.j2", **values)
