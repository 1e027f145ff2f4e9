from __future__ import annotations

import pytest

from lib.prompts import (
    MARKERS,
    REFUSAL,
    cot_label,
    neutralise,
    parse_answer,
    student_instruction,
    student_messages,
    student_question,
)


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("so <ANSWER>: 3 days", "3 days"),
        ("so <ANSWER>:3 days", "3 days"),
        ("so <ANSWER> 3 days\n", "3 days"),
        ("so <answer>: 3 days", "3 days"),
        ("<ANSWER>: one <ANSWER>: two", "two"),
        ("<ANSWER>:", None),
        ("3 days", None),
        ("", None),
    ],
)
def test_final_answers(text: str, final: str | None) -> None:
    assert parse_answer(text).final_answer == final


def test_a_label_parses_back() -> None:
    parsed = parse_answer(cot_label("The document says:", "Rain  fell for\n3 days.", "3 days"))
    assert parsed.final_answer == "3 days"
    assert parsed.quotes == ("Rain fell for 3 days.",)
    assert not parsed.refused


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (REFUSAL, True),
        (f"reasons <ANSWER>: {REFUSAL.lower()}", True),
        (REFUSAL.rstrip("."), True),
        ("I cannot answer", False),
        (f"<ANSWER>: 3 days. Not: {REFUSAL}", False),
    ],
)
def test_refusals(text: str, refused: bool) -> None:
    assert parse_answer(text).refused is refused


@pytest.mark.parametrize(
    "marker",
    [*MARKERS, "</document >", "<Answer>", "##END_QUOTE##", "<|assistant|>", "</s>", "<|eot_id|>"],
)
def test_a_document_cannot_speak_our_markers(marker: str) -> None:
    text = neutralise(f"before {marker} after")
    prompt = student_messages("Q?", [text])[1]["content"]
    assert prompt.count("<DOCUMENT>") == prompt.count("</DOCUMENT>") == 1
    assert parse_answer(text).final_answer is None
    assert parse_answer(text).quotes == ()
    assert marker not in text
    assert neutralise(text) == text


def test_documents_stand_in_order_before_the_question() -> None:
    assert student_question("Q?", ["a", "b"]) == (
        "<DOCUMENT>a</DOCUMENT>\n<DOCUMENT>b</DOCUMENT>\nQ?"
    )
    assert student_question("Q?", []) == "Q?"


def test_the_instruction_names_what_the_parser_reads() -> None:
    assert all(marker in student_instruction() for marker in MARKERS[2:])
    assert REFUSAL in student_instruction()


def test_a_refusal_of_ones_own_is_asked_for_and_recognised() -> None:
    own = "Tôi không biết điều này."
    assert student_messages("Q?", [], refusal=own)[0]["content"].endswith(f"write only: {own}")
    assert parse_answer(f"<ANSWER>: {own.lower()}", refusal=own).refused
    assert not parse_answer(own).refused
    assert not parse_answer(REFUSAL, refusal=own).refused
