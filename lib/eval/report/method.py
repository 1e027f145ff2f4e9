"""How models were asked and judged, what the questions share with training, what stays open."""

from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from lib.eval.conditions import is_retrieved, setting_of
from lib.eval.judge.grading import JUDGE_METRICS, Judge, unparsed_counts
from lib.eval.leakage import KINDS, Leakage, example
from lib.eval.metrics.scoring import REFUSED_RIGHTLY
from lib.eval.models import STUDENT, EvalModel, endpoint_of
from lib.eval.questions import EVAL_SPLIT, HELD_OUT, PEOPLE, UNKNOWN, EvalQuestion
from lib.eval.report.page import HTML, show
from lib.eval.results import Results
from lib.eval.statistics.clustered import MIN_CLUSTERS, NUM_RESAMPLES, wilson_interval
from lib.eval.wording import called
from lib.prompts.student import PLAIN_PROMPT
from lib.prompts.verdicts import UNPARSED
from lib.records import Score
from lib.state import read_state

_PROVENANCE = {  # 140 …; the others read well behind a number
    EVAL_SPLIT: "of the eval split",
    HELD_OUT: "on held-out documents",
    "unknown": "of unknown origin",
}
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
    provenance = Counter(question.provenance or "unknown" for question in questions)
    return show(
        "method.html.j2",
        results=results,
        asked=asked,
        num_questions=len(questions),
        num_chunks=len({q.oracle.id for q in questions if q.oracle != UNKNOWN}),
        provenance={_PROVENANCE.get(name, name): n for name, n in provenance.most_common()},
        prompts={
            prompt.name: prompt.messages("{question}", ["{document 1}", "{document 2}", "…"])
            for prompt in prompts
        },
        served=_served(asked),
        num_resamples=NUM_RESAMPLES,
        min_clusters=MIN_CLUSTERS,
        seed=seed,
        from_teacher=any(question.provenance != PEOPLE for question in questions),
        student=STUDENT in {model.role for model in asked},
        plain=[called(model.role) for model in asked if model.prompt is PLAIN_PROMPT],
        judged=any(one.metric in JUDGE_METRICS for one in results.estimates),
        settings=any(map(setting_of, results.conditions)),
        refusals=any(one.metric == REFUSED_RIGHTLY for one in results.secondary),
        lower_bound=any(map(is_retrieved, results.conditions))
        and any(question.oracle != UNKNOWN for question in questions),
    )


def _served(asked: Sequence[EvalModel]) -> dict[str, str]:
    """Role → the engine of 3_deploy that answered, and what it ignores."""
    states = {model.role: read_state(model.run_name) for model in asked if model.run_name}
    found = {role: state.get(f"{role.upper()}_SERVED_BY", "") for role, state in states.items()}
    return {role: by for role, by in found.items() if by}


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
