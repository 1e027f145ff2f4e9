"""Every answer of a run on one page, which the reader's browser filters and searches."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lib.eval.metrics import QUOTES_IN_ORACLE, REFUSED_RIGHTLY
from lib.eval.metrics.losses import LOSSES, RIGHT_FROM, outcomes
from lib.eval.metrics.refusals import DISTRACTORS_ONLY
from lib.eval.report.answers import OUTCOME_NAMES, reply_of
from lib.eval.report.page import TEMPLATES, render
from lib.eval.results import Primary
from lib.eval.runs.answer_files import read_answers
from lib.eval.runs.results_files import read_results
from lib.records import Answer, Score
from lib.settings import write_text

ANSWERS_PAGE = "answers.html"
COMPARED = ("gained", "lost", "both right", "both wrong", "not compared")
_SCRIPT = Markup((TEMPLATES / "all_answers.js").read_text(encoding="utf-8"))

Row = Mapping[str, Any]  # of answers.parquet


def write_all_answers(
    run_dir: Path, report_page: str, *, title: str, facts: Mapping[str, str]
) -> int:
    """Write answers.html beside the report; returns how many answers it holds.

    A question under a condition has the replies of all models beside each other, and one of
    COMPARED: the first model against that of the primary comparison, by its metric or, where no
    document holds the answer, by right refusals.
    """
    rows, results = read_answers(run_dir), read_results(run_dir)
    metric, names = results.primary.metric, Answer.__dataclass_fields__
    answers = [
        Answer(**{name: row[name] for name in names} | {"quotes": tuple(row["quotes"])})
        for row in rows
    ]
    scores = [
        Score(row["question_id"], row["model"], row["condition"], name, row[name])
        for row in rows
        for name in (metric, QUOTES_IN_ORACLE)
        if name in row
    ]
    found = zip(rows, map(reply_of, answers, outcomes(answers, scores, metric=metric)), strict=True)
    cases: dict[tuple[str, str], list[tuple[Row, dict[str, Any]]]] = {}
    for row, reply in found:
        cases.setdefault((row["condition"], row["question_id"]), []).append((row, reply))
    shown: dict[str, list[dict[str, Any]]] = {name: [] for name in results.conditions}
    for (condition, _), of_case in cases.items():
        asked = [row for row, _ in of_case]
        compared = _compared(asked, results.models[0], results.primary)
        replies = [reply for _, reply in of_case]
        shown[condition].append({"row": asked[0], "compared": compared, "replies": replies})
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


def _compared(rows: Sequence[Row], first: str, primary: Primary) -> str:
    """One of COMPARED, of the replies to one question under one condition."""
    metric = REFUSED_RIGHTLY if rows[0]["condition"] == DISTRACTORS_ONLY else primary.metric
    values = {row["model"]: row.get(metric) for row in rows}
    mine, theirs = values.get(first), values.get(primary.against)
    if mine is None or theirs is None:
        return "not compared"
    if mine != theirs:
        return "gained" if mine > theirs else "lost"
    return "both right" if mine >= RIGHT_FROM else "both wrong"
