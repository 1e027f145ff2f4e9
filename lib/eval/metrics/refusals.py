"""Refusals, and replies that hold neither a final answer nor a refusal."""

from lib.records import Answer

# The two conditions without the answer: no documents, and none that holds it.
CLOSED_BOOK, DISTRACTORS_ONLY = "closed_book", "distractors_only"

REFUSED_RIGHTLY = "refused_rightly"  # in distractors_only, 0 or 1: more is better
REFUSED_WRONGLY = "refused_wrongly"  # with the oracle in context, 0 or 1: less is better

NO_ANSWER = ("no final answer", "cut at the token limit")  # explanations of a score: it is wrong


def no_answer(answer: Answer) -> str:
    """Why a reply is wrong in every metric: it neither answers nor refuses. "" = it does."""
    if answer.refused or answer.final_answer is not None:
        return ""
    return NO_ANSWER[answer.finish_reason == "length"]
