"""Questions, and answers side by side."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from lib.eval.conditions import Case
from lib.eval.metrics.losses import FORMAT, outcomes
from lib.eval.questions import EvalQuestion, holds_answer
from lib.eval.report.page import HTML, show
from lib.eval.results import Results
from lib.prompts.student import QUOTE_BEGIN, QUOTE_END
from lib.records import Answer, Score
from lib.text import divided_at, find_quote, one_line

_QUOTE = re.compile(
    f"{re.escape(QUOTE_BEGIN)}(.*?){re.escape(QUOTE_END)}", re.IGNORECASE | re.DOTALL
)
OUTCOME_NAMES = {FORMAT: "no final answer"}  # of LOSSES, as shown; the others keep their names
Pieces = list[str]  # of a text: each second one is a quote


def show_questions(questions: Sequence[EvalQuestion], *, n: int = 3) -> HTML:
    """n questions spread over the list, with their gold answer and oracle, its evidence marked."""
    shown = questions[:: max(1, len(questions) // max(1, n))][:n]
    oracles = {
        one.id: marked(" ".join(chunk.text for chunk in one.oracles), one.evidence) for one in shown
    }
    return show("questions.html.j2", questions=shown, oracles=oracles)


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

    Gained and lost as in the primary comparison, by its metric; ordered by the difference in it,
    then in F1, then by question id.
    """
    first, against = next(iter(results.models), ""), results.primary.against
    where, metric = results.primary.condition, results.primary.metric
    values = {(s.metric, s.model, s.question_id): s.value for s in scores if s.condition == where}
    asked = {question.id: question for question in questions}
    shown = {case.question_id: case for case in cases if case.condition == where}
    replied = [answer for answer in answers if answer.condition == where]
    became = dict(zip(replied, outcomes(replied, scores, metric=metric), strict=True))

    def gain(name: str, i: str) -> float:
        mine, theirs = values.get((name, first, i)), values.get((name, against, i))
        return 0.0 if mine is None or theirs is None else mine - theirs

    gains = {i: (gain(metric, i), gain("f1", i)) for i in asked}
    parts = {}
    for title, sign in (("gained", 1), ("lost", -1)):
        changed = [i for i, (difference, _) in gains.items() if sign * difference > 0]
        changed.sort(key=lambda i: (*(-sign * difference for difference in gains[i]), i))
        pairs = []
        for i in changed[:num_each]:
            replies = [reply for reply in replied if reply.question_id == i]
            replies.sort(key=lambda reply: results.models.index(reply.model))
            pairs.append(
                {
                    "question": asked[i],
                    "gain": gains[i][1],
                    "replies": [reply_of(reply, became[reply]) for reply in replies],
                    "documents": _documents(asked[i], shown[i], replies),
                }
            )
        parts[title] = (len(changed), pairs)
    return show("answers.html.j2", parts=parts, first=first, primary=results.primary)


def reply_of(answer: Answer, outcome: str) -> dict[str, Any]:
    """A reply as it is shown; `outcome` is one of LOSSES."""
    return {
        "model": answer.model,
        "pieces": _QUOTE.split(answer.text.strip()),
        "outcome": OUTCOME_NAMES.get(outcome, outcome),
        "refused": answer.refused,
    }


def _documents(
    question: EvalQuestion, case: Case, replies: Sequence[Answer]
) -> list[dict[str, Any]]:
    """Those that hold the answer first, then in the prompt's order; place 0 = it was not shown."""
    missing = [(0, oracle) for oracle in question.oracles if oracle not in case.chunks]
    quotes = [*question.evidence, *(quote for reply in replies for quote in reply.quotes)]
    documents = [
        {
            "chunk": chunk,
            "place": place,
            "is_oracle": chunk in question.oracles,
            "holds_answer": holds_answer(chunk, question),
            "pieces": marked(chunk.text, quotes),
        }
        for place, chunk in [*missing, *enumerate(case.chunks, 1)]
    ]
    return sorted(documents, key=lambda one: not one["holds_answer"])


def marked(text: str, quotes: Iterable[str]) -> Pieces:
    """A text on one line, divided at the quotes that are verbatim in it."""
    text = one_line(text)
    return divided_at(text, [part for quote in quotes if (part := find_quote(quote, text))])
