"""How models were asked, what the questions share with training, what the verdict leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lib.eval.conditions import is_retrieved
from lib.eval.leakage import KINDS, Leakage, example
from lib.eval.metrics import REFUSED_RIGHTLY
from lib.eval.models import EvalModel
from lib.eval.questions import PEOPLE, EvalQuestion, count_provenance
from lib.eval.report.page import Table, show, table_of
from lib.eval.results import Results
from lib.eval.statistics import MIN_CLUSTERS, NUM_RESAMPLES
from lib.eval.summaries import HEADLINE, clusters_of
from lib.eval.verdict import main_condition, main_metric
from lib.eval.wording import NONE
from lib.prompts.student import Prompt

if TYPE_CHECKING:
    from IPython.display import HTML

_COUNTED_BY = (HEADLINE, REFUSED_RIGHTLY)  # one of them has every reply, scored or not
_REPLIES_NOTE = (
    "Unscored replies hold neither a final answer nor a refusal. They are in no mean, are counted "
    "here, and count as wrong in the strict figures. A refusal where the question has an answer is "
    "wrong."
)


def show_method(
    results: Results,
    questions: Sequence[EvalQuestion],
    asked: Sequence[EvalModel],
    *,
    seed: int = 0,
) -> HTML:
    """Who was asked what and how, how the intervals are computed, and what stays open."""
    return show(
        "method.html.j2",
        results=results,
        main=main_condition(results) if results.conditions else "",
        metric=main_metric(results),
        asked=asked,
        num_questions=len(questions),
        num_chunks=len(set(clusters_of(questions).values())),
        provenance=count_provenance(questions),
        prompts=[_prompt(prompt) for prompt in dict.fromkeys(model.prompt for model in asked)],
        replies=_replies(results),
        num_resamples=NUM_RESAMPLES,
        min_clusters=MIN_CLUSTERS,
        seed=seed,
        from_teacher=any(question.provenance != PEOPLE for question in questions),
        retrieves=any(map(is_retrieved, results.conditions)),
    )


def _prompt(prompt: Prompt) -> tuple[str, str]:
    """Its name, and the messages as they are sent with placeholders for what differs."""
    messages = prompt.messages("{question}", ["{document 1}", "{document 2}", "…"])
    return prompt.name, "\n\n".join(f"[{m['role']}]\n{m['content']}" for m in messages)


def _replies(results: Results) -> Table | None:
    if not results.models or not results.conditions:
        return None
    rows = [
        {"Model": model} | {c: _num_replies(results, model, c) for c in results.conditions}
        for model in results.models
    ]
    return Table("Replies", table_of(rows, "Model"), _REPLIES_NOTE)


def _num_replies(results: Results, model: str, condition: str) -> str:
    found = [results.estimate(model, condition, metric) for metric in _COUNTED_BY]
    one = next((estimate for estimate in found if estimate), None)
    if one is None:
        return NONE
    return f"{one.n + one.unscored:,}" + (f"\n{one.unscored:,} unscored" if one.unscored else "")


# --- shared with training ------------------------------------------------------------------------


def show_leakage(leakage: Leakage) -> HTML:
    """For each kind how many questions it concerns, of how many, and the first of them."""
    rows = []
    for kind, meaning in KINDS.items():
        found = leakage.of(kind)
        total = leakage.num_with_oracle if kind == "chunks" else leakage.num_questions
        first = example(found[0]) if found else ""
        verdict = "allowed by name" if found else "none"
        rows.append(_row(f"{kind}\n{meaning}\n{first}", len(found), total, verdict))
    alone, total = leakage.num_shared_answers, leakage.num_questions
    name = "answer alone\nsome training question has this answer"
    rows.append(_row(name, alone, total, "no leak"))
    caption = f"Shared with the {leakage.num_rows:,} rows of training and validation"
    return show("tables.html.j2", one=Table(caption, table_of(rows, "Shared")))


def _row(name: str, count: int, total: int, verdict: str) -> dict[str, str]:
    return {"Shared": name, "Questions": f"{count:,} of {total:,}", "Verdict": verdict}
