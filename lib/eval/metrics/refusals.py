"""Refusals: which are right, and how often a given answer is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lib.records import Answer, Score

# The two conditions without the answer: no documents, and none that holds it.
CLOSED_BOOK, DISTRACTORS_ONLY = "closed_book", "distractors_only"

REFUSED_RIGHTLY = "refused_rightly"  # in distractors_only, 0 or 1: more is better
REFUSED_WRONGLY = "refused_wrongly"  # with the oracle in context, 0 or 1: less is better


def no_answer(answer: Answer) -> str:
    """Why a reply is unscored: it holds neither a final answer nor a refusal. "" = it is scored."""
    if answer.refused or answer.final_answer is not None:
        return ""
    return "cut at the token limit" if answer.finish_reason == "length" else "no final answer"


def rate(part: int, whole: int) -> float | None:
    """part / whole; None (n/a) of nothing, which is neither 0 nor infinity."""
    return part / whole if whole else None


@dataclass(frozen=True)
class Refusals:
    """The 2 × 2 of replies: refused or answered, rightly or wrongly."""

    refused_rightly: int  # no document held the answer
    answered_wrongly: int  # no document held it, and yet there is an answer
    refused_wrongly: int  # a document held it
    answered_rightly: int  # a document held it, and there is an answer: a right or a wrong one
    unscored: int = 0  # neither a final answer nor a refusal: in no rate

    @property
    def precision(self) -> float | None:
        """Of the refusals, the share that was right."""
        return rate(self.refused_rightly, self.refused_rightly + self.refused_wrongly)

    @property
    def recall(self) -> float | None:
        """Of the questions to refuse, the share that was refused."""
        return rate(self.refused_rightly, self.refused_rightly + self.answered_wrongly)

    @property
    def over_refusal(self) -> float | None:
        """Of the questions whose answer was there to read, the share that was refused."""
        return rate(self.refused_wrongly, self.refused_wrongly + self.answered_rightly)


def count_refusals(answers: Iterable[Answer]) -> Refusals:
    """The 2 × 2 of these answers; of one model, under one condition or several.

    Without `closed_book`, where the prompt asks for the model's own knowledge. Where retrieval
    missed, a refusal counts as right, as in distractors_only.
    """
    read = [answer for answer in answers if answer.condition != CLOSED_BOOK]
    scored = [answer for answer in read if not no_answer(answer)]
    cells = Counter((answer.refused, answer.oracle_in_context) for answer in scored)
    return Refusals(
        refused_rightly=cells[True, False],
        answered_wrongly=cells[False, False],
        refused_wrongly=cells[True, True],
        answered_rightly=cells[False, True],
        unscored=len(read) - len(scored),
    )


@dataclass(frozen=True)
class Precision:
    """How likely an answer is right where one is given: right of answered."""

    right: int
    answered: int

    @property
    def value(self) -> float | None:
        return rate(self.right, self.answered)


def count_precision(
    answers: Sequence[Answer], scores: Iterable[Score], *, metric: str
) -> Precision:
    """Right answers among the answered questions; `metric` (0 or 1) says which are right.

    Numerator and denominator count answered questions only: those with a value in `metric` and no
    refusal. RAFT's recipes publish LLMScore / (1 - refusals / total) instead, which mixes shares of
    different questions: (54 / 71) / (1 - 6 / 72) = 82.97%, where 54 of 65 answered are 83.08%.
    """
    values = {(s.model, s.condition, s.question_id): s.value for s in scores if s.metric == metric}
    given = [
        value
        for answer in answers
        if not answer.refused
        and (value := values.get((answer.model, answer.condition, answer.question_id))) is not None
    ]
    return Precision(right=sum(value == 1 for value in given), answered=len(given))
