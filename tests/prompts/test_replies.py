"""Reading a teacher's replies."""

from __future__ import annotations

import json

import pytest

from lib.prompts.teacher import (
    Draft,
    clean_question,
    load_prompts,
    parse_questions,
    parse_rating,
    parse_rows,
    parse_short_answer,
)
from lib.recipe import Recipe


@pytest.mark.parametrize(
    "reply",
    [
        '{"questions": ["What happened in 2015?", "Who?"]}',
        '```json\n{"questions": ["What happened in 2015?", "Who?"]}\n```',
        '["What happened in 2015?", {"question": "Who?"}]',
        "Here they are:\n1. What happened in 2015?\n- Who?\n",
        "1) What happened in 2015?\n(2) Who?",
        'Here:\n```JSON\n{"questions": ["What happened in 2015?", "Who?"]}\n```',
        "{'questions': ['What happened in 2015?', \"Who?\"]}",
        '{"question": "What happened in 2015?"}\n{"question": "Who?"}',
        '{"Questions": ["What happened in 2015?", "Who?"]}',
        '{"questions": {"1": "What happened in 2015?", "2": "Who?"}}',
        '{"question_1": "What happened in 2015?", "question_2": "Who?", "question_type": "fact"}',
        '[{"Question": "What happened in 2015?", "id": 1}, {"Question": "Who?", "id": 2}]',
        json.dumps('{"questions": ["What happened in 2015?", "Who?"]}'),
    ],
)
def test_questions_keep_their_years(reply: str) -> None:
    assert parse_questions(reply) == ["What happened in 2015?", "Who?"]


@pytest.mark.parametrize("reply", ["", "no", "{}", '{"questions": 3}', "[1, null]"])
def test_no_questions(reply: str) -> None:
    assert parse_questions(reply) == []


def test_a_question_that_begins_with_a_number_keeps_it() -> None:
    assert parse_questions("2015 was the year of what?") == ["2015 was the year of what?"]


@pytest.mark.parametrize(
    "text",
    [
        "What happened in 2015?",
        "1. What happened in 2015?",
        "(12) What happened in 2015?",
        "- What happened in 2015?",
        "Q3: What happened in 2015?",
        "Question 2. What happened in 2015?",
        "**What happened in 2015?**",
        "“What happened in 2015?”",
        "Sure! Here is a question: What happened in 2015?",
        "Here are 3 questions:\n1) *What  happened\nin 2015?*",
    ],
)
def test_what_a_list_puts_around_a_question_goes(text: str) -> None:
    assert clean_question(text) == "What happened in 2015?"


LABELS = (
    "1.", "12)", "(3)", "[4]", "5:", "6、", "７．", "①", "-", "•", "a)", "(a)", "b.", "B)", "(C)",
    "i.", "ii.", "(iv)", "x)", "II)", "Q:", "Q1.", "q 2)", "Question 3:", "QUESTION:",
    "Question #4:", "Question 5 -", "Frage 1:", "Pregunta 2.", "Câu 1:", "Câu hỏi 2:",
    "Вопрос 3:", "问题1：", "问题：", "問題２：", "問3．", "第二题：",
    "質問1：", "질문 1:", "문제 2.", "1. Question:", "- a)", "**Q1:**",
)  # fmt: skip
QUESTIONS = (
    "What happened in 2015?",
    "Who built “it all”?",
    "I. Newton was born in which year?",
    "A. Finch opened which pier?",
    "J. S. Bach lived where?",
    "E. coli grows at what temperature?",
    "3.50 crowns bought what in 1904?",
    "1829 saw what in Sandry?",
    "2015. Which team won?",
    "(S)he who keeps the light is called what?",
    "i.e. means what?",
    "p. 12 of the log says what?",
    "Q-learning was named by whom?",
    "Question Time is shown by which channel?",
    "Question 4 of the list asks for what?",
    "#1 hit of 1987 was which song?",
    "3 - 2 is what?",
    "一、二号线何时开通？",
    "What is meant by “the 12: a law”?",
    "Sandry: which pier is older, 1 or 2?",
    "Câu lạc bộ nào thắng năm 2015?",
    "问题儿童指什么？",
    "수도는 어디인가?",
)


@pytest.mark.parametrize("opening", ["[", '{"questions":'])
def test_a_reply_that_opens_without_end_has_no_question(opening: str) -> None:
    assert parse_questions(opening * 20_000) == []


@pytest.mark.parametrize(
    "label",
    ["1 -", "2/", "#3", "#4:", "Q.5", "→", "一、", "Pregunta nº 6:", "Câu hỏi số 7:", "8번."],
)
def test_a_label_without_a_full_stop_goes_before_a_capital(label: str) -> None:
    assert clean_question(f"{label} Who lit it?") == "Who lit it?"


@pytest.mark.parametrize("label", LABELS)
def test_the_label_of_a_list_goes_and_the_question_stays(label: str) -> None:
    for question in QUESTIONS:
        assert clean_question(question) == question
        assert clean_question(f"{label} {question}") == question
        assert parse_questions(json.dumps({"questions": [f"{label} {question}"]})) == [question]
        assert parse_rows(json.dumps({"question": f"{label} {question}"}))[0].question == question


@pytest.mark.parametrize("label", ["A.", "I.", "III."])
def test_a_capital_with_a_full_stop_is_a_label_before_a_question_word(label: str) -> None:
    assert clean_question(f"{label} Who built the pier?") == "Who built the pier?"


def test_a_list_of_questions_that_was_cut_gives_those_that_are_whole() -> None:
    reply = '{"questions": ["Who built \\"it all\\"?", "When?", "Where did the'
    assert parse_questions(reply) == ['Who built "it all"?', "When?"]


ROW = {"document": 2, "question": "1. Who?", "reasoning": "It says so.", "answer": "Ann"}


@pytest.mark.parametrize(
    "reply",
    [
        json.dumps({"rows": [ROW]}),
        json.dumps([ROW]),
        json.dumps(ROW),
        json.dumps({name.title(): value for name, value in ROW.items()}),
        f"```json\n{json.dumps({'rows': [ROW]}, indent=2)}\n```",
        f"Here it is: {json.dumps({'rows': [ROW]})} I hope it helps.",
        json.dumps({"rows": [ROW, ROW]})[:-12],  # cut: the second is not whole
    ],
)
def test_rows_are_read_from_whatever_holds_them(reply: str) -> None:
    assert parse_rows(reply) == [Draft("Who?", "It says so.", "Ann", 2)]


def test_a_reasoning_that_ends_with_the_answer_holds_it_once() -> None:
    row = {**ROW, "reasoning": "It says so. <ANSWER>: Ann", "answer": 3}
    (parsed,) = parse_rows(json.dumps({"rows": [row]}))
    assert parsed.cot_answer == "It says so. <ANSWER>: 3"


@pytest.mark.parametrize("reply", ["", "no rows", "[]", "{}" * 3, '{"rows": 3}', "{" * 5000])
def test_replies_without_rows(reply: str) -> None:
    assert [row for row in parse_rows(reply) if row.question] == []


def test_ratings() -> None:
    assert parse_rating('{"reason": "It is  clear.", "rating": 4}') == (4, "It is clear.")
    assert parse_rating('So:\n```json\n{"rating": "5"}\n```') == (5, "")
    assert parse_rating('{"rating": 9}') is None
    assert parse_rating("4") == (4, "")
    assert parse_rating("**Rating:** 4/5.") == (4, "")
    for text in ("", "10", "0", "4.5", "4 of 10", "1 to 5", "I rate it 4 or 5"):
        assert parse_rating(text) is None


def test_a_copy_of_the_form_is_no_rating() -> None:
    """A model of 1.5B parameters copied it for five questions of seven."""
    form = load_prompts(Recipe()).texts["rating"].strip().splitlines()[-1].partition(": ")[2]
    assert json.loads(form)["reason"] == "one sentence"
    assert parse_rating(form) is None


def test_short_answers() -> None:
    assert parse_short_answer("3 days.") == "3 days"
    assert parse_short_answer("It says so. <ANSWER>: **3 days**") == "3 days"
    assert [parse_short_answer(text) for text in ("NONE", "“NONE.”", " ")] == [None] * 3
    assert parse_short_answer("None") == "None"
