"""Refusals: which are right, and which replies hold neither an answer nor a refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from lib.records import Answer

# The two conditions without the answer: no documents, and none that holds it.
CLOSED_BOOK, DISTRACTORS_ONLY = "closed_book", "distractors_only"

REFUSED_RIGHTLY = "refused_rightly"  # in distractors_only, 0 or 1: more is better
REFUSED_WRONGLY = "refused_wrongly"  # with the oracle in context, 0 or 1: less is better


def no_answer(answer: Answer) -> str:
    """Why a reply is unscored: it holds neither a final answer nor a refusal. "" = it is scored."""
    if answer.refused or answer.final_answer is not None:
        return ""
    return "cut at the token limit" if answer.finish_reason == "length" else "no final answer"


@dataclass(frozen=True)
class Refusals:
    """The 2 × 2 of replies: refused or answered, rightly or wrongly."""

    refused_rightly: int  # no document held the answer
    answered_wrongly: int  # no document held it, and yet there is an answer
    refused_wrongly: int  # a document held it
    answered_rightly: int  # a document held it, and there is an answer: a right or a wrong one
    unscored: int = 0  # neither a final answer nor a refusal: in no rate


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
