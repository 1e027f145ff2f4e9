"""How models were asked and judged, what the questions share with training, what stays open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lib.eval.conditions import is_retrieved
from lib.eval.judge import JUDGE_METRICS, Judge, unparsed_counts
from lib.eval.leakage import KINDS, Leakage, example
from lib.eval.models import EvalModel, endpoint_of
from lib.eval.questions import PEOPLE, EvalQuestion, count_provenance
from lib.eval.report.page import show
from lib.eval.results import Results
from lib.eval.statistics import MIN_CLUSTERS, NUM_RESAMPLES, wilson_interval
from lib.eval.summaries import clusters_of
from lib.prompts.verdicts import UNPARSED
from lib.records import Score

if TYPE_CHECKING:
    from IPython.display import HTML

MANY_UNREAD = 0.05  # of a model's verdicts: a warning is shown


def show_method(
    results: Results,
    questions: Sequence[EvalQuestion],
    asked: Sequence[EvalModel],
    *,
    seed: int = 0,
) -> HTML:
    """Who was asked what and how, how the intervals are computed, and what stays open."""
    prompts = dict.fromkeys(model.prompt for model in asked)
    return show(
        "method.html.j2",
        results=results,
        asked=asked,
        num_questions=len(questions),
        num_chunks=len(set(clusters_of(questions).values())),
        provenance=count_provenance(questions),
        prompts={
            prompt.name: prompt.messages("{question}", ["{document 1}", "{document 2}", "…"])
            for prompt in prompts
        },
        num_resamples=NUM_RESAMPLES,
        min_clusters=MIN_CLUSTERS,
        seed=seed,
        from_teacher=any(question.provenance != PEOPLE for question in questions),
        retrieves=any(map(is_retrieved, results.conditions)),
    )


def show_leakage(leakage: Leakage) -> HTML:
    """For each kind how many questions it concerns, of how many, and the first of them."""
    rows = []
    for kind, meaning in KINDS.items():
        found = leakage.of(kind)
        total = leakage.num_with_oracle if kind == "chunks" else leakage.num_questions
        rows.append((kind, meaning, len(found), total, example(found[0]) if found else ""))
    return show("leakage.html.j2", leakage=leakage, rows=rows)


def show_judge(judge: Judge | None, scores: Sequence[Score], asked: Sequence[EvalModel]) -> HTML:
    """The judge's model and host, its unread verdicts by metric and model, and warnings.

    Without a judge: one sentence that says so, and how to set one.

    Raises:
        SetupError: a model of `asked` has no endpoint, which says what it is called there.
    """
    if judge is None:
        return show("judge.html.j2", judge=None)
    counts = unparsed_counts(scores)
    examples: dict[str, str] = {}  # model → why a verdict on it could not be read
    for score in scores:
        if score.metric in JUDGE_METRICS and score.explanation.startswith(UNPARSED):
            examples.setdefault(score.model, score.explanation.removeprefix(UNPARSED))
    return show(
        "judge.html.j2",
        judge=judge.name,
        host=urlsplit(judge.settings.base_url).netloc.rpartition("@")[2],  # no user, no password
        models=list(dict.fromkeys(model for model, _ in counts)),
        metrics=[name for name in JUDGE_METRICS if any(metric == name for _, metric in counts)],
        unread={key: (*count, *wilson_interval(*count)) for key, count in counts.items()},
        many=any(unread > MANY_UNREAD * asked_for for unread, asked_for in counts.values()),
        examples=examples,
        own=[model.name for model in asked if endpoint_of(model).deployment == judge.name],
    )
