"""Gates on all questions together: duplicates, near duplicates, questions with several answers,
and those that people ask to evaluate."""

from collections.abc import Mapping, Sequence

from lib.duplicates import same_questions
from lib.gen.gates import Rejection
from lib.rag.embedder import Embedder
from lib.records import Question, Rejected
from lib.text import normalise, same_answer

_BLOCK = 512


def drop_ambiguous(questions: Sequence[Question]) -> tuple[list[Question], list[Rejected]]:
    """Keep the questions that have one answer in the whole collection; of duplicates the first."""
    answers: dict[str, set[str]] = {}
    for question in questions:
        answers.setdefault(normalise(question.text), set()).add(normalise(question.answer))
    refused: dict[int, Rejection] = {}
    seen: set[str] = set()
    for place, question in enumerate(questions):
        key = normalise(question.text)
        if (count := len(answers[key])) > 1:
            reason = f"the collection gives {count} different answers"
            refused[place] = Rejection("ambiguous", reason)
        elif key in seen:
            refused[place] = Rejection("duplicate", "asked before, with the same answer")
        seen.add(key)
    return _without(questions, refused)


def drop_asked(
    questions: Sequence[Question], others: Sequence[str], *, gate: str, by: str
) -> tuple[list[Question], list[Rejected]]:
    """Keep the questions that `by` (its questions: `others`) does not ask, or nearly."""
    same = same_questions([question.text for question in questions], others)
    asked = ((place, f"{by} asks “{others[other]}”") for place, other in same.items())
    return _without(questions, {place: Rejection(gate, said) for place, said in asked})


def drop_similar(
    questions: Sequence[Question], embedder: Embedder, *, max_similarity: float
) -> tuple[list[Question], list[Rejected]]:
    """Keep the first of questions whose cosine is above max_similarity and that have one answer:
    questions on 2014 and on 2015 differ in nothing else."""
    if not questions:
        return [], []
    vectors = embedder.queries([question.text for question in questions])
    refused: dict[int, Rejection] = {}
    for start in range(0, len(questions), _BLOCK):
        block = vectors[start : start + _BLOCK] @ vectors.T
        rows, columns = (block > max_similarity).nonzero()
        for row, earlier in zip((rows + start).tolist(), columns.tolist(), strict=True):
            if earlier >= row or earlier in refused or row in refused:
                continue
            one, other = questions[row], questions[earlier]
            if same_answer(one.answer, other.answer):
                refused[row] = Rejection("duplicate", f"asked before as “{other.text}”")
    return _without(questions, refused)


def _without(
    questions: Sequence[Question], refused: Mapping[int, Rejection]
) -> tuple[list[Question], list[Rejected]]:
    """The others, and those refused: by their places."""
    kept = [question for place, question in enumerate(questions) if place not in refused]
    return kept, [refusal.of(questions[place]) for place, refusal in refused.items()]
