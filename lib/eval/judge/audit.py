"""The judge against people: on the same answers, how often do they agree?"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill, shorten
from typing import Any

from lib.agreement import cohens_kappa
from lib.eval.judge.grading import Judge, applicable, ask_judge
from lib.eval.statistics.clustered import wilson_interval
from lib.prompts.verdicts import FIELDS, JUDGED
from lib.reading.tables import read_table, shown, text_value
from lib.settings import SetupError, expanded

FEWEST_ROWS = 20
_LABELS = {
    **dict.fromkeys(("yes", "y", "true", "1"), True),
    **dict.fromkeys(("no", "n", "false", "0"), False),
}
_COLUMNS = "question, reference, answer, label (yes or no)"


@dataclass(frozen=True)
class LabelledAnswer:
    """One row of the file."""

    row: int  # from 1; a CSV's header is not counted
    question: str
    reference: str
    answer: str
    correct: bool  # people's label


def audit(judge: Judge | None, labels_file: str | Path) -> str:
    """Ask the judge about answers that people have labelled; their agreement, as text.

    One request per answer holds all metrics that need no documents, as in an evaluation. The result
    is evidence for this judge, these prompts and answers like these, and for nothing else.
    """
    if judge is None:
        raise SetupError(
            "There is no judge to check. Set JUDGE_OPENAI_BASE_URL, JUDGE_OPENAI_DEPLOYMENT and "
            "JUDGE_OPENAI_API_KEY in .env."
        )
    labels = read_labels(labels_file)
    fields = applicable(FIELDS, documents=())
    ask_about = judge.prompts.grade
    requests = [
        ask_about(fields, question=one.question, reference=one.reference, answer=one.answer)
        for one in labels
    ]
    verdicts = ask_judge(judge, requests)
    graded = [(one, grades["correct"]) for one, grades in zip(labels, verdicts, strict=True)]
    pairs = [(one.correct, grade.value == 1) for one, grade in graded if grade.value is not None]
    mild, strict = pairs.count((False, True)), pairs.count((True, False))
    kappa = cohens_kappa([people for people, _ in pairs], [said for _, said in pairs])
    same = rate(len(pairs) - mild - strict, len(pairs))
    lines = [
        f"Judge {judge.settings.deployment} against people, on {len(labels)} answers",
        f"  Same verdict: {same} (95% interval); {len(labels) - len(pairs)} unread",
        f"  Kappa: {kappa}; 1 = they always agree, 0 = as often as by chance",
        f"  The judge alone says yes: {mild}; people alone say yes: {strict}",
    ]
    for one, grade in graded:
        if grade.value not in (None, float(one.correct)):
            people, said = ("yes", "no") if one.correct else ("no", "yes")
            why = grade.explanation.removeprefix(JUDGED)
            lines += [f"Row {one.row}: people {people}, judge {said}: {_short(one.question)}"]
            about = {"reference": one.reference, "answer": one.answer, "judge": why}
            lines += [f"  {name}: {_short(text)}" for name, text in about.items()]
    return "\n".join(fill(line, 100, subsequent_indent="    ") for line in lines)


def rate(count: int, n: int) -> str:
    """`18 of 20 = 90% (70–97%)`: the 95% interval is Wilson's."""
    if not n:
        return "none"
    low, high = wilson_interval(count, n)
    return f"{count} of {n} = {100 * count / n:.0f}% ({100 * low:.0f}–{100 * high:.0f}%)"


def _short(text: str) -> str:
    return shorten(text, 200, placeholder=" …")


def read_labels(path: str | Path) -> list[LabelledAnswer]:
    """`question,reference,answer,label⏎Who lit the lamp?,the keeper,a keeper,yes` → its rows.

    A table of any form that lib/reading/tables.py reads; other columns are ignored.
    """
    path = expanded(path)
    names = ("question", "reference", "answer", "label")
    rows = read_table(path, _row, names=names, columns=_COLUMNS)
    if len(rows) < FEWEST_ROWS:
        raise SetupError(
            f"{path} holds {len(rows)} labelled answers, and an audit of the judge needs "
            f"{FEWEST_ROWS} or more: with fewer, its intervals say nothing. Label more."
        )
    return rows


def _row(number: int, values: Mapping[str, Any]) -> LabelledAnswer:
    texts = {name: text_value(values, name) for name in ("question", "reference", "answer")}
    label = shown(values.get("label", "")).strip()
    if label.lower() not in _LABELS:
        raise ValueError(f"its label is {label[:40]!r}, not yes or no")
    return LabelledAnswer(row=number, correct=_LABELS[label.lower()], **texts)
