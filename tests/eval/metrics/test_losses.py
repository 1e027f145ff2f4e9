"""Each answer falls into exactly one class, and the class says why it was lost."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from lib.eval.conditions import Case
from lib.eval.metrics.losses import (
    FORMAT,
    LOSSES,
    RETRIEVAL_MISSED,
    RIGHT,
    WRONG_ANSWER,
    WRONG_QUOTE,
    WRONG_REFUSAL,
    decompose,
    outcomes,
)
from lib.eval.metrics.scoring import score_answers
from lib.eval.questions import first_hit
from lib.prompts.student import REFUSAL, cot_label
from lib.records import Answer, Score
from tests.eval.toy import answer, make_chunks, question_of

CHUNKS = make_chunks(6)
QUESTION = question_of(CHUNKS[0])
GOLD = QUESTION.answer
QUOTED = cot_label("It says:", CHUNKS[0].text, "wrong")
MISQUOTED = cot_label("It says:", CHUNKS[1].text, "wrong")
CONTEXTS = {
    "closed_book": (),
    "oracle": CHUNKS[:1],
    "oracle_distractors": CHUNKS[:3],
    "distractors_only": CHUNKS[1:4],
    "top_3": CHUNKS[:3],
    "top_5": CHUNKS[1:6],  # the oracle is not among them
}


def reply(text: str, condition: str, *, model: str = "student") -> tuple[Answer, list[Score]]:
    chunks = tuple(CONTEXTS[condition])
    case = Case(QUESTION.id, QUESTION.text, condition, chunks, first_hit(chunks, QUESTION))
    one = answer(case, model, text)
    return one, score_answers([one], [QUESTION], [case])


@pytest.mark.parametrize(
    ("text", "condition", "outcome"),
    [
        (f"<ANSWER>: {GOLD}", "top_3", RIGHT),
        (f"<ANSWER>: {GOLD}", "top_5", RIGHT),  # known by heart is right too
        (cot_label("It says:", CHUNKS[1].text, GOLD), "top_3", RIGHT),
        ("<ANSWER>: wrong", "top_5", RETRIEVAL_MISSED),
        ("<ANSWER>: wrong", "closed_book", RETRIEVAL_MISSED),
        (REFUSAL, "top_5", RETRIEVAL_MISSED),
        (REFUSAL, "top_3", WRONG_REFUSAL),
        (QUOTED, "top_3", WRONG_ANSWER),
        (QUOTED + MISQUOTED, "top_3", WRONG_ANSWER),  # one quote of the oracle is enough
        ("<ANSWER>: wrong", "oracle", WRONG_ANSWER),
        (MISQUOTED, "top_3", WRONG_QUOTE),
        (cot_label("It says:", "made up", "wrong"), "oracle", WRONG_QUOTE),
        ("mute", "top_3", FORMAT),
        ("mute", "top_5", FORMAT),  # wherever it happens
        ("mute", "distractors_only", FORMAT),
        (REFUSAL, "distractors_only", RIGHT),
        (f"<ANSWER>: {GOLD}", "distractors_only", WRONG_ANSWER),
    ],
)
def test_each_class(text: str, condition: str, outcome: str) -> None:
    one, scores = reply(text, condition)
    assert outcomes([one], scores) == [outcome]


def test_the_classes_partition_the_answers() -> None:
    rng = Random(4)
    texts = ["mute", "", REFUSAL, QUOTED, MISQUOTED, f"<ANSWER>: {GOLD}", "<ANSWER>: wrong"]
    models = ("student", "baseline, plain prompt", "teacher")
    for _ in range(20):
        answers: list[Answer] = []
        scores: list[Score] = []
        for _ in range(rng.randint(1, 40)):
            one, of_one = reply(
                rng.choice(texts), rng.choice(list(CONTEXTS)), model=rng.choice(models)
            )
            if (one.model, one.condition) not in {(a.model, a.condition) for a in answers}:
                answers.append(one)
                scores += of_one
        classes = outcomes(answers, scores)
        counts = decompose(answers, scores)
        assert len(classes) == len(answers)
        assert set(classes) <= set(LOSSES)
        assert all(tuple(of) == LOSSES for of in counts.values())
        for group, of in counts.items():
            mine = [a for a in answers if (a.model, a.condition) == group]
            assert sum(of.values()) == len(mine)
            assert of[FORMAT] == sum(a.final_answer is None and not a.refused for a in mine)
        assert sum(sum(of.values()) for of in counts.values()) == len(answers)


def test_a_refusal_is_never_a_right_answer_whatever_its_score_says() -> None:
    one, scores = reply(REFUSAL, "top_3")
    passed = [replace(s, value=1.0) if s.metric == "exact_match" else s for s in scores]
    assert outcomes([one], passed) == [WRONG_REFUSAL]


def test_by_another_metric_an_answer_is_right_from_one_half_on() -> None:
    one, scores = reply("<ANSWER>: wrong", "oracle")
    for value, outcome in ((0.49, WRONG_ANSWER), (0.5, RIGHT), (None, WRONG_ANSWER)):
        valued = [replace(s, value=value) if s.metric == "f1" else s for s in scores]
        assert outcomes([one], valued, metric="f1") == [outcome]
        assert outcomes([one], valued) == [WRONG_ANSWER]
