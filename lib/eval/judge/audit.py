"""The judge against people: on the same answers, how often does it say what they say?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill, shorten
from typing import Any

from lib.eval.judge.agreement import Kappa, Rate, cohen_kappa, rate
from lib.eval.judge.asking import Judge, ask_judge
from lib.eval.judge.grading import applicable, judge_fields
from lib.eval.judge.labels import RATINGS, LabelledAnswer, read_labels
from lib.eval.statistics import exact_p
from lib.prompts.verdicts import JUDGED, Grade
from lib.settings import SetupError


@dataclass(frozen=True)
class Difference:
    """An answer on which the judge and people differ."""

    label: LabelledAnswer
    judge: bool
    why: str  # the judge's reason


@dataclass(frozen=True)
class RatingAgreement:
    """The judge's and people's ratings of one field."""

    field: str
    n: int
    unscored: int
    same: Rate
    within_one: Rate
    mean_difference: float  # judge - people: above 0, the judge is milder; NaN if n is 0
    kappa: Kappa  # quadratic weights


@dataclass(frozen=True)
class Audit:
    """How far these answers say that this judge can be believed."""

    judge: str
    n: int  # verdicts that could be read
    unscored: int  # verdicts that could not: they are in no figure below
    agreement: Rate
    kappa: Kappa
    both_yes: int
    both_no: int
    wrongly_yes: int  # the judge alone says yes
    wrongly_no: int
    differences: list[Difference]
    ratings: list[RatingAgreement]


def audit(judge: Judge | None, labels_file: str | Path) -> Audit:
    """Ask the judge about answers that people have judged, and compare.

    It is asked for the same metrics in one request as in an evaluation (the recipe's
    judge_metrics). Fields without a human label are asked and not compared.

    It shows how this judge, with these prompts, does on answers like these. It cannot show that
    people are right, nor how the judge does on other subjects, languages or models; and 20 rows
    that agree by 90% may as well be 70% or 97%: read the intervals.

    Raises:
        SetupError: there is no judge; the file has fewer than 20 rows or cannot be read; requests
            failed.
    """
    if judge is None:
        raise SetupError(
            "There is no judge to check. Set JUDGE_OPENAI_BASE_URL, JUDGE_OPENAI_DEPLOYMENT and "
            "JUDGE_OPENAI_API_KEY in .env."
        )
    labels = read_labels(labels_file)
    grades = _grade(judge, labels)
    judged = [
        (label, bool(grade["correct"].value), grade["correct"].explanation)
        for label, grade in zip(labels, grades, strict=True)
        if grade["correct"].value is not None
    ]
    pairs = [(label.correct, says) for label, says, _ in judged]
    return Audit(
        judge=judge.name,
        n=len(judged),
        unscored=len(labels) - len(judged),
        agreement=rate(sum(people == says for people, says in pairs), len(pairs)),
        kappa=cohen_kappa([int(people) for people, _ in pairs], [int(says) for _, says in pairs]),
        both_yes=pairs.count((True, True)),
        both_no=pairs.count((False, False)),
        wrongly_yes=pairs.count((False, True)),
        wrongly_no=pairs.count((True, False)),
        differences=[Difference(*one) for one in judged if one[0].correct != one[1]],
        ratings=[found for field in RATINGS if (found := _compare(field, labels, grades))],
    )


def _grade(judge: Judge, labels: Sequence[LabelledAnswer]) -> list[dict[str, Grade]]:
    """The judge's grades of each answer; `correct` is always asked."""
    fields = judge_fields(judge.recipe, always=("correct",))
    requests = []
    for label in labels:
        documents = (label.document,) if label.document else ()
        wanted = applicable(fields, documents)
        requests.append(
            judge.prompts.grade(
                wanted,
                question=label.question,
                reference=label.reference,
                answer=label.answer,
                documents=documents if "groundedness" in wanted else (),
            )
        )
    return ask_judge(judge, requests)


def _compare(
    field: str, labels: Sequence[LabelledAnswer], grades: Sequence[dict[str, Grade]]
) -> RatingAgreement | None:
    """None: no answer has a rating of this field by people and by the judge."""
    pairs: list[tuple[int, Any]] = [
        (label.ratings[field], grade[field].value)
        for label, grade in zip(labels, grades, strict=True)
        if field in label.ratings and field in grade
    ]
    if not pairs:
        return None
    read = [(people, int(judge)) for people, judge in pairs if judge is not None]
    steps = [judge - people for people, judge in read]
    return RatingAgreement(
        field=field,
        n=len(read),
        unscored=len(pairs) - len(read),
        same=rate(sum(step == 0 for step in steps), len(read)),
        within_one=rate(sum(abs(step) <= 1 for step in steps), len(read)),
        mean_difference=sum(steps) / len(steps) if steps else math.nan,
        kappa=cohen_kappa([people for people, _ in read], [judge for _, judge in read]),
    )


# --- as text -------------------------------------------------------------------------------------


def audit_text(found: Audit) -> str:
    """The figures with their intervals, then each answer on which judge and people differ."""
    return "\n".join(
        fill(line, 100, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2))
        for indent, line in _lines(found)
    )


def _lines(found: Audit) -> Iterator[tuple[int, str]]:
    """(indent, line)"""
    yield 0, f"Judge {found.judge} against people, on {found.n + found.unscored} answers"
    yield 2, f"Same verdict: {found.agreement} (95% interval); {found.unscored} unread"
    yield 2, f"Kappa: {_kappa(found.kappa)}; 1 = always alike, 0 = as often as by chance"
    yield 2, f"Both yes {found.both_yes}, both no {found.both_no}"
    errors = f"{found.wrongly_yes} times to yes, {found.wrongly_no} to no"
    yield 2, f"It errs: {errors}: {_leaning(found)}"
    for one in found.ratings:
        yield 2, _rating(one)
    if found.differences:
        yield 0, f"It differs from people on {len(found.differences)}:"
    for difference in found.differences:
        label = difference.label
        people, judge = ("yes" if says else "no" for says in (label.correct, difference.judge))
        yield 2, f"row {label.row}: people {people}, judge {judge}: {_short(label.question)}"
        yield 4, f"reference: {_short(label.reference)}"
        yield 4, f"answer: {_short(label.answer)}"
        yield 4, f"judge: {_short(difference.why.removeprefix(JUDGED))}"


def _leaning(found: Audit) -> str:
    """Which way the judge errs: the exact test of its errors to yes and to no (McNemar)."""
    yes, no = found.wrongly_yes, found.wrongly_no
    if exact_p([1] * yes + [-1] * no, binary=True) >= 0.05:
        return "too few or too even to say that it leans"
    return "it is too mild" if yes > no else "it is too strict"


def _kappa(kappa: Kappa) -> str:
    if math.isnan(kappa.low):
        return "n/a (people or the judge gave all answers one grade)"
    return f"{kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f})"


def _rating(one: RatingAgreement) -> str:
    if not one.n:
        return f"{one.field}: none of {one.unscored} ratings could be read"
    return (
        f"{one.field}: same {one.same}, within one {one.within_one}, judge - people "
        f"{one.mean_difference:+.2f}, kappa {_kappa(one.kappa)}, {one.unscored} unread"
    )


def _short(text: str) -> str:
    return shorten(text, 200, placeholder=" …")
