"""Where answers are lost: each answer belongs to exactly one class."""

from collections.abc import Iterable, Sequence

from lib.eval.conditions import DISTRACTORS_ONLY
from lib.eval.metrics.scoring import QUOTES_IN_ORACLE, no_answer
from lib.eval.results import HEADLINE
from lib.records import Answer, Score

RIGHT = "right"
FORMAT = "format"  # neither a final answer nor a refusal
RETRIEVAL_MISSED = "retrieval missed"  # no document holds the answer; a closed book has none
WRONG_REFUSAL = "wrong refusal"  # a document holds it
WRONG_QUOTE = "wrong quote"  # a document holds it, and every quote is of something else
WRONG_ANSWER = "wrong answer"  # a document holds it, a quote is of it or there is none
LOSSES = (RIGHT, RETRIEVAL_MISSED, WRONG_QUOTE, WRONG_ANSWER, WRONG_REFUSAL, FORMAT)
RIGHT_FROM = 0.5  # an answer is right from this value of the metric on: of F1 half, of others all


def outcomes(
    answers: Sequence[Answer], scores: Iterable[Score], *, metric: str = HEADLINE
) -> list[str]:
    """One of LOSSES an answer, in their order; `metric` is the one that decides.

    In `distractors_only` a refusal is right, and an answer a wrong answer.
    """
    values = {(s.model, s.condition, s.question_id, s.metric): s.value for s in scores}
    found = []
    for answer in answers:
        where = answer.model, answer.condition, answer.question_id
        right = (values.get((*where, metric)) or 0) >= RIGHT_FROM
        misquoted = values.get((*where, QUOTES_IN_ORACLE)) == 0
        found.append(_outcome(answer, right=right, misquoted=misquoted))
    return found


def _outcome(answer: Answer, *, right: bool, misquoted: bool) -> str:
    refuse = answer.condition == DISTRACTORS_ONLY
    if answer.refused if refuse else (right and not answer.refused):
        return RIGHT
    if no_answer(answer):
        return FORMAT
    if refuse:
        return WRONG_ANSWER
    if not answer.oracle_in_context:
        return RETRIEVAL_MISSED
    if answer.refused:
        return WRONG_REFUSAL
    return WRONG_QUOTE if misquoted else WRONG_ANSWER


def decompose(
    answers: Sequence[Answer], scores: Iterable[Score], *, metric: str = HEADLINE
) -> dict[tuple[str, str], dict[str, int]]:
    """(model, condition) → how many answers of each of LOSSES; they add up to its answers."""
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for answer, outcome in zip(answers, outcomes(answers, scores, metric=metric), strict=True):
        counts.setdefault((answer.model, answer.condition), dict.fromkeys(LOSSES, 0))[outcome] += 1
    return counts
