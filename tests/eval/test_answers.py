"""Answering: every model reads the same cases; what was paid is kept."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lib.eval.answers import answer_cases
from lib.eval.conditions import Case
from lib.eval.models import EvalModel, eval_models
from lib.prompts.student import REFUSAL, plain_messages, student_messages
from lib.recipe import Recipe
from lib.settings import SetupError
from lib.state import save_state
from lib.store import write_json
from tests.eval.toy import make_chunks, question_of
from tests.ledger import replies_of
from tests.server import Loopback, error, serve


def make_cases(count: int = 6) -> list[Case]:
    chunks = make_chunks(count + 1)
    cases = []
    for chunk, other in pairwise(chunks):
        question = question_of(chunk)
        cases.append(Case(question.id, question.text, "oracle", (other, chunk), 1))
        cases.append(Case(question.id, question.text, "closed_book", (), None))
    return cases


def models(*names: str) -> list[EvalModel]:
    return eval_models(Recipe(models=list(names), plain_baseline=False))


def use(monkeypatch: pytest.MonkeyPatch, server: Loopback, *roles: str) -> None:
    for role in roles:
        monkeypatch.setenv(f"{role}_OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv(f"{role}_OPENAI_API_KEY", "loopback")
        monkeypatch.setenv(f"{role}_OPENAI_DEPLOYMENT", f"the-{role.lower()}")


def test_answers_stand_in_their_cases_order(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = sorted(make_cases(), key=lambda case: case.condition)  # as build_cases has them
    with serve() as server:
        use(monkeypatch, server, "STUDENT")
        answers = answer_cases(models("student"), cases, Recipe(max_answer_tokens=77))
    assert [(a.question_id, a.condition) for a in answers] == [
        (c.question_id, c.condition) for c in cases
    ]
    for case, answer in zip(cases, answers, strict=True):
        assert answer.model == "student"
        assert answer.oracle_in_context == case.oracle_in_context
        assert answer.refused == (case.condition == "closed_book")
        if case.chunks:
            assert answer.quotes == (case.chunks[1].text,)
            assert answer.final_answer is not None
            assert case.chunks[1].text.endswith(f"{answer.final_answer}.")
        else:
            assert answer.text == REFUSAL
        assert answer.latency_s > 0
    assert {body["max_tokens"] for body in server.requests} == {77}
    assert {body["temperature"] for body in server.requests} == {0.0}


def test_student_and_baseline_read_the_same_prompts_question_by_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_question = make_cases()
    cases = sorted(by_question, key=lambda case: case.condition)
    with serve() as server:
        use(monkeypatch, server, "STUDENT", "BASELINE")
        answers = answer_cases(
            models("student", "baseline"), cases, Recipe(concurrency=1, server_concurrency=1)
        )
    asked = {
        role: [b["messages"] for b in server.requests if b["model"] == f"the-{role}"]
        for role in ("student", "baseline")
    }
    closed_first = [
        case for pair in zip(by_question[1::2], by_question[::2], strict=True) for case in pair
    ]
    expected = [
        student_messages(case.question, [chunk.text for chunk in case.chunks])
        for case in closed_first
    ]
    assert asked["student"] == expected
    assert asked["baseline"] == expected
    assert [a.model for a in answers] == ["student"] * len(cases) + ["baseline"] * len(cases)


def test_a_case_is_asked_and_read_with_its_own_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    own = "Nobody here knows this."
    case = replace(make_cases()[0], refusal=own)
    with serve(Loopback(reply=lambda body: own)) as server:
        use(monkeypatch, server, "STUDENT")
        (answer,) = answer_cases(models("student"), [case], Recipe())
    assert answer.refused
    texts = [chunk.text for chunk in case.chunks]
    assert server.requests[0]["messages"] == student_messages(case.question, texts, refusal=own)


def test_what_was_answered_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = make_cases()
    with serve() as server:
        use(monkeypatch, server, "STUDENT")
        server.hold_until_in_flight(3)
        first = answer_cases(models("student"), cases, Recipe(concurrency=3, server_concurrency=3))
        assert server.max_in_flight == 3
        paid = len(server.requests)
        assert answer_cases(models("student"), cases, Recipe()) == first
        assert len(server.requests) == paid == len(cases)
    first_line, second_line = capsys.readouterr().out.splitlines()
    assert f"answers      {len(cases)}/{len(cases)}" in first_line
    assert "tokens · 0 from the ledger" in first_line
    assert f"0 tokens · {len(cases)} from the ledger" in second_line


def test_all_models_share_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = make_cases()
    with serve() as server:
        use(monkeypatch, server, "STUDENT")
        use(monkeypatch, server, "BASELINE")
        answer_cases(models("student", "baseline"), cases, Recipe())
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"answers      {2 * len(cases)}/{2 * len(cases)} · ")
    assert re.search(r" · student: [\d,]+ tokens .* \| baseline: [\d,]+ tokens ", line)


def test_failures_are_counted_and_the_rest_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = make_cases()
    broken = cases[2].question

    def refuse_one(number: int, body: dict) -> object:
        bad = broken in body["messages"][-1]["content"]
        return error(500, "not now") if bad else None

    with serve(Loopback(fault=refuse_one)) as server:
        use(monkeypatch, server, "STUDENT")
        with pytest.raises(
            SetupError, match=r"2 of 12 requests failed \(student: 2\).*10 replies are kept"
        ):
            answer_cases(models("student"), cases, Recipe(max_retries=0))
        server.fault = lambda number, body: None
        before = len(server.requests)
        assert len(answer_cases(models("student"), cases, Recipe())) == 12
        assert len(server.requests) == before + 2


def test_a_missing_endpoint_names_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as server:
        use(monkeypatch, server, "STUDENT")
        with pytest.raises(SetupError, match=r"baseline has no endpoint.*3_deploy\.ipynb"):
            answer_cases(models("student", "baseline"), make_cases(), Recipe())
    assert server.requests == []  # said before the student was asked


# --- many models ---------------------------------------------------------------------------------


def test_models_keep_their_names_prompts_and_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = make_cases(4)
    with serve() as server:
        use(monkeypatch, server, "STUDENT", "BASELINE", "GPT_4O")
        chosen = eval_models(Recipe(models=["student", "baseline", "gpt-4o"]))
        answers = answer_cases(chosen, cases, Recipe(concurrency=3, server_concurrency=3))
    names = ["student", "baseline", "baseline, plain prompt", "gpt-4o"]
    assert [(a.model, a.question_id, a.condition) for a in answers] == [
        (name, case.question_id, case.condition) for name in names for case in cases
    ]
    texts = [[chunk.text for chunk in case.chunks] for case in cases]
    formatted = [student_messages(c.question, t) for c, t in zip(cases, texts, strict=True)]
    plain = [plain_messages(c.question, t) for c, t in zip(cases, texts, strict=True)]
    asked = {
        name: [body["messages"] for body in server.requests if body["model"] == f"the-{name}"]
        for name in ("student", "baseline", "gpt_4o")
    }
    assert _sorted(asked["student"]) == _sorted(asked["gpt_4o"]) == _sorted(formatted)
    assert _sorted(asked["baseline"]) == _sorted([*formatted, *plain])
    for answer in answers:  # the server answers in the format, whatever the prompt
        in_words = answer.model == "baseline, plain prompt"
        assert bool(answer.quotes) == (answer.condition == "oracle" and not in_words)
        assert answer.refused == (answer.condition == "closed_book")
        assert (answer.final_answer is None) == answer.refused


def _sorted(messages: list[Any]) -> list[Any]:
    return sorted(messages, key=repr)


def test_models_of_one_endpoint_share_its_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as server:
        use(monkeypatch, server, "BASELINE")
        server.hold_until_in_flight(3)
        answer_cases(
            eval_models(Recipe(models=["baseline"])), make_cases(), Recipe(server_concurrency=3)
        )
        assert server.max_in_flight == 3
        formats = ["##begin_quote##" in str(body["messages"][0]) for body in server.requests]
    assert (formats[:10], formats[-10:]) == ([True] * 10, [False] * 10)  # one after the other


def test_endpoints_are_asked_at_once_each_in_its_own_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as server:
        use(monkeypatch, server, "STUDENT", "BASELINE", "TEACHER")
        server.hold_until_in_flight(6)
        answer_cases(
            models("student", "baseline", "teacher"),
            make_cases(2),
            Recipe(concurrency=4, server_concurrency=1),
        )
        assert server.max_in_flight == 6
        first = Counter(body["model"] for body in server.requests[:6])
    assert first == {"the-teacher": 4, "the-student": 1, "the-baseline": 1}


WRONG_KEY = [(401, ""), (402, ""), (403, ""), (404, ""), (429, "insufficient_quota")]


@pytest.mark.parametrize("answered", [0, 5])
@pytest.mark.parametrize(("status", "code"), WRONG_KEY)
def test_a_refused_key_stops_all_and_what_was_paid_is_kept(
    status: int, code: str, answered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = iter(range(answered))

    def refuse_baseline(number: int, body: dict) -> object:
        if body["model"] != "the-baseline" or next(good, None) is not None:
            return None
        return error(status, "bad key", code=code)

    with serve(Loopback(fault=refuse_baseline, delay_s=0.05)) as server:
        use(monkeypatch, server, "STUDENT", "BASELINE")
        says = rf"The baseline at {server.base_url} .*\({status}: bad key\)\. (Check|Add credit)"
        with pytest.raises(SetupError, match=says) as stopped:
            answer_cases(
                models("student", "baseline"), make_cases(40), Recipe(server_concurrency=2)
            )
        # IPython sends no error to the notebook if its context is a group.
        assert not isinstance(stopped.value.__context__, BaseExceptionGroup)
        asked = Counter(body["model"] for body in server.requests)
        # Each of 20 in a row might be refused for itself; answers may come among them.
        most = 20 + 20 if answered and status in (403, 404) else 0
        assert asked["the-baseline"] <= answered + most + 4
    assert replies_of("student") + replies_of("baseline") == len(server.answered) >= answered


@pytest.mark.parametrize("cut", [0, 2, 3, 12])
def test_replies_that_were_cut_before_their_answer_are_counted_if_many(
    cut: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = iter(["<think>Let me see"] * cut)
    server = Loopback(reply=lambda body: next(replies, "<ANSWER>: x"), finish_reason="length")
    with serve(server):
        use(monkeypatch, server, "STUDENT")
        recipe = Recipe(models=["student"], max_answer_tokens=300)
        answer_cases(eval_models(recipe), make_cases(), recipe)
    said = f"{cut} of 12 replies were cut at max_answer_tokens (300) before a final answer"
    assert (said in capsys.readouterr().out) == (cut > 2)


@pytest.mark.parametrize(
    ("engine", "limit", "is_said"),
    [
        ("transformers, which ignores: seed, long prompts", 80, True),
        ("transformers, which ignores: seed, long prompts", 10_000, False),
        ("transformers, which ignores: seed, long prompts", None, False),
        ("vllm", 80, False),
    ],
)
def test_prompts_that_the_engine_should_have_refused_are_counted(
    engine: str,
    limit: int | None,
    is_said: bool,
    home_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_json(home_dir / "m" / "config.json", {"max_position_embeddings": limit})
    save_state("t", STUDENT_SERVED_BY=engine, STUDENT_SERVED_DIR="m")
    with serve() as server:
        use(monkeypatch, server, "STUDENT")
        asked = eval_models(Recipe(run_name="t", models=["student"]))
        answers = answer_cases(asked, make_cases(), Recipe(run_name="t"))
    too_long = sum(answer.prompt_tokens > 80 for answer in answers)
    said = f"student: {too_long} of 12 prompts are longer than its 80 tokens of context"
    out = capsys.readouterr().out
    assert (said in out, "tokens of context" in out) == (is_said, is_said)
    assert 0 < too_long < 12
