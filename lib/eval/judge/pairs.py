"""Two answers compared by the judge, in both orders: which is better, and does the order matter?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lib.eval.judge.asking import Judge, ask_judge
from lib.eval.judge.verdicts import Grade
from lib.eval.metrics.refusals import DISTRACTORS_ONLY, no_answer
from lib.eval.questions import EvalQuestion
from lib.eval.statistics import wilson_interval
from lib.prompts.judge import Asked
from lib.records import Answer, Score
from lib.text import one_line


@dataclass(frozen=True)
class Pair:
    """The judge's comparison of two models' answers to one question under one condition."""

    question_id: str
    condition: str
    first: str  # model
    second: str
    value: float | None  # 1 = the first is better, 0.5 = a tie, 0; mean of both orders; None: –
    orders: tuple[float, ...] = ()  # of the first shown first, then of it shown second
    explanation: str = ""

    @property
    def score(self) -> Score:
        """As a metric of the first model: 0.5 is no preference."""
        metric = f"judge_prefers_over_{self.second}"
        return Score(
            self.question_id, self.first, self.condition, metric, self.value, self.explanation
        )


def judge_pairs(
    judge: Judge | None,
    answers: Sequence[Answer],
    questions: Sequence[EvalQuestion],
    *,
    first: str,
    second: str,
    condition: str = "",
) -> list[Pair]:
    """Each question that both models answered, in the first model's order; [] without a judge.

    Under one condition, or ("") all of them but `distractors_only`: the reference is no right
    reply there.

    The judge sees the reference and the final answers (a refusal: its sentence), once in each
    order. A pair's value is the mean of both: 1, 0.5 and 0 where they agree; 0.5 where the judge
    took what stood in one place both times; 0.75 and 0.25 where it was a tie in one order only.

    The same answer twice is a tie and not sent. The pair is unscored (None) if one reply has no
    final answer, or a verdict of either order cannot be read.

    Raises:
        SetupError: as judge_answers.
    """
    if judge is None:
        return []
    asked_of = {question.id: question for question in questions}
    of_second = {(a.question_id, a.condition): a for a in answers if a.model == second}
    requests: list[Asked] = []
    plans: list[Pair | tuple[Pair, int]] = []
    for mine in answers:
        theirs = of_second.get((mine.question_id, mine.condition))
        if mine.model != first or theirs is None or mine.condition == DISTRACTORS_ONLY:
            continue
        if condition and mine.condition != condition:
            continue
        question = asked_of[mine.question_id]
        known = _without_asking(mine, theirs)
        plans.append(known if known.explanation else (known, len(requests)))
        if not known.explanation:
            requests += _both_orders(judge, question, _said(mine), _said(theirs))
    verdicts = [verdict["better"] for verdict in ask_judge(judge, requests)]
    return [
        plan if isinstance(plan, Pair) else _judged(plan[0], *verdicts[plan[1] : plan[1] + 2])
        for plan in plans
    ]


def _said(answer: Answer) -> str:
    return answer.final_answer or answer.text


def _without_asking(mine: Answer, theirs: Answer) -> Pair:
    """The pair with its value and why; without an explanation it must be asked."""
    value, why = None, ""
    if unscored := [answer for answer in (mine, theirs) if no_answer(answer)]:
        why = "; ".join(f"{answer.model}: {no_answer(answer)}" for answer in unscored)
    elif (mine.refused and theirs.refused) or one_line(_said(mine)) == one_line(_said(theirs)):
        value, why = 0.5, "both refused" if mine.refused else "the same answer"
    return Pair(mine.question_id, mine.condition, mine.model, theirs.model, value, explanation=why)


def _both_orders(judge: Judge, question: EvalQuestion, mine: str, theirs: str) -> list[Asked]:
    return [
        judge.prompts.pair(question=question.text, reference=question.answer, first=a, second=b)
        for a, b in ((mine, theirs), (theirs, mine))
    ]


def _judged(pair: Pair, shown_first: Grade, shown_second: Grade) -> Pair:
    unread = [g.explanation for g in (shown_first, shown_second) if g.value is None]
    if shown_first.value is None or shown_second.value is None:
        return replace(pair, explanation="; ".join(dict.fromkeys(unread)))
    orders = (shown_first.value, 1 - shown_second.value)
    why = f"{shown_first.explanation} · other order: {shown_second.explanation}"
    return replace(pair, value=sum(orders) / 2, orders=orders, explanation=why)


# --- figures -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PairFigures:
    """What the pairs say together; intervals are 95% (Wilson).

    `consistency` is the share of pairs in which both orders gave the same winner, or a tie twice.
    What it lacks is noise or a liking for a place; `shown_first` tells them apart: of all verdicts
    that named a winner, the share that took the one shown first, 0.5 of a judge without a liking.
    Its interval counts both orders of a pair as two: read it as a hint.
    """

    n: int  # pairs with a value
    unscored: int
    value: float | None  # their mean: 0.5 = no preference; None of no pair
    won: int  # by the first model: both orders taken together
    tied: int
    lost: int
    asked: int  # pairs that were sent and read, in both orders
    consistent: int
    consistency_low: float
    consistency_high: float
    named: int  # verdicts that named a winner
    shown_first: int
    shown_first_low: float
    shown_first_high: float

    @property
    def consistency(self) -> float | None:
        return self.consistent / self.asked if self.asked else None


def pair_figures(pairs: Sequence[Pair]) -> PairFigures:
    """Of one condition, or of several together."""
    values = [pair.value for pair in pairs if pair.value is not None]
    both = [pair.orders for pair in pairs if pair.orders]
    consistent = sum(one == other for one, other in both)
    # In the second order it is the other model that was shown first.
    took_first = [v for one, other in both for v in (one, 1 - other) if v != 0.5]
    shown_first = sum(v == 1 for v in took_first)
    consistency = wilson_interval(consistent, len(both))
    place = wilson_interval(shown_first, len(took_first))
    return PairFigures(
        n=len(values),
        unscored=len(pairs) - len(values),
        value=sum(values) / len(values) if values else None,
        won=sum(value > 0.5 for value in values),
        tied=sum(value == 0.5 for value in values),
        lost=sum(value < 0.5 for value in values),
        asked=len(both),
        consistent=consistent,
        consistency_low=consistency[0],
        consistency_high=consistency[1],
        named=len(took_first),
        shown_first=shown_first,
        shown_first_low=place[0],
        shown_first_high=place[1],
    )
