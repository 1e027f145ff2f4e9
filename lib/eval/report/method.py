"""How models were asked and judged, what the questions share with training, what it cost."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from lib.endpoints import PREFIXES, endpoint_settings
from lib.engine.ledger import Ledger
from lib.engine.prices import Cost, Prices, costs, load_prices
from lib.engine.transport import LOCAL_HOSTS
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
from lib.records import Answer, Score
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
    states = {model.role: read_state(model.run_name) for model in asked if model.run_name}
    engines = {role: state.get(f"{role.upper()}_SERVED_BY", "") for role, state in states.items()}
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
            for prompt in dict.fromkeys(model.prompt for model in asked)
        },
        served={role: engine for role, engine in engines.items() if engine},
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
    deployment, counts = judge.settings.deployment, unparsed_counts(scores)
    examples: dict[str, str] = {}  # model → why a verdict on it could not be read
    for score in scores:
        if score.metric in JUDGE_METRICS and score.explanation.startswith(UNPARSED):
            examples.setdefault(score.model, score.explanation.removeprefix(UNPARSED))
    return show(
        "judge.html.j2",
        judge=deployment,
        host=urlsplit(judge.settings.base_url).netloc.rpartition("@")[2],  # no user, no password
        models=list(dict.fromkeys(model for model, _ in counts)),
        metrics=[name for name in JUDGE_METRICS if any(metric == name for _, metric in counts)],
        unread={key: (*count, *wilson_interval(*count)) for key, count in counts.items()},
        many=any(unread > MANY_UNREAD * asked_for for unread, asked_for in counts.values()),
        examples=examples,
        own=[model.name for model in asked if endpoint_of(model).deployment == deployment],
    )


# --- what it took --------------------------------------------------------------------------------


def answer_usage(answers: Sequence[Answer]) -> Any:
    """A row (pandas) for each model: n, p50_s, p95_s, mean prompt_tokens and completion_tokens."""
    import pandas as pd

    by_model = pd.DataFrame(map(vars, answers)).groupby("model", sort=False)
    return by_model.agg(
        n=("latency_s", "size"),
        p50_s=("latency_s", "median"),
        p95_s=("latency_s", lambda seconds: seconds.quantile(0.95)),
        prompt_tokens=("prompt_tokens", "mean"),
        completion_tokens=("completion_tokens", "mean"),
    )


def cost_of(
    model: EvalModel, *, prompt_tokens: float, completion_tokens: float, prices: Prices
) -> float | None:
    """The cost of an answer of so many tokens, as if nothing was cached; None: no price is known.

    A model without a price costs nothing if it is served on this machine.
    """
    settings = endpoint_settings(model.role, model.run_name)
    if settings is None:
        return None
    if price := prices.of(settings.deployment):
        return price.of(prompt_tokens, completion_tokens)
    return 0.0 if urlsplit(settings.base_url).hostname in LOCAL_HOSTS else None


def show_latency_and_cost(answers: Sequence[Answer], asked: Sequence[EvalModel]) -> HTML:
    """Seconds, tokens and cost of an answer of each model, over all conditions."""
    prices = load_prices()
    rows = []
    for name, used in answer_usage(answers).iterrows():
        tokens = used[["prompt_tokens", "completion_tokens"]].to_dict()
        found = [cost_of(model, **tokens, prices=prices) for model in asked if model.name == name]
        rows.append((name, used, next(iter(found), None)))
    return show("latency.html.j2", rows=rows, prices=prices)


def ledger_costs(prices: Prices | None = None) -> list[Cost]:
    """What each role has asked of each model, in every run so far."""
    prices = prices or load_prices()
    with closing(Ledger()) as ledger:
        used = ledger.usage_by_model()
    order = {role: place for place, role in enumerate(PREFIXES)}
    return sorted(
        costs(used, prices), key=lambda one: (order.get(one.role, len(order)), one.role, one.model)
    )


def show_cost() -> HTML:
    """Requests, tokens and cost of each role and model, of every run so far."""
    prices = load_prices()
    return show("cost.html.j2", costs=ledger_costs(prices), prices=prices)
