"""Questions, answers and their repairs, without a network."""

from __future__ import annotations

import json
from random import Random

import pytest

from lib.engine.replies import Reply
from lib.prompts.student import Message, parse_answer
from lib.reading.files.api import read_record
from lib.records import Chunk
from tests.gen.scripted import ask, good, reply, words_chunk

CHUNK = words_chunk("a")


def is_first(messages: list[Message]) -> bool:
    return not any(message["role"] == "assistant" for message in messages)


def test_good_rows_take_one_request_for_questions_and_one_for_each_answer() -> None:
    outcome, sent = ask([CHUNK], questions_per_chunk=3)
    assert [question.id for question in outcome.questions] == [f"a#0?{n}" for n in range(3)]
    assert [request.priority for request in sent] == [1, 0, 0, 0]
    assert (outcome.rejected, outcome.repaired) == ([], 0)


def test_every_prompt_begins_with_what_all_on_its_chunk_share() -> None:
    _, sent = ask([CHUNK], questions_per_chunk=3, round_trip=True, min_rating=1, rationale=True)
    texts = ["".join(m["content"] for m in request.messages) for request in sent]
    shared = texts[0].partition("</DOCUMENT>")[0]
    assert CHUNK.text in shared
    assert len(texts) == 1 + 3 * 4
    assert all(text.startswith(shared) for text in texts)


def test_a_refused_answer_is_asked_again_with_the_reason() -> None:
    def says(messages: list[Message]) -> str:
        text = good(messages[:2])
        asks = '"questions"' in messages[-1]["content"]
        return text.replace("aword", "bword") if is_first(messages) and not asks else text

    outcome, sent = ask([CHUNK], says, questions_per_chunk=2)
    assert (len(outcome.questions), outcome.repaired) == (2, 2)
    said = sent[-1].messages[-1]["content"]
    assert "not in the document: “bword" in said
    outcome, sent = ask([CHUNK], says, questions_per_chunk=2, max_repairs=0)
    assert [item.gate for item in outcome.rejected] == ["verbatim"] * 2
    assert len(sent) == 3


@pytest.mark.parametrize("max_repairs", [0, 1, 3])
def test_repairs_have_an_end_and_the_last_refusal_is_kept(max_repairs: int) -> None:
    def says(messages: list[Message]) -> str:
        asks = '"questions"' in messages[-1]["content"]
        return good(messages) if asks else f"reply {len(messages)}"

    outcome, sent = ask([CHUNK], says, questions_per_chunk=1, max_repairs=max_repairs)
    assert len(sent) == 2 + max_repairs
    (rejected,) = outcome.rejected
    assert (rejected.gate, rejected.question) == ("parsable", "What follows aword0?")
    assert rejected.cot_answer == f"reply {2 + 2 * max_repairs}"


def test_refused_questions_are_replaced_in_one_request() -> None:
    bad = ["What does the passage say?", "What follows aword1?", "When was it built?"]

    def says(messages: list[Message]) -> str:
        if is_first(messages) and '"questions"' in messages[-1]["content"]:
            return json.dumps({"questions": bad})
        if "in their place" in messages[-1]["content"]:
            fresh = ["What follows aword5?", "What follows aword1?"]
            return json.dumps({"questions": fresh})
        return good(messages)

    outcome, sent = ask([CHUNK], says, questions_per_chunk=3)
    (asked_again,) = [r for r in sent if "in their place" in r.messages[-1]["content"]]
    assert "Write 2 questions" in asked_again.messages[-1]["content"]
    texts = {question.id: question.text for question in outcome.questions}
    assert texts == {"a#0?0": "What follows aword5?", "a#0?1": "What follows aword1?"}
    assert [(r.question_id, r.gate) for r in outcome.rejected] == [("a#0?2", "duplicate")]


def test_a_question_that_tells_its_answer_is_replaced_not_its_answer() -> None:
    def says(messages: list[Message]) -> str:
        if is_first(messages) and '"questions"' in messages[-1]["content"]:
            return json.dumps({"questions": ["What follows aword0, is it aword1?"]})
        if "is it aword1" in messages[-1]["content"] and "in their place" not in str(messages[-1]):
            return "##begin_quote## aword0 aword1 ##end_quote## <ANSWER>: aword1"
        if "in their place" in messages[-1]["content"]:
            return json.dumps({"questions": ["What follows aword3?"]})
        return good(messages)

    outcome, _ = ask([CHUNK], says, questions_per_chunk=1)
    assert [question.answer for question in outcome.questions] == ["aword4"]


@pytest.mark.parametrize(
    ("finish_reason", "gate", "requests"),
    [
        ("content_filter", "content_filter", 1),
        ("refused: no", "refused", 1),
        ("length", "complete", 2),
    ],
)
def test_a_lost_chunk_is_recorded_once_and_the_rest_goes_on(
    finish_reason: str, gate: str, requests: int
) -> None:
    other = words_chunk("b")

    def says(messages: list[Message]) -> str | Reply:
        return reply("", finish_reason) if "aword" in str(messages) else good(messages)

    outcome, sent = ask([CHUNK, other], says, questions_per_chunk=2)
    assert [(r.chunk_id, r.gate, r.question_id) for r in outcome.rejected] == [("a#0", gate, "")]
    assert len(sent) == requests + 3
    assert {question.chunk_id for question in outcome.questions} == {"b#0"}


def test_a_request_that_failed_leaves_the_others() -> None:
    def says(messages: list[Message]) -> str | None:
        return None if "aword0?" in messages[-1]["content"] else good(messages)

    outcome, _ = ask([CHUNK], says, questions_per_chunk=3)
    assert [question.id for question in outcome.questions] == ["a#0?1", "a#0?2"]


def test_the_order_of_replies_decides_nothing() -> None:
    def says(messages: list[Message]) -> str:
        fate = Random(str(messages)).random()
        if fate < 0.3:
            return "What?"
        return good(messages).replace("word3", "word4") if fate < 0.5 else good(messages)

    chunks = [words_chunk(name) for name in "abcdefgh"]
    results = []
    for seed in range(3):
        outcome, _ = ask(chunks, says, order=Random(seed), questions_per_chunk=5, max_repairs=2)
        results.append((outcome.questions, outcome.rejected, outcome.repaired))
    assert results[0] == results[1] == results[2]
    assert results[0][1]
    assert results[0][2]


# --- API documentation ---------------------------------------------------------------------------

RECORD = {
    "user_name": "lights",
    "api_name": "Lamp",
    "api_call": "lamps.load('north', lit=True)",
    "api_version": "1",
    "api_arguments": {"lit": "whether it is lit"},
    "functionality": "Lights a lamp",
}
FIELDS = "<<<domain>>>: Lights\n<<<api_call>>>: {call}\n<<<api_provider>>>: lights\n" + (
    "<<<explanation>>>: It lights it.\n<<<code>>>: import lamps"
)


def api_chunk() -> Chunk:
    (text,) = read_record(RECORD).pages
    return Chunk("api#1#0", "api#1", "Lamp", 1, 0, len(text), text)


def test_api_documentation_gives_instructions_and_five_fields() -> None:
    calls = iter(["lamps.load('south')", RECORD["api_call"]])

    def says(messages: list[Message]) -> str:
        if "documents an API" in messages[-1]["content"]:
            return json.dumps({"questions": ["Have the northern lamp shine at dusk"]})
        return FIELDS.format(call=next(calls))

    outcome, sent = ask(
        [api_chunk()], says, questions_per_chunk=1, ask_mode="joint", round_trip=True
    )
    (question,) = outcome.questions
    assert "not in the document: “lamps.load('south')" in sent[-1].messages[-1]["content"]
    assert question.answer == RECORD["api_call"]
    assert FIELDS.format(call=RECORD["api_call"]) in question.cot_answer
    parsed = parse_answer(question.cot_answer)
    assert (parsed.final_answer, parsed.quotes) == (RECORD["api_call"], (RECORD["api_call"],))
