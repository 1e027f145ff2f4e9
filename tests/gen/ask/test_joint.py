"""Rows that come together in one reply, without a network."""

from __future__ import annotations

import json
from random import Random

import pytest

from lib.prompts.student import Message
from tests.gen.scripted import ask, good, reply, row, words_chunk

SMALL = [words_chunk(name) for name in "abcd"]  # about 250 characters each


def test_one_request_holds_the_rows_of_several_small_chunks() -> None:
    outcome, sent = ask(SMALL, ask_mode="joint", questions_per_chunk=3)
    assert len(sent) == 1
    assert "3 questions on document 1, 3 on document 2" in sent[0].messages[-1]["content"]
    found = [question.id for question in outcome.questions]
    assert found == [f"{chunk.id}?{n}" for chunk in SMALL for n in range(3)]
    assert all(q.answer.startswith(q.chunk_id[0]) for q in outcome.questions)


def test_a_large_chunk_has_a_request_of_its_own() -> None:
    large = words_chunk("e", 150)
    outcome, sent = ask([SMALL[0], large, SMALL[1]], ask_mode="joint", questions_per_chunk=2)
    assert len(sent) == 3
    assert "Write 2 questions," in sent[1].messages[-1]["content"]
    assert len(outcome.questions) == 6


def test_refused_rows_alone_are_asked_again_together() -> None:
    def says(messages: list[Message]) -> str:
        data = json.loads(good(messages[:2]))
        if len(messages) > 2:
            picked = [data["rows"][1], {**data["rows"][4], "answer": "bword2"}]
            return json.dumps({"rows": picked})
        data["rows"][1]["answer"] = ""
        data["rows"][4]["reasoning"] = "It says so."
        return json.dumps(data)

    outcome, sent = ask(SMALL[:2], says, ask_mode="joint", questions_per_chunk=3)
    assert len(sent) == 2
    said = sent[1].messages[-1]["content"]
    assert said.startswith("Refused:\n- document 1: What follows aword1? (no final answer")
    assert "- document 2: What follows bword1? (no quote" in said
    assert "these 2 rows" in said
    assert len(outcome.questions) == 6
    assert outcome.repaired == 2


def test_a_row_that_does_not_come_again_stays_refused() -> None:
    def says(messages: list[Message]) -> str:
        data = json.loads(good(messages[:2]))
        data["rows"][0]["answer"] = ""
        return json.dumps(data if len(messages) == 2 else {"rows": data["rows"][:0]})

    outcome, sent = ask(SMALL[:1], says, ask_mode="joint", questions_per_chunk=2, max_repairs=2)
    assert [(r.question_id, r.gate) for r in outcome.rejected] == [("a#0?0", "parsable")]
    assert outcome.rejected[0].question == "What follows aword0?"
    assert len(outcome.questions) == 1
    assert len(sent) == 3


def test_a_reply_that_was_cut_gives_the_rows_that_are_whole() -> None:
    outcome, _ = ask(
        SMALL[:1],
        lambda messages: reply(good(messages)[:-30], "length"),
        ask_mode="joint",
        questions_per_chunk=3,
    )
    assert len(outcome.questions) == 2


def test_a_row_of_another_document_is_not_taken() -> None:
    def says(messages: list[Message]) -> str:
        data = json.loads(good(messages[:2]))
        return json.dumps({"rows": [{**item, "document": 1} for item in data["rows"]]})

    outcome, _ = ask(SMALL[:2], says, ask_mode="joint", questions_per_chunk=2, max_repairs=0)
    assert {question.chunk_id for question in outcome.questions} == {"a#0"}


def test_the_same_question_twice_is_a_duplicate() -> None:
    twice = {"rows": [row("What follows aword0?", "aword1", "aword0 aword1")] * 2}
    outcome, sent = ask(SMALL[:1], lambda messages: json.dumps(twice), ask_mode="joint")
    assert len(outcome.questions) == 1
    assert [item.gate for item in outcome.rejected] == ["duplicate"]
    assert len(sent) == 2


@pytest.mark.parametrize("text", ["", "no rows", "{"])
def test_a_reply_without_rows_is_recorded_once_for_each_chunk(text: str) -> None:
    outcome, sent = ask(SMALL[:2], lambda messages: text, ask_mode="joint", questions_per_chunk=3)
    assert [item.chunk_id for item in outcome.rejected] == ["a#0", "b#0"]
    assert len(sent) == 2


def test_the_order_of_replies_decides_nothing() -> None:
    def says(messages: list[Message]) -> str:
        text = good(messages)
        return text[:80] if Random(str(messages)).random() < 0.4 else text

    chunks = [words_chunk(name, 80) for name in "abcdefgh"]
    results = []
    for seed in range(2):
        outcome, _ = ask(chunks, says, order=Random(seed), ask_mode="joint", questions_per_chunk=4)
        results.append((outcome.questions, outcome.rejected))
    assert results[0] == results[1]
    assert len(results[0][0]) > 8


def test_plain_pairs_have_no_reasoning() -> None:
    def says(messages: list[Message]) -> str:
        rows = json.loads(good(messages))["rows"]
        return json.dumps(
            {"rows": [{k: v for k, v in r.items() if k != "reasoning"} for r in rows]}
        )

    outcome, sent = ask(SMALL[:1], says, dataset_kind="qa", questions_per_chunk=2)
    assert '"reasoning"' not in sent[0].messages[-1]["content"]
    assert [(q.answer, q.cot_answer) for q in outcome.questions] == [
        ("aword1", ""),
        ("aword2", ""),
    ]


def test_a_document_that_a_reply_leaves_out_is_asked_about_alone() -> None:
    """A model of 1.5B parameters wrote about the first of three documents only, each time."""

    def says(messages: list[Message]) -> str:
        rows = json.loads(good(messages))["rows"]
        return json.dumps({"rows": [row for row in rows if row["document"] == 1]})

    outcome, sent = ask(SMALL, says, ask_mode="joint", questions_per_chunk=2)
    found = [question.id for question in outcome.questions]
    assert found == [f"{chunk.id}?{n}" for chunk in SMALL for n in range(2)]
    asked = [request.messages[-1]["content"].count("<DOCUMENT>") for request in sent]
    assert asked == [4, 1, 1, 1]
    outcome, sent = ask(SMALL, says, ask_mode="joint", questions_per_chunk=2, max_repairs=0)
    assert (len(outcome.questions), len(sent)) == (2, 1)
