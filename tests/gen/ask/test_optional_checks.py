"""Round trip, passage dependency, rating and rationale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lib.prompts.student import Message
from tests.gen.scripted import ask, good, words_chunk

CHUNK = words_chunk("a")


def saying(mark: str, text: str) -> Callable[[list[Message]], str]:
    """The good teacher, but for the prompts that hold a mark."""
    return lambda messages: text if mark in messages[-1]["content"] else good(messages)


@pytest.mark.parametrize(
    ("option", "mark", "text", "gate"),
    [
        ({"round_trip": True}, "shortest answer that the document", "another", "round_trip"),
        ({"round_trip": True}, "shortest answer that the document", "NONE", "round_trip"),
        ({"min_rating": 4}, '"rating"', '{"rating": 3, "reason": "vague"}', "rating"),
        ({"min_rating": 4}, '"rating"', "good", "unrated"),
        ({"rationale": True}, "how the document leads", "No quote. <ANSWER>: aword1", "quoted"),
        (
            {"rationale": True},
            "how the document leads",
            "##begin_quote## aword0 aword1 ##end_quote## <ANSWER>: other",
            "rationale",
        ),
    ],
)
def test_each_check_refuses_with_its_name(
    option: dict[str, Any], mark: str, text: str, gate: str
) -> None:
    flow, _ = ask([CHUNK], questions_per_chunk=1, **option)
    assert len(flow.outcome.questions) == 1
    flow, _ = ask([CHUNK], saying(mark, text), questions_per_chunk=1, max_repairs=0, **option)
    assert [item.gate for item in flow.outcome.rejected] == [gate]
    assert flow.outcome.questions == []


@pytest.mark.parametrize("ask_mode", ["separate", "joint"])
def test_what_a_check_refuses_is_asked_again(ask_mode: str) -> None:
    says = saying("shortest answer that the document", "another")
    flow, sent = ask([CHUNK], says, ask_mode=ask_mode, questions_per_chunk=1, round_trip=True)
    assert [item.gate for item in flow.outcome.rejected] == ["round_trip"]
    assert len([r for r in sent if "asked again, the answer is" in r.messages[-1]["content"]]) == 1


def test_a_question_that_needs_no_document_is_refused() -> None:
    def knows(messages: list[Message]) -> str:
        return "aword1" if "DOCUMENT" not in str(messages) else good(messages)

    flow, sent = ask([CHUNK], knows, questions_per_chunk=2, passage_dependency=True, max_repairs=0)
    assert [item.gate for item in flow.outcome.rejected] == ["passage_dependency"]
    assert [question.answer for question in flow.outcome.questions] == ["aword2"]
    assert CHUNK.text not in str(sent[-1].messages)


def test_ratings_are_kept_with_their_reason() -> None:
    flow, _ = ask([CHUNK], questions_per_chunk=2, min_rating=2)
    assert [(r.question_id, r.rating, r.reason) for r in flow.outcome.ratings] == [
        ("a#0?0", 4, "It is clear."),
        ("a#0?1", 4, "It is clear."),
    ]


def test_the_judge_is_its_own_role_when_it_has_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {request.role for request in ask([CHUNK], min_rating=2)[1]} == {"teacher"}
    monkeypatch.setenv("JUDGE_OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("JUDGE_OPENAI_API_KEY", "k")
    monkeypatch.setenv("JUDGE_OPENAI_DEPLOYMENT", "strict")
    sent = ask([CHUNK], min_rating=2)[1]
    judged = ["judge" if '"rating"' in r.messages[-1]["content"] else "teacher" for r in sent]
    assert [request.role for request in sent] == judged
    assert {request.role for request in ask([CHUNK])[1]} == {"teacher"}


def test_a_rationale_replaces_the_first_reasoning() -> None:
    text = "Said by ##begin_quote## aword0 aword1 ##end_quote##. <ANSWER>: aword1"
    says = saying("how the document leads", text)
    flow, _ = ask([CHUNK], says, questions_per_chunk=1, rationale=True, ask_mode="joint")
    assert [question.cot_answer for question in flow.outcome.questions] == [text]
