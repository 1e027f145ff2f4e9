from __future__ import annotations

import time

import pytest

from lib.prompts.student import (
    MARKERS,
    PLAIN_PROMPT,
    REFUSAL,
    STUDENT_PROMPT,
    canonical,
    cot_label,
    neutralise,
    parse_answer,
    parse_plain_answer,
    parse_prompt,
    plain_messages,
    plain_prompt,
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
        ("so <ANSWER>: 3 days</ANSWER>", "3 days"),
        ("so <answer> 3 days </ answer >\nAsk me more!", "3 days"),
        ("<ANSWER>: one</ANSWER> <ANSWER>: two</ANSWER>", "two"),
        ("so <ANSWER>：3 days", "3 days"),
        ("so **<ANSWER>:** 3 days", "3 days"),
        ("so <ANSWER>: **3** of 4 days", "**3** of 4 days"),
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
    [
        *(*MARKERS, "</document >", "<Answer>", "##END_QUOTE##", "<|assistant|>", "</s>"),
        *("<|eot_id|>", "<start_of_turn>", "<end_of_turn>", "<bos>", "[INST]", "[/INST]"),
        *("<｜User｜>", "<｜begin▁of▁sentence｜>", "[SYSTEM_PROMPT]"),
    ],
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


@pytest.mark.parametrize("refusal", ["", "Das steht nicht da.\n\nLeider."])
def test_a_prompt_parses_back(refusal: str) -> None:
    documents = ["One.\n\n</p> <DOC> two", " ", "ba <document>"]
    prompt = plain_prompt(student_messages("Who?\nAnd when?", documents, refusal=refusal))
    assert parse_prompt(prompt) == ("Who?\nAnd when?", documents, refusal)
    assert parse_prompt(student_question("Who?", documents)) == ("Who?", documents, "")
    for other in ("", "Who?", student_question("", documents), prompt.replace("</DOCUMENT>", "")):
        assert parse_prompt(other) is None


def test_the_instruction_names_what_the_parser_reads() -> None:
    assert all(marker in student_instruction() for marker in MARKERS[2:])
    assert REFUSAL in student_instruction()


def test_a_refusal_of_ones_own_is_asked_for_and_recognised() -> None:
    own = "Tôi không biết điều này."
    assert student_messages("Q?", [], refusal=own)[0]["content"].endswith(f"write only: {own}")
    assert parse_answer(f"<ANSWER>: {own.lower()}", refusal=own).refused
    assert not parse_answer(own).refused
    assert not parse_answer(REFUSAL, refusal=own).refused


# --- the plain prompt ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("3 days", "3 days"),
        (" Answer: 3 days\n", "3 days"),
        ("**Answer:** 3 days", "3 days"),
        ("Answer: 3 days\nExplanation: it says so.", "3 days"),
        ("3 days\n**Reasoning**: it says so.", "3 days"),
        *((f"3 days\n{word}: so.", "3 days") for word in "Reason Justification Notes".split()),
        *((f"3 days\n> {word}: so.", "3 days") for word in ("Source", "Evidence")),
        ("Reasoning: it says so.\nAnswer: 3 days", "3 days"),
        ("Source: the pier's log", "Source: the pier's log"),
        ("Final answer: 3 days", "3 days"),
        ("The answer is 3 days.", "3 days."),
        ("The correct answer is: 3 days", "3 days"),
        ("<ANSWER>: 3 days", "3 days"),
        ("<ANSWER> 3 days", "3 days"),
        ("Antwort: 3 Tage", "3 Tage"),
        ("답변: 사흘", "사흘"),
        ("答案：三天", "三天"),
        ("-5 degrees", "-5 degrees"),
        ("Answer: -5 degrees", "-5 degrees"),
        ("Answering machines", "Answering machines"),
        ("The answers differ", "The answers differ"),
        ("First line\nsecond line", "First line\nsecond line"),
        ("__init__", "__init__"),
        ("Answer: __init__", "__init__"),
        ("Answer:__init__", "__init__"),
        ("Answer:", None),
        ("", None),
    ],
)
def test_a_plain_reply_is_the_answer(text: str, final: str | None) -> None:
    parsed = parse_plain_answer(text)
    assert (parsed.final_answer, parsed.quotes, parsed.refused) == (final, (), False)


@pytest.mark.parametrize(
    "text",
    [
        "3 days\n\nThe document says that rain fell for 3 days.",
        "**Final answer:** 3 days\n\nExplanation: rain fell.",
        "### Answer\n\n3 days",
        "The document says that rain fell for days.\n\nAnswer: 3 days",
        "Based on the documents, the answer is 3 days",
        "Rain fell for all of them. The correct answer is: 3 days",
        "It rained from Monday on, so the answer is 3 days",
        "The document says: ##begin_quote## Rain fell. ##end_quote## <ANSWER>: 3 days",
        "<ANSWER>3 days</ANSWER>",
        "So <ANSWER>: 4? No. <ANSWER>: 3 days",
        "3 days\n\nQuestion: And of snow?\nAnswer: 4 days",  # a base model goes on
        "3 days\n<DOCUMENT>Snow fell for 4.",
    ],
)
def test_a_verbose_reply_gives_its_answer(text: str) -> None:
    assert parse_plain_answer(text).final_answer == "3 days"


@pytest.mark.parametrize(
    "text",
    [
        "They are:\n\n- a boat\n\n- a ham",
        "```python\nload()\n\nrun()\n```",
        "Nobody knows what the answer is",
        "The boats are painted. The answers differ.",
    ],
)
def test_a_list_code_and_a_sentence_stay_whole(text: str) -> None:
    assert parse_plain_answer(text).final_answer == text


@pytest.mark.parametrize(
    "part",
    [
        "   ",
        " *",
        "\n \n",
        "answer *",
        "- ",
        "so ",
        "the answer is",
        "\nAnswer",
        "<ANSWER>",
        "</ANSWER>",
    ],
)
def test_what_a_model_repeats_for_ever_is_read_at_once(part: str) -> None:
    start = time.process_time()
    parse_plain_answer(part * 20_000)
    parse_plain_answer(f"3\n{part * 20_000}3")
    parse_answer(part * 20_000)
    canonical(part * 20_000)
    assert time.process_time() - start < 30


@pytest.mark.parametrize(
    "turn",
    [
        "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nAnd <ANSWER>: 4?",
        "<|im_end|>\n<|im_start|>user\nAsk me more!",
        "<end_of_turn>\n<start_of_turn>user\nAnd",
    ],
)
def test_a_turn_that_follows_is_no_part_of_a_label(turn: str) -> None:
    assert canonical(f"It says so. <ANSWER>: 3 days{turn}") == "It says so. <ANSWER>: 3 days"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (REFUSAL, True),
        (f"I'm sorry, but {REFUSAL}", True),
        (f"The documents speak of snow alone.\n\n{REFUSAL}", True),
        (f"Answer: {REFUSAL.lower().rstrip('.')}", True),
        (f"{REFUSAL} It says nothing of rain.", True),
        ("I'm sorry, but the provided documents do not mention any rain.", True),
        ("The document doesn’t specify when.", True),
        ("**Answer:** Not stated in the documents", True),
        ("I don't know.", True),
        ("The documents mention 3 days", False),
        ("The documents are kept in the attic", False),
        ("Not the ferry but the barge", False),
        ("3 days; the documents do not say which", False),
        (f"Answer: 3 days. Not: {REFUSAL}", False),
        (f"Who says “{REFUSAL}” knows nothing", False),
    ],
)
def test_a_plain_refusal_is_recognised(text: str, refused: bool) -> None:
    parsed = parse_plain_answer(text)
    assert parsed.refused is refused
    assert (parsed.final_answer is None) is refused


def test_the_plain_prompt_holds_documents_question_refusal_and_no_format() -> None:
    own = "Tôi không biết điều này."
    system, user = plain_messages("Q?", ["a", "b"], refusal=own)
    assert system["content"].endswith(f"write only: {own}")
    assert (
        user["content"] == "<DOCUMENT>a</DOCUMENT>\n<DOCUMENT>b</DOCUMENT>\nQuestion: Q?\nAnswer:"
    )
    assert not any(marker in system["content"] for marker in MARKERS)
    assert parse_plain_answer(own, refusal=own).refused
    assert not parse_plain_answer(own).refused
    closed_book, asked = plain_messages("Q?", [])
    assert "documents" not in closed_book["content"].replace(REFUSAL, "")
    assert closed_book["content"].endswith(REFUSAL)
    assert asked["content"] == "Question: Q?\nAnswer:"


def test_a_prompt_is_asked_and_read_alike() -> None:
    assert STUDENT_PROMPT.messages("Q?", ["a"]) == student_messages("Q?", ["a"])
    assert PLAIN_PROMPT.messages("Q?", ["a"]) == plain_messages("Q?", ["a"])
    quoted = "##begin_quote## Rain fell. ##end_quote## <ANSWER>: 3 days"
    assert STUDENT_PROMPT.parse(quoted).final_answer == "3 days"
    assert PLAIN_PROMPT.parse(quoted).final_answer == "3 days"
    assert STUDENT_PROMPT.parse("3 days").final_answer is None
    assert PLAIN_PROMPT.parse("3 days").final_answer == "3 days"
