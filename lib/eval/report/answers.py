"""Questions; answers side by side; every answer of a run on one page."""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lib.eval.conditions import DISTRACTORS_ONLY, Case
from lib.eval.metrics.losses import FORMAT, LOSSES, RIGHT_FROM, outcomes
from lib.eval.metrics.scoring import QUOTES_IN_ORACLE, REFUSED_RIGHTLY
from lib.eval.questions import EvalQuestion, holds_answer
from lib.eval.report.page import HTML, TEMPLATES, render, show
from lib.eval.results import Primary, Results
from lib.eval.runs.files import read_answers, read_results
from lib.prompts.student import QUOTE_BEGIN, QUOTE_END
from lib.records import Answer, Score
from lib.settings import write_text
from lib.text import divided_at, find_quote, one_line

ANSWERS_PAGE = "answers.html"
COMPARED = ("gained", "lost", "both right", "both wrong", "not compared")
OUTCOME_NAMES = {FORMAT: "no final answer"}  # of LOSSES, as shown; the others keep their names
_SCRIPT = Markup((TEMPLATES / "all_answers.js").read_text(encoding="utf-8"))
_QUOTE = re.compile(
    f"{re.escape(QUOTE_BEGIN)}(.*?){re.escape(QUOTE_END)}", re.IGNORECASE | re.DOTALL
)


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


def marked(text: str, quotes: Iterable[str]) -> list[str]:
    """A text on one line, divided at the quotes that are verbatim in it: each second piece."""
    text = one_line(text)
    return divided_at(text, [part for quote in quotes if (part := find_quote(quote, text))])


def write_all_answers(
    run_dir: Path, report_page: str, *, title: str, facts: Mapping[str, str]
) -> int:
    """Write answers.html beside the report; returns how many answers it holds.

    A question under a condition has the replies of all models beside each other, and one of
    COMPARED: the first model against that of the primary comparison, by its metric or, where no
    document holds the answer, by right refusals.
    """
    rows, results = read_answers(run_dir), read_results(run_dir)
    metric = results.primary.metric
    answers = [Answer(**{name: row[name] for name in Answer.__dataclass_fields__}) for row in rows]
    scores = [
        Score(row["question_id"], row["model"], row["condition"], name, row[name])
        for row in rows
        for name in (metric, QUOTES_IN_ORACLE)
        if name in row
    ]
    replies = map(reply_of, answers, outcomes(answers, scores, metric=metric))
    cases: dict[tuple[str, str], list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for row, reply in zip(rows, replies, strict=True):
        cases.setdefault((row["condition"], row["question_id"]), []).append((row, reply))
    shown: dict[str, list[dict[str, Any]]] = {name: [] for name in results.conditions}
    for (condition, _), of_case in cases.items():
        asked, said = zip(*of_case, strict=True)
        compared = _compared(asked, results.models[0], results.primary)
        shown[condition].append({"row": asked[0], "compared": compared, "replies": said})
    page = render(
        "all_answers.html.j2",
        title=f"All answers of {title}",
        facts=facts,
        report_page=report_page,
        results=results,
        shown=shown,
        num_answers=len(rows),
        compared=COMPARED,
        outcomes=[OUTCOME_NAMES.get(name, name) for name in LOSSES] + ["refused"],
        script=_SCRIPT,
        script_hash=b64encode(sha256(_SCRIPT.encode()).digest()).decode(),
    )
    write_text(run_dir / ANSWERS_PAGE, page)
    return len(rows)


def _compared(rows: Sequence[Mapping[str, Any]], first: str, primary: Primary) -> str:
    """One of COMPARED, of the replies to one question under one condition."""
    metric = REFUSED_RIGHTLY if rows[0]["condition"] == DISTRACTORS_ONLY else primary.metric
    values = {row["model"]: row.get(metric) for row in rows}
    mine, theirs = values.get(first), values.get(primary.against)
    if mine is None or theirs is None:
        return "not compared"
    if mine != theirs:
        return "gained" if mine > theirs else "lost"
    return "both right" if mine >= RIGHT_FROM else "both wrong"
