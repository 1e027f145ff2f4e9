"""Questions, answers side by side, and what an answer takes: HTML for light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lib.engine.prices import load_prices
from lib.eval.conditions import Case, meaning
from lib.eval.models import PLAIN, EvalModel
from lib.eval.questions import UNKNOWN, EvalQuestion, holds_answer
from lib.eval.report.highlight import highlighted, marked
from lib.eval.report.markup import escaped, fold, group, note, page, row, table
from lib.eval.report.usage import AnswerUsage, answer_usage
from lib.eval.results import Results
from lib.eval.runs.runs import main_condition
from lib.eval.wording import NONE, called, counted, is_absent, signed
from lib.records import Answer, Chunk, Score

if TYPE_CHECKING:
    from IPython.display import HTML

Values = Mapping[tuple[str, str, str], float | None]  # metric, model, question id → value


def show_questions(questions: Sequence[EvalQuestion], *, n: int = 3) -> HTML:
    """n questions spread over the list, with their gold answer and oracle, its evidence marked."""
    if not questions:
        return page(note("There is no question."))
    step = max(1, len(questions) // max(1, n))
    return page(*(_question(question) for question in questions[::step][:n]))


def _question(question: EvalQuestion) -> str:
    shown = ""
    if text := marked(question.oracle.text, quotes=question.evidence):
        shown = f'<div class="ob-reply">{text}</div>'
    return f'<article class="ob-pair">{_asked(question, "h3")}{shown}</article>'


def _asked(question: EvalQuestion, heading: str, *, more: str = "") -> str:
    return (
        f"<{heading}>{escaped(question.text)}</{heading}><p><b>Right answer:</b> "
        f'{escaped(question.answer)} <span class="ob-note">({escaped(question.source)}{more})'
        "</span></p>"
    )


# --- answers side by side ------------------------------------------------------------------------


def show_best_and_worst(
    answers: Sequence[Answer],
    scores: Sequence[Score],
    questions: Sequence[EvalQuestion],
    cases: Sequence[Case],
    results: Results,
    *,
    condition: str = "",
    num_each: int = 3,
) -> HTML:
    """The answers that gained most and lost most against the baseline's, with their documents.

    Ordered by the difference in F1, then exact match, then question id; unscored counts as 0 in
    this ordering alone. Where fewer gained (or lost) than num_each, only those are shown.

    Args:
        condition: "" = the one of the verdict.
    """
    against = results.against
    if not against or not results.conditions:
        return page(note("Only one model was evaluated: there is nothing to set beside it."))
    condition = condition or main_condition(results)
    values = {
        (s.metric, s.model, s.question_id): s.value for s in scores if s.condition == condition
    }
    replies = {(a.model, a.question_id): a for a in answers if a.condition == condition}
    asked = {question.id: question for question in questions}
    shown = {case.question_id: case for case in cases if case.condition == condition}
    gains = _gains(values, results.models[0], against)
    parts = []
    for title, sign in (("gained", 1), ("lost", -1)):
        ids = [i for i, gain in gains.items() if (sign * gain[0], sign * gain[1]) > (0, 0)]
        ids.sort(key=lambda i: (-sign * gains[i][0], -sign * gains[i][1], i))
        where = f"{escaped(called(results.models[0]))} {title} most on {escaped(called(against))}"
        parts.append(f"<h3>Where {where}</h3>")
        parts.append(note(f"{counted(len(ids), 'answer')} {title}, under {escaped(condition)}."))
        for i in ids[:num_each]:
            of_models = {m: replies[m, i] for m in results.models if (m, i) in replies}
            said = f"; F1 {signed(gains[i][0])} points"
            parts.append(
                f'<article class="ob-pair">{_asked(asked[i], "h4", more=said)}'
                f"{_side_by_side(of_models, values, against)}"
                f"{_documents(asked[i], shown[i], list(of_models.values()))}</article>"
            )
    return page(*parts)


def _gains(values: Values, model: str, against: str) -> dict[str, tuple[float, float]]:
    """Question id → (difference in F1, difference in exact match), of those that both have."""

    def gain(metric: str, question_id: str) -> float:
        mine = values.get((metric, model, question_id)) or 0.0
        return round(mine - (values.get((metric, against, question_id)) or 0.0), 9)

    ids = [i for metric, who, i in values if (metric, who) == ("f1", model)]
    return {i: (gain("f1", i), gain("exact_match", i)) for i in ids if ("f1", against, i) in values}


def _side_by_side(replies: Mapping[str, Answer], values: Values, against: str) -> str:
    """The first model, the one it is compared with, that with its plain prompt; then the others."""
    first = next(iter(replies))
    front = [m for m in replies if m in (first, against, against + PLAIN)]
    others = [m for m in replies if m not in front]

    def columns(models: Sequence[str]) -> str:
        shown = (_reply(replies[m], values, first=m == first) for m in models)
        return f'<div class="ob-two">{"".join(shown)}</div>'

    return columns(front) + (fold("What the others replied", columns(others)) if others else "")


def _reply(answer: Answer, values: Values, *, first: bool) -> str:
    value = values.get(("exact_match", answer.model, answer.question_id))
    if answer.refused:
        outcome = "refused"
    elif answer.final_answer is None:
        outcome = "no final answer: unscored"
    else:
        outcome = "right" if value == 1 else "wrong by exact match"
    body = highlighted(answer.text) or "<i>an empty reply</i>"
    return (
        f'<div class="{"ob-first" if first else "ob-other"}"><p><b>{escaped(answer.model)}</b> '
        f'<span class="ob-note">({outcome})</span></p><div class="ob-reply">{body}</div></div>'
    )


def _documents(question: EvalQuestion, case: Case, replies: Sequence[Answer]) -> str:
    """Folded; those that hold the answer first, then in the prompt's order."""
    quotes = list(dict.fromkeys(quote for reply in replies for quote in reply.quotes))
    helps = [holds_answer(chunk, question) for chunk in case.chunks]
    order = sorted(range(len(case.chunks)), key=lambda place: not helps[place])
    items = []
    if question.oracle != UNKNOWN and question.oracle not in case.chunks:
        said = "the oracle, which was not among the documents"
        items.append(_document(question.oracle, said, quotes, question))
    for place in order:
        said = f"document {place + 1} of {len(case.chunks)}"
        if helps[place]:
            said += (
                ", the oracle" if case.chunks[place] == question.oracle else ", holds the answer"
            )
        items.append(_document(case.chunks[place], said, quotes, question))
    shown = counted(len(case.chunks), "document")
    return fold(
        f"{shown}, the oracle first",
        note("Marked: what a reply quotes. Underlined: where the answer stands."),
        f'<ul class="ob-documents">{"".join(items)}</ul>',
    )


def _document(chunk: Chunk, said: str, quotes: Sequence[str], question: EvalQuestion) -> str:
    gold = question.evidence if chunk.document_id == question.oracle.document_id else ()
    return (
        f"<li><b>{escaped(chunk.title)}</b>, page {chunk.page} "
        f'<span class="ob-note">({said})</span>'
        f'<div class="ob-reply">{marked(chunk.text, quotes=quotes, gold=gold)}</div></li>'
    )


# --- what an answer takes ------------------------------------------------------------------------


def show_latency_and_cost(answers: Sequence[Answer], asked: Sequence[EvalModel]) -> HTML:
    """Seconds, tokens and cost of an answer: each model over all conditions, then under each."""
    prices = load_prices()
    rows = answer_usage(answers, asked, prices=prices)
    head = ["Model", "Answers", "Median, s", "95th per&shy;centile, s", "Tokens in", "Tokens out"]
    head += [f"{escaped(prices.currency)} an answer", f"{escaped(prices.currency)} for 1,000"]

    def groups(conditions: Sequence[str]) -> list[str]:
        return [
            group(
                [_usage_row(one) for one in rows if one.condition == condition],
                title=f"{escaped(condition)}: {escaped(meaning(condition))}" if condition else "",
                columns=len(head),
            )
            for condition in conditions
        ]

    conditions = list(dict.fromkeys(one.condition for one in rows if one.condition))
    return page(
        table("What an answer takes, all conditions together", head, groups([""])),
        note(
            "Tokens: means. Latency as this evaluation saw it, with all its requests in flight; "
            "another machine has another. Cost: by prices.yaml of "
            f"{escaped(prices.as_of)}, nothing cached; “free” = served on this machine; “{NONE}” = "
            "prices.yaml has no price."
        ),
        *(
            [fold("Under each condition", table("What an answer takes", head, groups(conditions)))]
            if conditions
            else []
        ),
    )


def _usage_row(one: AnswerUsage) -> str:
    def figure(value: float, places: int) -> str:
        return NONE if is_absent(value) else f"{value:,.{places}f}"

    def money(times: int) -> str:
        if one.cost is None:
            return NONE
        return f"{times * one.cost:,.{5 if times == 1 else 2}f}" if one.cost else "free"

    cells = [f"{one.n:,}", figure(one.p50_s, 2), figure(one.p95_s, 2)]
    cells += [figure(one.prompt_tokens, 0), figure(one.completion_tokens, 0), money(1), money(1000)]
    return row(escaped(one.model), cells)
