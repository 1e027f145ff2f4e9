from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from lib.gen.ask.rows import _UNREADABLE
from lib.gen.gates import (
    REMEDIES,
    Rejection,
    check_question,
    check_whole,
    judge_answer,
    judge_pair,
)
from lib.prompts.student import REFUSAL, canonical, cot_label, parse_answer
from lib.prompts.teacher import parse_questions
from lib.recipe import Recipe
from lib.records import Chunk, Question

TEXT = (
    "The pier was built in 1829 by Barnard Lisle. It is 210 metres long,\nand it has three lamps."
)
CHUNK = Chunk("a#0", "a", "Piers", 1, 0, len(TEXT), TEXT)
QUESTION = Question("a#0?0", "a#0", "Who built the pier of Sandry?")
PAIRS = Recipe(dataset_kind="qa")
GOOD = cot_label("So it says.", "built in 1829 by Barnard Lisle", "Barnard Lisle")


@pytest.mark.parametrize(
    "text",
    [
        "Who built the pier of Sandry in 1829?",
        "Which of those who built the pier lived in Sandry?",
        "What has its office in the old Customs House?",
        "In what year did Laird Hamilton say that he would stop?",
        "What is the section of the wave that breaks called?",
        "When Ann Rees opened the yard, how many boats did she own?",
        "What does the text of the treaty forbid?",
        "¿Quién construyó el muelle?",
        "灯台は何年に建てられましたか？",
    ],
)
def test_questions_that_stand_alone_pass(text: str) -> None:
    check_question(text, CHUNK, Recipe())


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("Tell me who built the pier.", "form"),
        ("Who built it </DOCUMENT> then?", "form"),
        ("word " * 70 + "?", "form"),
        ("What does the passage say about piers?", "stands_alone"),
        ("According to the document, who built the pier?", "stands_alone"),
        ("What is this product made of?", "stands_alone"),
        ("Which piers are listed above?", "stands_alone"),
        ("What are the above rules for?", "stands_alone"),
        ("When was it built?", "stands_alone"),
        ("How long did he live in Sandry?", "stands_alone"),
        ("What is its length?", "stands_alone"),
        ("In what year did they open the pier?", "stands_alone"),
    ],
)
def test_questions_that_lean_on_something_are_refused(text: str, gate: str) -> None:
    with pytest.raises(Rejection) as caught:
        check_question(text, CHUNK, Recipe())
    assert caught.value.gate == gate


def test_years_and_numbers_of_a_question_stay() -> None:
    asked = ["1829 saw what in Sandry?", "What cost 3.50 crowns in 1904?"]
    assert parse_questions("1. " + asked[0] + "\n2) " + asked[1]) == asked


def test_a_good_answer_passes() -> None:
    answered = judge_answer(QUESTION, CHUNK, GOOD, Recipe())
    assert answered == replace(QUESTION, cot_answer=GOOD, answer="Barnard Lisle")


@pytest.mark.parametrize(
    ("reply", "finish_reason", "gate"),
    [
        (GOOD, "length", "complete"),
        ("", "content_filter", "content_filter"),
        (" \n", "stop", "empty"),
        (REFUSAL, "stop", "teacher_refused"),
        (GOOD.partition("<ANSWER>")[0], "stop", "parsable"),
        (GOOD.partition("<ANSWER>")[0] + "<ANSWER>: —", "stop", "parsable"),
        (GOOD + " <ANSWER>: again", "stop", "parsable"),
        (GOOD + " word" * 50, "stop", "length"),
        (cot_label("So:", "built in 1829", "the pier"), "stop", "told"),
        ("It was Barnard Lisle. <ANSWER>: Barnard Lisle", "stop", "quoted"),
        ("##begin_quote## built in 1829 <ANSWER>: 1829", "stop", "quoted"),
        (cot_label("So:", "", "1829"), "stop", "verbatim"),
        (cot_label("So:", "built in 1830 by Barnard Lisle", "1830"), "stop", "verbatim"),
        (cot_label("So:", "The Pier was built", "1829"), "stop", "verbatim"),
        (cot_label(cot_label("A", "in 1829", "")[:-10], "no such", "1829"), "stop", "verbatim"),
    ],
)
def test_each_gate_refuses_with_its_name(reply: str, finish_reason: str, gate: str) -> None:
    def judge() -> None:
        check_whole(reply, finish_reason)
        judge_answer(QUESTION, CHUNK, reply, Recipe())

    with pytest.raises(Rejection) as caught:
        judge()
    assert caught.value.gate == gate
    rejected = caught.value.of(QUESTION, reply)
    assert (rejected.question, rejected.gate, bool(rejected.reason)) == (QUESTION.text, gate, True)


def test_a_stored_quote_has_the_documents_own_characters() -> None:
    text = "The keeper’s log — kept by “Old” Ann —\nsays:\u00a0it’s 12–14 lamps…"
    quotes = ("keeper's log - kept by \"Old\" Ann - says: it's", "12-14 lamps...")
    straight = f"##begin_quote##{quotes[0]}##end_quote## and " + cot_label("", quotes[1], "12-14")
    chunk = replace(CHUNK, text=text)
    answered = judge_answer(QUESTION, chunk, straight, Recipe())
    stored = parse_answer(answered.cot_answer).quotes
    assert stored == ("keeper’s log — kept by “Old” Ann — says: it’s", "12–14 lamps…")
    assert all(quote in " ".join(text.split()) for quote in stored)
    for own, quote in zip(stored, quotes, strict=True):
        straight = straight.replace(quote, own)
    assert answered.cot_answer == straight  # nothing else is touched
    assert judge_answer(QUESTION, chunk, straight, Recipe()) == answered


def test_canonical_writes_the_published_marks() -> None:
    reply = "A ##Begin_Quote## x ## end_quote## **<Answer>:** 3 days"
    assert canonical(reply) == "A ##begin_quote## x ##end_quote## <ANSWER>: 3 days"
    assert canonical("so <ANSWER>：3 天") == "so <ANSWER>: 3 天"
    assert canonical("so <ANSWER>: **3 days**") == "so <ANSWER>: 3 days"
    assert canonical("so <ANSWER>: **3** of 4") == "so <ANSWER>: **3** of 4"
    assert canonical("so\n<ANSWER>: \\boxed{\\frac{1}{2}}") == "so\n<ANSWER>: \\boxed{\\frac{1}{2}}"


@pytest.mark.parametrize(
    "reply",
    [
        "**<ANSWER>: 3 days**",
        "**<ANSWER>:** **3 days**",
        "`<ANSWER>`: 3 days",
        "<ANSWER>: \\boxed{3 days}",
        "<ANSWER>: $\\boxed{\\text{3 days}}$",
        "<RÉPONSE> : 3 days",
        "＜ANSWER＞：3 days",
        "&lt;ANSWER&gt;: 3 days",
    ],
)
@pytest.mark.parametrize(
    "wrapped", [str, "```\n{}\n```".format, lambda text: json.dumps({"answer": text}, indent=1)]
)
@pytest.mark.parametrize("around", ["", "“”", '""', "**", "……"])
def test_no_label_holds_what_a_teacher_puts_around_its_parts(
    reply: str, wrapped: Callable[[str], str], around: str
) -> None:
    begin, end = around[:1] * 2, around[1:] * 2
    said = f"So: ##begin_quote## {begin}built in 1829{end} ##end_quote## {reply}"
    answered = judge_answer(QUESTION, CHUNK, wrapped(said), Recipe())
    label = "So: ##begin_quote## built in 1829 ##end_quote## <ANSWER>: 3 days"
    assert (answered.cot_answer, answered.answer) == (label, "3 days")


@pytest.mark.parametrize(
    "said", ["Built in 1829", "built in 1829.", "“Built in 1829.”", "built in 1829,"]
)
def test_a_quote_may_begin_with_a_capital_and_end_with_a_full_stop(said: str) -> None:
    reply = f"So: ##begin_quote##{said}##end_quote## <ANSWER>: 3 days"
    answered = judge_answer(QUESTION, CHUNK, reply, Recipe())
    assert parse_answer(answered.cot_answer).quotes == ("built in 1829",)


@pytest.mark.parametrize("said", ["BUILT in 1829", "built in 1829. It", "Uilt in 1828"])
def test_no_other_change_of_a_quote_is_taken(said: str) -> None:
    reply = f"So: ##begin_quote##{said}##end_quote## <ANSWER>: 3 days"
    with pytest.raises(Rejection, match="not in the document"):
        judge_answer(QUESTION, CHUNK, reply, Recipe())


def test_reasoning_and_answer_may_come_as_json() -> None:
    reply = json.dumps({"reasoning": "So: **##begin_quote##**x**##end_quote##**", "answer": "3"})
    assert canonical(reply) == "So: ##begin_quote##x##end_quote## <ANSWER>: 3"
    assert canonical("So: ## Begin Quote ##x## end quote ##") == "So: ##begin_quote##x##end_quote##"


@pytest.mark.parametrize(
    "text",
    [
        "Laut dem Text, wer baute die Mole?",
        "Selon le passage, qui a construit la jetée ?",
        "Según el texto, ¿quién construyó el muelle?",
        "Theo đoạn văn, ai đã xây cầu tàu?",
        "이 문서에 따르면 누가 부두를 지었습니까?",
        "この文書によると、誰が埠頭を建てましたか？",
    ],
)
def test_leaning_on_the_text_is_refused_in_other_languages(text: str) -> None:
    with pytest.raises(Rejection) as caught:
        check_question(text, CHUNK, Recipe())
    assert caught.value.gate == "stands_alone"


@pytest.mark.parametrize(
    "text",
    [
        "Que dit le texte de la loi ? Que dit-on dans le texte de la loi ?",
        "많은 사람들이 글을 쓴 곳은 어디입니까?",
        "日本文書館はどこにありますか？",
    ],
)
def test_a_text_that_is_spoken_of_is_no_leaning(text: str) -> None:
    check_question(text, CHUNK, Recipe())


def test_the_teacher_may_say_that_there_is_no_answer() -> None:
    for reply in ("NONE", "It is not there. <ANSWER>: NONE."):
        with pytest.raises(Rejection) as caught:
            judge_answer(QUESTION, CHUNK, reply, Recipe())
        assert caught.value.gate == "teacher_refused"
    answered = judge_answer(QUESTION, CHUNK, cot_label("So:", "three lamps", "None"), Recipe())
    assert answered.answer == "None"


def test_an_answers_length_is_a_parameter() -> None:
    with pytest.raises(Rejection) as caught:
        judge_answer(QUESTION, CHUNK, GOOD, Recipe(max_answer_words=1))
    assert caught.value.gate == "length"


@pytest.mark.parametrize(
    ("answer", "gate"),
    [
        ("", "parsable"),
        ("NONE", "teacher_refused"),
        ("the pier", "told"),
        ("word " * 151, "length"),
        ("Lisle </DOCUMENT>", "form"),
    ],
)
def test_each_gate_of_a_pair_refuses_with_its_name(answer: str, gate: str) -> None:
    with pytest.raises(Rejection) as caught:
        judge_pair(QUESTION, answer, PAIRS)
    assert caught.value.gate == gate
    answer = "Barnard Lisle built it."
    assert judge_pair(QUESTION, answer, PAIRS).answer == answer


def test_every_unreadable_reply_has_a_remedy() -> None:
    assert {*_UNREADABLE} <= REMEDIES.keys()
