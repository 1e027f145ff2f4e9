"""Answers side by side, as HTML that reads in light and dark."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lib.eval.questions import EvalQuestion, fold
from lib.eval.show_tables import STYLE
from lib.eval.tables import BASELINE, STUDENT, main_condition, signed
from lib.prompts import QUOTE_BEGIN, QUOTE_END
from lib.records import Answer, Score

if TYPE_CHECKING:
    import pandas
    from IPython.display import HTML


def show_questions(questions: Sequence[EvalQuestion], *, n: int = 3) -> HTML:
    """n questions spread over the list, with their gold answer and oracle, its evidence marked."""
    from IPython.display import HTML

    step = max(1, len(questions) // max(1, n))
    return HTML("\n".join([STYLE, *(_question(q) for q in questions[::step][:n])]))


def _question(question: EvalQuestion) -> str:
    text = html.escape(fold(question.oracle.text))
    for quote in question.evidence:
        text = text.replace(html.escape(quote), f"<mark>{html.escape(quote)}</mark>", 1)
    shown = f'<div class="ob-reply ob-oracle">{text}</div>' if text else ""
    return (
        f'<div class="ob-pair"><h4>{html.escape(question.text)}</h4>'
        f"<p><b>Right answer:</b> {html.escape(question.answer)} "
        f'<span class="ob-note">({html.escape(question.source)})</span></p>'
        f"{shown}</div>"
    )


def show_best_and_worst(
    answers: Sequence[Answer],
    scores: Sequence[Score],
    questions: Sequence[EvalQuestion],
    table: pandas.DataFrame,
    *,
    condition: str = "",
    num_each: int = 3,
) -> HTML:
    """The answers that gained most and lost most against the baseline's, side by side.

    Ordered by the difference in F1, then exact match, then question id; unscored counts as 0 in
    this ordering alone. Where fewer gained (or lost) than num_each, only those are shown.
    """
    from IPython.display import HTML

    condition = condition or main_condition(table)
    replies = {(a.model, a.question_id): a for a in answers if a.condition == condition}
    gains = _gains(scores, condition)
    by_id = {question.id: question for question in questions}
    best = sorted((i for i in gains if gains[i] > (0, 0)), key=lambda i: (_minus(gains[i]), i))
    worst = sorted((i for i in gains if gains[i] < (0, 0)), key=lambda i: (gains[i], i))
    parts = [STYLE]
    for title, ids in (("gained most", best), ("lost most", worst)):
        parts.append(f"<h3>Where the student {title} ({html.escape(condition)})</h3>")
        parts += [
            _pair(by_id[i], replies[STUDENT, i], replies[BASELINE, i], gains[i][0])
            for i in ids[:num_each]
        ]
        if not ids:
            parts.append("<p>No answer.</p>")
    return HTML("\n".join(parts))


def _gains(scores: Sequence[Score], condition: str) -> dict[str, tuple[float, float]]:
    """Question id → (difference in F1, difference in exact match), student minus baseline."""
    value = {
        (s.metric, s.model, s.question_id): s.value or 0.0
        for s in scores
        if s.condition == condition
    }

    def gain(metric: str, question_id: str) -> float:
        return value[metric, STUDENT, question_id] - value[metric, BASELINE, question_id]

    ids = dict.fromkeys(i for _, model, i in value if model == STUDENT)
    return {i: (round(gain("f1", i), 9), gain("exact_match", i)) for i in ids}


def _minus(pair: tuple[float, float]) -> tuple[float, float]:
    return -pair[0], -pair[1]


def _pair(question: EvalQuestion, student: Answer, baseline: Answer, gain: float) -> str:
    return (
        f'<div class="ob-pair"><h4>{html.escape(question.text)}</h4>'
        f"<p><b>Right answer:</b> {html.escape(question.answer)} "
        f'<span class="ob-note">({html.escape(question.source)}; '
        f"F1 {signed(gain)} points)</span></p>"
        f'<div class="ob-two">{_reply("Student", student)}{_reply("Baseline", baseline)}</div>'
        "</div>"
    )


def _reply(title: str, answer: Answer) -> str:
    if answer.refused:
        outcome = "refused"
    else:
        outcome = "unscored" if answer.final_answer is None else "answered"
    if not answer.oracle_in_context:
        outcome += ", the oracle was not among its documents"
    body = highlighted(answer.text) or "<i>an empty reply</i>"
    return (
        f'<div class="ob-{title.lower()}"><p><b>{title}</b> <span class="ob-note">({outcome})'
        f'</span></p><div class="ob-reply">{body}</div></div>'
    )


_ESCAPED_QUOTE = re.compile(
    f"({re.escape(QUOTE_BEGIN)})(.*?)({re.escape(QUOTE_END)})", re.IGNORECASE | re.DOTALL
)


def highlighted(text: str) -> str:
    """A reply as HTML: everything escaped, its quotes marked, the quote markers left visible."""
    return _ESCAPED_QUOTE.sub(r"<i>\1</i><mark>\2</mark><i>\3</i>", html.escape(text.strip()))
