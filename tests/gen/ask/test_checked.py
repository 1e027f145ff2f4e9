"""Round trip, passage dependency, rating and rationale."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from lib.gen.gates import GATES
from lib.prompts.student import Message
from lib.store import fingerprint
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
    outcome, _ = ask([CHUNK], questions_per_chunk=1, **option)
    assert len(outcome.questions) == 1
    outcome, _ = ask([CHUNK], saying(mark, text), questions_per_chunk=1, max_repairs=0, **option)
    assert [item.gate for item in outcome.rejected] == [gate]
    assert outcome.questions == []


@pytest.mark.parametrize("ask_mode", ["separate", "joint"])
def test_what_a_check_refuses_is_asked_again(ask_mode: str) -> None:
    says = saying("shortest answer that the document", "another")
    outcome, sent = ask([CHUNK], says, ask_mode=ask_mode, questions_per_chunk=1, round_trip=True)
    assert [item.gate for item in outcome.rejected] == ["round_trip"]
    assert len([r for r in sent if "asked again, the answer is" in r.messages[-1]["content"]]) == 1


def test_a_question_that_needs_no_document_is_refused() -> None:
    def knows(messages: list[Message]) -> str:
        return "aword1" if "DOCUMENT" not in str(messages) else good(messages)

    outcome, sent = ask(
        [CHUNK], knows, questions_per_chunk=2, passage_dependency=True, max_repairs=0
    )
    assert [item.gate for item in outcome.rejected] == ["passage_dependency"]
    assert [question.answer for question in outcome.questions] == ["aword2"]
    assert CHUNK.text not in str(sent[-1].messages)


def test_ratings_are_kept_with_their_reason() -> None:
    outcome, _ = ask([CHUNK], questions_per_chunk=2, min_rating=2)
    assert [(r.question_id, r.rating, r.reason) for r in outcome.ratings] == [
        ("a#0?0", 4, "It is clear."),
        ("a#0?1", 4, "It is clear."),
    ]


def test_ratings_alone_are_asked_of_the_judge() -> None:
    _, sent = ask([CHUNK], min_rating=2, round_trip=True)
    judged = ["judge" if '"rating"' in r.messages[-1]["content"] else "teacher" for r in sent]
    assert [request.role for request in sent] == judged
    assert {request.role for request in ask([CHUNK])[1]} == {"teacher"}


def test_a_rationale_replaces_the_first_reasoning() -> None:
    text = "Said by ##begin_quote## aword0 aword1 ##end_quote##. <ANSWER>: aword1"
    says = saying("how the document leads", text)
    outcome, _ = ask([CHUNK], says, questions_per_chunk=1, rationale=True, ask_mode="joint")
    assert [question.cot_answer for question in outcome.questions] == [text]


def test_gates_names_what_the_same_replies_give() -> None:
    """Other rows of the same replies need another name: raise GATES, and note its hash here."""
    changes = [("word3", "word4"), ("What follows", "What is said here of"), ("?", "."), ("", "")]

    def says(messages: list[Message]) -> str:
        rng = Random(str(messages))
        return good(messages)[: rng.choice([40, 9999, 9999])].replace(*rng.choice(changes))

    chunks = [words_chunk(name, 60) for name in "abcdef"]
    modes: list[dict[str, Any]] = [
        {},
        {"ask_mode": "joint"},
        {"dataset_kind": "qa"},
        {"round_trip": True},
    ]
    rows = [ask(chunks, says, **mode)[0] for mode in modes]
    found = fingerprint([[*o.questions, *o.rejected] for o in rows])
    assert {GATES: found} == {6: "eb721123e13d"}
