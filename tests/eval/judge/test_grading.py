"""One request an answer: what is asked, what is not, and what becomes of the reply."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiohttp import web

from lib.engine.budget import Budget
from lib.eval.judge.grading import (
    JUDGE_CORRECT,
    JUDGE_METRICS,
    find_judge,
    judge_answers,
    unparsed_counts,
)
from lib.prompts.student import REFUSAL
from lib.recipe import Recipe
from lib.records import Score
from lib.settings import SetupError
from tests.eval.judge.honest import block, grade_fairly, honest, key_of, prompt_of, use, verdict
from tests.eval.judge.make import judge_at, make_answer, make_case, make_questions, serve_judge
from tests.eval.test_answers import WRONG_KEY
from tests.server import Body, Loopback, error, serve

QUESTIONS = make_questions()
CASES = [make_case(q, condition) for condition in ("oracle", "closed_book") for q in QUESTIONS]
ANSWERS = [
    make_answer(question, f"As it says. <ANSWER>: {year}", model=model, condition=condition)
    for condition in ("oracle", "closed_book")
    for model, year_is_right in (("student", True), ("baseline", False))
    for question in QUESTIONS
    for year in [question.answer if year_is_right else "1799"]
]


def value_of(scores: list[Score], metric: str) -> list[float | None]:
    return [score.value for score in scores if score.metric == metric]


def test_one_request_holds_all_metrics_and_the_reference() -> None:
    with serve_judge(honest) as server:
        scores = judge_answers(judge_at(server), ANSWERS, QUESTIONS, CASES)
        assert len(server.requests) == len(ANSWERS)
    said = {block(prompt_of(body), "question"): prompt_of(body) for body in server.requests}
    for question in QUESTIONS:
        assert block(said[question.text], "reference") == question.answer
    assert {body["temperature"] for body in server.requests} == {0.0}
    of_answer = [(s.question_id, s.model, s.condition) for s in scores if s.metric == JUDGE_CORRECT]
    assert of_answer == [(a.question_id, a.model, a.condition) for a in ANSWERS]
    for score in scores:
        right = score.model == "student"
        expected = float(right) if score.metric == JUDGE_CORRECT else (1.0 if right else 0.25)
        assert score.value == expected
        assert score.explanation == "judge: It was compared with the reference."
    assert [s.metric for s in scores[:6]] == list(JUDGE_METRICS)


def test_groundedness_is_of_the_documents_alone() -> None:
    with serve_judge(honest) as server:
        scores = judge_answers(judge_at(server), ANSWERS, QUESTIONS, CASES)
    for body in server.requests:
        prompt = prompt_of(body)
        assert ("<document>" in prompt) == ('"groundedness"' in prompt)
        assert block(prompt, f"reply-{key_of(prompt)}").startswith("As it says.")
    grounded = {s.condition for s in scores if s.metric == "judge_groundedness"}
    assert grounded == {"oracle"}
    assert len(scores) == 8 * 6 + 8 * 5


def test_correctness_alone_needs_the_final_answer_alone_and_is_paid_once() -> None:
    with serve_judge(honest) as server:
        scores = judge_answers(judge_at(server, metrics=[JUDGE_CORRECT]), ANSWERS, QUESTIONS, CASES)
        assert len(server.requests) == len(ANSWERS) / 2  # the two conditions say the same
    for body in server.requests:
        assert "<document>" not in prompt_of(body)
        assert "As it says" not in prompt_of(body)
        assert '"fluency"' not in prompt_of(body)
    assert len(scores) == len(ANSWERS)


def test_without_a_judge_there_are_no_scores() -> None:
    judge = find_judge(Recipe())
    assert judge is None
    assert judge_answers(judge, ANSWERS, QUESTIONS, CASES) == []


def test_the_judge_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_judge(honest) as server:
        use(monkeypatch, server)
        judge = find_judge(Recipe(concurrency=2, max_judge_tokens=77))
        assert judge is not None
        assert judge.settings.deployment == "the-judge"
        assert len(judge_answers(judge, ANSWERS[:4], QUESTIONS, CASES)) == 24
    assert {(b["model"], b["max_tokens"]) for b in server.requests} == {("the-judge", 77)}
    assert server.max_in_flight <= 2


def test_what_needs_no_judge_is_not_sent() -> None:
    refusal, nothing = (make_answer(QUESTIONS[0], text) for text in (REFUSAL, "Hm."))
    cut = replace(nothing, finish_reason="length")
    elsewhere = replace(ANSWERS[0], condition="distractors_only")
    cases = [*CASES, make_case(QUESTIONS[0], "distractors_only")]
    with serve_judge(honest) as server:
        judge = judge_at(server)
        scores = judge_answers(judge, [refusal, nothing, cut, elsewhere], QUESTIONS, cases)
        assert server.requests == []
    found = [(s.metric, s.value, s.explanation) for s in scores]
    assert found[0] == (JUDGE_CORRECT, 0.0, "refused")
    assert found[1:7] == [(metric, 0.0, "no final answer") for metric in JUDGE_METRICS]
    assert found[7:] == [(metric, 0.0, "cut at the token limit") for metric in JUDGE_METRICS]
    assert unparsed_counts(scores) == {}


def test_ratings_go_from_0_to_1() -> None:
    def judge(body: Body) -> str:
        number = int(block(prompt_of(body), "question").split("number ")[1].split()[0])
        return verdict(prompt_of(body), {"correct": "no", "fluency": number + 1})

    questions = make_questions(5)
    answers = [make_answer(q, "<ANSWER>: 1799") for q in questions]
    with serve_judge(judge) as server:
        scores = judge_answers(
            judge_at(server, metrics=["judge_fluency", JUDGE_CORRECT]),
            answers,
            questions,
            [make_case(q) for q in questions],
        )
    assert value_of(scores, "judge_fluency") == [0, 0.25, 0.5, 0.75, 1]
    assert value_of(scores, JUDGE_CORRECT) == [0] * 5


def test_what_cannot_be_read_is_unscored_and_counted() -> None:
    def mumbling(body: Body) -> str:
        prompt = prompt_of(body)
        if "number 0" in block(prompt, "question"):
            return "NO … YES"
        grades = grade_fairly(prompt)
        return verdict(prompt, grades | ({"fluency": 7} if "number 1" in prompt else {}))

    with serve_judge(mumbling) as server:
        scores = judge_answers(judge_at(server), ANSWERS[:8], QUESTIONS, CASES)
    assert value_of(scores, JUDGE_CORRECT) == [None, 1, 1, 1, None, 0, 0, 0]
    assert value_of(scores, "judge_fluency") == [None, None, 1, 1, None, None, 0.25, 0.25]
    counts = unparsed_counts(scores)
    assert counts["student", JUDGE_CORRECT] == (1, 4)
    assert counts["baseline", "judge_fluency"] == (2, 4)
    assert len(counts) == 12


def test_a_reply_that_was_cut_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with serve(Loopback(reply=lambda body: '{"key": "', finish_reason="length")) as server:
        scores = judge_answers(judge_at(server), ANSWERS[:1], QUESTIONS, CASES)
    assert {(s.value, s.explanation) for s in scores} == {
        (None, "unparsed: the judge's reply ended with “length”")
    }
    assert f"{len(scores)} of {len(scores)} verdicts cannot be read" in capsys.readouterr().out


@pytest.mark.parametrize(("with_key", "value"), [(True, 0), (False, None)])
def test_of_a_reply_that_was_cut_only_a_verdict_with_its_key_counts(
    with_key: bool, value: float | None
) -> None:
    """It may have gone on: “No” to “No doubt …”."""

    def judge(body: Body) -> str:
        return verdict(prompt_of(body), {"correct": "no"}) if with_key else "No"

    with serve(Loopback(reply=judge, finish_reason="length")) as server:
        scores = judge_answers(
            judge_at(server, metrics=[JUDGE_CORRECT]), ANSWERS[:1], QUESTIONS, CASES
        )
    assert [score.value for score in scores] == [value]


def test_nothing_is_paid_twice() -> None:
    with serve_judge(honest) as server:
        first = judge_answers(judge_at(server), ANSWERS, QUESTIONS, CASES)
        paid = len(server.requests)
        assert judge_answers(judge_at(server), ANSWERS, QUESTIONS, CASES) == first
        assert len(server.requests) == paid
        judge_answers(judge_at(server, "another-judge"), ANSWERS[:2], QUESTIONS, CASES)
        assert len(server.requests) == paid + 2
    # The same is asked of another judge; in which order requests arrive is open.
    before = [body["messages"] for body in server.requests[:paid]]
    one, other = (body["messages"] for body in server.requests[paid:])
    assert one in before
    assert other in before
    assert one != other


def test_refused_requests_are_counted_and_unscored(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse_one(number: int, body: Body) -> web.Response | None:
        return error(422, "not now") if QUESTIONS[1].text in prompt_of(body) else None

    with serve(Loopback(reply=honest, fault=refuse_one)) as server:
        scores = judge_answers(judge_at(server), ANSWERS, QUESTIONS, CASES)
        assert {s.question_id for s in scores if s.value is None} == {QUESTIONS[1].id}
        assert "4 of 16 requests were refused; the first: refused: 422" in capsys.readouterr().out
        server.fault = lambda number, body: None
        before = len(server.requests)
        again = judge_answers(judge_at(server), ANSWERS, QUESTIONS, CASES)
        assert None not in [score.value for score in again]
        assert len(server.requests) == before + 4


def test_a_budget_holds() -> None:
    with serve_judge(honest) as server:
        judge = replace(judge_at(server), budget=Budget(max_tokens_total=1))
        with pytest.raises(SetupError, match="max_tokens_total"):
            judge_answers(judge, ANSWERS, QUESTIONS, CASES)
        assert server.requests == []


def test_the_judge_is_never_blind() -> None:
    with serve_judge(honest) as server:
        for nothing in ("", " ", "\u200b\n"):
            blind = replace(QUESTIONS[0], answer=nothing)
            with pytest.raises(SetupError, match=r"“In which year .* has no reference"):
                judge_answers(judge_at(server), ANSWERS[:1], [blind], CASES)
    assert server.requests == []


@pytest.mark.parametrize(("status", "code"), WRONG_KEY)
def test_a_judges_refused_key_is_one_line_with_its_words(status: int, code: str) -> None:
    with serve(Loopback(fault=lambda number, body: error(status, "bad key", code=code))) as server:
        says = rf"The judge at {server.base_url} .*\({status}: bad key\)\. (Check|Add credit)"
        with pytest.raises(SetupError, match=says):
            judge_answers(judge_at(server), ANSWERS, QUESTIONS, CASES)
