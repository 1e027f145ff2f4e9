"""Gates on all questions together: duplicates, near duplicates, questions with several answers,
and those that people ask to evaluate."""

from __future__ import annotations

from collections.abc import Sequence

from lib.duplicates import same_questions
from lib.gen.gates import Rejection
from lib.rag.embedder import Embedder
from lib.records import Question, Rejected
from lib.text import normalise, same_answer

_BLOCK = 512


def drop_ambiguous(questions: Sequence[Question]) -> tuple[list[Question], list[Rejected]]:
    """Keep the questions that have one answer in the whole collection.

    The same question with different answers is refused each time (gate "ambiguous"); of exact
    duplicates the first stays (gate "duplicate").
    """
    answers: dict[str, set[str]] = {}
    for question in questions:
        answers.setdefault(normalise(question.text), set()).add(normalise(question.answer))
    kept: list[Question] = []
    rejected: list[Rejected] = []
    seen: set[str] = set()
    for question in questions:
        key = normalise(question.text)
        if len(answers[key]) > 1:
            reason = f"the collection gives {len(answers[key])} different answers"
            rejected.append(Rejection("ambiguous", reason).of(question))
        elif key in seen:
            reason = "asked before, with the same answer"
            rejected.append(Rejection("duplicate", reason).of(question))
        else:
            seen.add(key)
            kept.append(question)
    return kept, rejected


def drop_evaluated(
    questions: Sequence[Question], evaluation: Sequence[str]
) -> tuple[list[Question], list[Rejected]]:
    """Keep the questions that the evaluation does not ask, or nearly (gate "evaluation").

    4_eval stops at those that a training row asks, too.
    """
    dropped = same_questions([question.text for question in questions], evaluation)
    rejected = [
        Rejection("evaluation", f"eval_file asks “{evaluation[place]}”").of(questions[number])
        for number, place in dropped.items()
    ]
    kept = [question for number, question in enumerate(questions) if number not in dropped]
    return kept, rejected


def drop_similar(
    questions: Sequence[Question], embedder: Embedder, *, max_similarity: float
) -> tuple[list[Question], list[Rejected]]:
    """Keep the first of questions that are alike and have one answer (gate "duplicate").

    Alike: a cosine above max_similarity. Questions on 2014 and on 2015 are alike too: the answer
    tells them apart.
    """
    if not questions:
        return [], []
    vectors = embedder.queries([question.text for question in questions])
    dropped: dict[int, int] = {}
    for start in range(0, len(questions), _BLOCK):
        block = vectors[start : start + _BLOCK] @ vectors.T
        rows, columns = (block > max_similarity).nonzero()
        for row, earlier in zip((rows + start).tolist(), columns.tolist(), strict=True):
            if earlier >= row or earlier in dropped or row in dropped:
                continue
            if same_answer(questions[row].answer, questions[earlier].answer):
                dropped[row] = earlier
    rejected = [
        Rejection("duplicate", f"asked before as “{questions[earlier].text}”").of(questions[row])
        for row, earlier in dropped.items()
    ]
    kept = [question for number, question in enumerate(questions) if number not in dropped]
    return kept, rejected
