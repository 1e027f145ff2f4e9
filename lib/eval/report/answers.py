"""Questions, and answers side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lib.eval.conditions import Case
from lib.eval.models import PLAIN
from lib.eval.questions import UNKNOWN, EvalQuestion, holds_answer
from lib.eval.report.highlight import highlighted, marked
from lib.eval.report.page import show, show_note
from lib.eval.results import Results
from lib.eval.verdict import main_condition
from lib.records import Answer, Chunk, Score

if TYPE_CHECKING:
    from IPython.display import HTML
    from markupsafe import Markup

Values = Mapping[tuple[str, str, str], float | None]  # metric, model, question id → value


def show_questions(questions: Sequence[EvalQuestion], *, n: int = 3) -> HTML:
    """n questions spread over the list, with their gold answer and oracle, its evidence marked."""
    if not questions:
        return show_note("There is no question.")
    shown = questions[:: max(1, len(questions) // max(1, n))][:n]
    marks = [(one, marked(one.oracle.text, quotes=one.evidence)) for one in shown]
    return show("questions.html.j2", questions=marks)


# --- answers side by side ------------------------------------------------------------------------


def show_best_and_worst(
    answers: Sequence[Answer],
    scores: Sequence[Score],
    questions: Sequence[EvalQuestion],
    cases: Sequence[Case],
    results: Results,
    *,
    num_each: int = 3,
) -> HTML:
    """The answers that gained most and lost most against the baseline's, with their documents.

    Ordered by the difference in F1, then exact match, then question id; unscored counts as 0 in
    this ordering alone. Where fewer gained (or lost) than num_each, only those are shown.
    """
    model, against = next(iter(results.models), ""), results.against
    if not against or not results.conditions:
        return show_note("Only one model was evaluated: there is nothing to set beside it.")
    where = main_condition(results)
    values = {(s.metric, s.model, s.question_id): s.value for s in scores if s.condition == where}
    replies = {(a.model, a.question_id): a for a in answers if a.condition == where}
    asked = {question.id: question for question in questions}
    shown = {case.question_id: case for case in cases if case.condition == where}
    gains = _gains(values, model, against)
    parts = []
    for title, sign in (("gained", 1), ("lost", -1)):
        ids = [i for i, gain in gains.items() if (sign * gain[0], sign * gain[1]) > (0, 0)]
        ids.sort(key=lambda i: (-sign * gains[i][0], -sign * gains[i][1], i))
        pairs = []
        for i in ids[:num_each]:
            of_models = [replies[m, i] for m in results.models if (m, i) in replies]
            pairs.append(
                _pair(asked[i], shown[i], of_models, values, against) | {"f1_gain": gains[i][0]}
            )
        parts.append({"title": title, "count": len(ids), "pairs": pairs})
    return show("answers.html.j2", parts=parts, first=model, against=against, condition=where)


def _gains(values: Values, model: str, against: str) -> dict[str, tuple[float, float]]:
    """Question id → (difference in F1, difference in exact match), of those that both have."""

    def gain(metric: str, question_id: str) -> float:
        mine = values.get((metric, model, question_id)) or 0.0
        return round(mine - (values.get((metric, against, question_id)) or 0.0), 9)

    ids = [i for metric, who, i in values if (metric, who) == ("f1", model)]
    return {i: (gain("f1", i), gain("exact_match", i)) for i in ids if ("f1", against, i) in values}


def _pair(
    question: EvalQuestion, case: Case, replies: Sequence[Answer], values: Values, against: str
) -> dict[str, Any]:
    """In front the first model, the one it is compared with, and that with its plain prompt."""
    in_front = (replies[0].model, against, against + PLAIN)
    shown = [_reply(answer, values) for answer in replies]
    return {
        "question": question,
        "front": [one for one in shown if one["model"] in in_front],
        "others": [one for one in shown if one["model"] not in in_front],
        "num_documents": len(case.chunks),
        "documents": _documents(question, case, replies),
    }


def _reply(answer: Answer, values: Values) -> dict[str, Any]:
    if answer.refused:
        outcome = "refused"
    elif answer.final_answer is None:
        outcome = "no final answer: unscored"
    elif values.get(("exact_match", answer.model, answer.question_id)) == 1:
        outcome = "right"
    else:
        outcome = "wrong by exact match"
    return {"model": answer.model, "outcome": outcome, "text": highlighted(answer.text)}


def _documents(
    question: EvalQuestion, case: Case, replies: Sequence[Answer]
) -> list[tuple[Chunk, str, Markup]]:
    """(chunk, its role, its text): those that hold the answer first, then in the prompt's order."""
    quotes = list(dict.fromkeys(quote for reply in replies for quote in reply.quotes))

    def document(chunk: Chunk, role: str) -> tuple[Chunk, str, Markup]:
        gold = question.evidence if chunk.document_id == question.oracle.document_id else ()
        return chunk, role, marked(chunk.text, quotes=quotes, gold=gold)

    helpful, others = [], []
    if question.oracle != UNKNOWN and question.oracle not in case.chunks:
        role = "the oracle, which was not among the documents"
        helpful.append(document(question.oracle, role))
    for place, chunk in enumerate(case.chunks, 1):
        role = f"document {place} of {len(case.chunks)}"
        if holds_answer(chunk, question):
            role += ", the oracle" if chunk == question.oracle else ", holds the answer"
            helpful.append(document(chunk, role))
        else:
            others.append(document(chunk, role))
    return helpful + others
