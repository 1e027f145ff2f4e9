"""How it was asked and reckoned, and what the verdict does not say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lib.eval.conditions import is_retrieved, meaning
from lib.eval.metrics import REFUSED_RIGHTLY
from lib.eval.models import EvalModel
from lib.eval.questions import PEOPLE, EvalQuestion, count_provenance
from lib.eval.report.markup import escaped, fold, group, note, page, row, table
from lib.eval.results import Results
from lib.eval.runs.runs import main_condition
from lib.eval.statistics import MIN_CLUSTERS, NUM_RESAMPLES
from lib.eval.summaries import HEADLINE, clusters_of
from lib.eval.verdict import main_metric
from lib.eval.wording import NONE, called, counted
from lib.prompts.student import Prompt

if TYPE_CHECKING:
    from IPython.display import HTML


def show_method(
    results: Results,
    questions: Sequence[EvalQuestion],
    asked: Sequence[EvalModel],
    *,
    seed: int = 0,
) -> HTML:
    """Who was asked what and how, how sure is reckoned, and what the verdict leaves open.

    Args:
        seed: of `load_questions` and `summarise`.
    """
    return page(
        "<h3>What was asked</h3>",
        _list([_questions(questions), _conditions(results), *_models(asked)]),
        *(_prompt(prompt) for prompt in dict.fromkeys(model.prompt for model in asked)),
        _answers_asked(results),
        "<h3>How sure</h3>",
        _list(_statistics(results, seed)),
        "<h3>What the verdict does not say</h3>",
        _list(_limits(results, questions)),
    )


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{sentence}</li>' for sentence in sentences)}</ul>"


# --- what was asked ------------------------------------------------------------------------------


def _questions(questions: Sequence[EvalQuestion]) -> str:
    found = count_provenance(questions)
    clusters = len(set(clusters_of(questions).values()))
    where = "; ".join(f"{count:,} {escaped(name)}" for name, count in found.items())
    return (
        f"{counted(len(questions), 'question')} on {counted(clusters, 'chunk')}"
        f"{f' ({where})' if where else ''}. Every model is asked the same ones."
    )


def _conditions(results: Results) -> str:
    if not results.conditions:
        return "No condition."
    said = "; ".join(f"{escaped(c)}: {escaped(meaning(c))}" for c in results.conditions)
    return (
        f"{counted(len(results.conditions), 'condition')} ({said}). The verdict is about "
        f"{escaped(main_condition(results))}, which is fixed before any result is seen: the middle "
        "of the retrieved conditions, else the oracle among distractors, else the last."
    )


def _models(asked: Sequence[EvalModel]) -> list[str]:
    names = "; ".join(f"{escaped(m.name)}: {escaped(m.prompt.name)}" for m in asked)
    return [
        f"{counted(len(asked), 'model')} ({names}). Documents and questions of a case are the same "
        "for all, at temperature 0. A baseline that was never taught the format may do better with "
        "a plain prompt, so it is asked both ways, and both are reported.",
    ]


def _prompt(prompt: Prompt) -> str:
    """The messages as they are sent, with names in place of what differs."""
    messages = prompt.messages("{question}", ["{document 1}", "{document 2}", "…"])
    shown = "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)
    return fold(
        f"The prompt: {escaped(prompt.name)}",
        f'<div class="ob-reply" tabindex="0">{escaped(shown)}</div>',
    )


_TELLING = (HEADLINE, REFUSED_RIGHTLY)  # one of them has every reply, scored or not


def _answers_asked(results: Results) -> str:
    head = ["Model", *map(escaped, results.conditions)]
    rows = []
    for model in results.models:
        cells = []
        for condition in results.conditions:
            found = [results.estimate(model, condition, metric) for metric in _TELLING]
            one = next((estimate for estimate in found if estimate), None)
            unscored = f" ({one.unscored:,} unscored)" if one and one.unscored else ""
            cells.append(f"{one.n + one.unscored:,}{unscored}" if one else NONE)
        rows.append(row(escaped(model), cells))
    if not rows or not results.conditions:
        return ""
    return table("Replies", head, [group(rows)]) + note(
        "Unscored replies hold neither a final answer nor a refusal. They are in no mean, are "
        "counted here, and count as wrong in the strict figures. A refusal where the question has "
        "an answer is wrong."
    )


# --- how sure ------------------------------------------------------------------------------------


def _statistics(results: Results, seed: int) -> list[str]:
    tests = counted(len(results.headline), "comparison")
    return [
        "Exact match and F1 by SQuAD’s rules: case, punctuation and articles do not count.",
        "Questions on one chunk rise and fall together, so intervals resample whole chunks: a BCa "
        f"bootstrap, {NUM_RESAMPLES:,} draws, seed {seed}. Rates with one question a "
        "chunk, and those where nearly all chunks agree, have Wilson’s. All are 95% intervals.",
        "Two models are compared on the questions that both have a value for: the mean difference "
        "with its interval, and an exact test (McNemar’s for right and wrong, else a sign test).",
        f"The headline is {tests}: {escaped(main_metric(results).replace('_', ' '))} of "
        f"{escaped(called(results.models[0])) if results.models else 'no model'} against every "
        "other model, under every condition where an answer is right. Their p are corrected "
        "together (Holm), so that 5% stands for the whole table.",
        "“Better” and “worse” need three things: an interval without 0, at least "
        f"{MIN_CLUSTERS} chunks that differ and, in the headline, a corrected p below 0.05. All "
        "else is “cannot tell”; the questions needed are those that would show a difference of "
        "the size seen four times in five.",
    ]


def _limits(results: Results, questions: Sequence[EvalQuestion]) -> list[str]:
    found = [
        "It is about these questions, these documents and these models as they were trained and "
        "served; another corpus needs its own evaluation. The seed of the training was not varied.",
        "Exact match asks for the words of the right answer: a right answer in other words counts "
        "as wrong, which hurts most a model that was never taught to be brief.",
        "The plain prompt is one that we wrote, not the best of many: another may serve the "
        "baseline better.",
        "The other conditions and metrics are there to explain the verdict. Among so many, some "
        "seem to differ by chance alone.",
    ]
    if any(question.provenance != PEOPLE for question in questions):
        found.append(
            "Questions and right answers of the evaluation split are the teacher’s, and so is the "
            "student’s schooling: it may have learnt the teacher’s ways with words beside its "
            "reading. Questions that people wrote (eval_file) do not have that fault."
        )
    if any(is_retrieved(condition) for condition in results.conditions):
        found.append(
            "Hit rates are a lower bound: another document that happens to hold the answer does "
            "not count."
        )
    if results.against == "":
        found.append("With one model alone nothing is compared.")
    return found
