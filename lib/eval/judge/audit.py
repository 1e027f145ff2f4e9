"""The judge against people: on the same answers, how often does it say what they say?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.eval.judge.agreement import Kappa, Rate, cohen_kappa, rate
from lib.eval.judge.asking import Judge, ask_judge, demand_judge
from lib.eval.judge.bias import (
    LengthEffect,
    SelfPreference,
    length_effect,
    self_preference,
    self_preference_warnings,
)
from lib.eval.judge.grading import JUDGE_METRICS, applicable, judge_fields
from lib.eval.judge.labels import RATINGS, LabelledAnswer, read_labels
from lib.eval.judge.verdicts import Grade


@dataclass(frozen=True)
class Difference:
    """An answer on which the judge and people differ."""

    row: int
    question: str
    reference: str
    answer: str
    people: bool
    judge: bool
    why: str  # what the judge says


@dataclass(frozen=True)
class RatingAgreement:
    """The judge's and people's ratings of one field."""

    field: str
    n: int
    unscored: int
    same: Rate
    within_one: Rate
    mean_difference: float  # judge - people: above 0, it is the milder one; NaN of none
    kappa: Kappa  # quadratic weights


@dataclass(frozen=True)
class Audit:
    """How far this judge can be believed, as far as these answers tell."""

    judge: str
    n: int  # verdicts that could be read
    unscored: int  # and those that could not: in no figure below
    agreement: Rate
    kappa: Kappa
    both_yes: int
    both_no: int
    wrongly_yes: int  # the judge alone says yes
    wrongly_no: int
    differences: list[Difference]
    ratings: list[RatingAgreement]
    length: LengthEffect
    self_preference: SelfPreference | None  # None: the labels do not hold what it takes
    warnings: list[str]  # of models in the file that are the judge's own, or of its family


def audit(
    judge: Judge | None,
    labels_file: str | Path,
    *,
    metrics: Sequence[str] = JUDGE_METRICS,
    seed: int = 0,
) -> Audit:
    """Ask the judge about answers that people have judged, and compare.

    It is asked for the same metrics in one request as in an evaluation: name those that you
    evaluate with. What the file holds no human label for is asked and not compared.

    It shows how this judge, asked these prompts, does on answers like these. It cannot show that
    people are right, nor how the judge does on other subjects, languages or models; and 20 rows
    that agree by 90% are as well 70% or 97%: read the intervals.

    Raises:
        SetupError: there is no judge; the file has fewer than 20 rows or cannot be read; requests
            failed.
    """
    judge, rows = demand_judge(judge), read_labels(labels_file)
    grades = grade_labels(judge, rows, metrics=metrics)
    judged = [
        (row, bool(grade["correct"].value), grade["correct"].explanation)
        for row, grade in zip(rows, grades, strict=True)
        if grade["correct"].value is not None
    ]
    same = sum(row.correct == says for row, says, _ in judged)
    verdicts = [(row, says) for row, says, _ in judged]
    return Audit(
        judge=judge.name,
        n=len(judged),
        unscored=len(rows) - len(judged),
        agreement=rate(same, len(judged)),
        kappa=cohen_kappa(
            [int(row.correct) for row, _ in verdicts], [int(v) for _, v in verdicts], seed=seed
        ),
        both_yes=sum(row.correct and says for row, says in verdicts),
        both_no=sum(not row.correct and not says for row, says in verdicts),
        wrongly_yes=sum(not row.correct and says for row, says in verdicts),
        wrongly_no=sum(row.correct and not says for row, says in verdicts),
        differences=[
            Difference(row.row, row.question, row.reference, row.answer, row.correct, says, why)
            for row, says, why in judged
            if row.correct != says
        ],
        ratings=_compare_ratings(rows, grades, seed=seed),
        length=length_effect(verdicts),
        self_preference=self_preference(judge.name, verdicts),
        warnings=self_preference_warnings(judge.name, {row.model: row.model for row in rows}),
    )


def grade_labels(
    judge: Judge, rows: Sequence[LabelledAnswer], *, metrics: Sequence[str]
) -> list[dict[str, Grade]]:
    """What the judge says of each row; `correct` is always asked.

    Raises:
        SetupError: requests failed.
    """
    fields = judge_fields(("judge_correct", *metrics))
    requests = []
    for row in rows:
        documents = (row.document,) if row.document else ()
        wanted = applicable(fields, documents)
        requests.append(
            judge.prompts.grade(
                wanted,
                question=row.question,
                reference=row.reference,
                answer=row.answer,
                documents=documents if "groundedness" in wanted else (),
            )
        )
    return ask_judge(judge, requests)


def _compare_ratings(
    rows: Sequence[LabelledAnswer], grades: Sequence[dict[str, Grade]], *, seed: int
) -> list[RatingAgreement]:
    compared = []
    for field in RATINGS:
        pairs: list[tuple[int, Any]] = [
            (row.ratings[field], grade[field].value)
            for row, grade in zip(rows, grades, strict=True)
            if field in row.ratings and field in grade
        ]
        if not pairs:
            continue
        read = [(people, int(judge)) for people, judge in pairs if judge is not None]
        steps = [judge - people for people, judge in read]
        compared.append(
            RatingAgreement(
                field=field,
                n=len(read),
                unscored=len(pairs) - len(read),
                same=rate(sum(step == 0 for step in steps), len(read)),
                within_one=rate(sum(abs(step) <= 1 for step in steps), len(read)),
                mean_difference=sum(steps) / len(steps) if steps else math.nan,
                kappa=cohen_kappa([p for p, _ in read], [j for _, j in read], seed=seed),
            )
        )
    return compared
