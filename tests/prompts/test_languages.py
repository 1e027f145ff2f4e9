"""Which language a text is in, and that rows in any come out as they were."""

from __future__ import annotations

import json
import unicodedata

import pytest

from lib.prompts.languages import can_check, is_in, language_name
from lib.prompts.student import Message
from tests.gen.scripted import ask, chunk_of

SAID = {
    "English": "Which keeper of the Sandry pier lit the northern lamp in 1904?",
    "Vietnamese": "Ai đã thắp ngọn đèn phía bắc của cầu tàu Sandry vào năm 1904?",
    "Korean": "1904년에 Sandry 부두의 북쪽 등불을 켠 사람은 누구입니까?",
    "Japanese": "1904年にサンドリー埠頭の北の灯をともしたのは誰ですか？",
    "Chinese": "1904年是谁点亮了桑德里码头的北灯？",
    "German": "Wer hat die nördliche Lampe der Mole von Sandry im Jahr 1904 angezündet?",
    "French": "Qui a allumé la lampe nord de la jetée de Sandry en 1904 ?",
    "Spanish": "¿Quién encendió la lámpara norte del muelle de Sandry en 1904?",
    "Russian": "Кто зажёг северную лампу на пирсе Сандри в 1904 году?",
    "Thai": "ใครจุดตะเกียงทางเหนือของท่าเรือแซนดรีในปี 1904?",
    "Arabic": "من أضاء المصباح الشمالي في رصيف ساندري عام 1904؟",
}


@pytest.mark.parametrize("language", SAID)
def test_a_text_is_in_its_language_and_in_no_other(language: str) -> None:
    assert can_check(language)
    assert [other for other in SAID if is_in(SAID[language], other)] == [language]


def test_accents_may_be_characters_of_their_own() -> None:
    assert is_in(unicodedata.normalize("NFD", SAID["Vietnamese"]), "vi")
    assert is_in(unicodedata.normalize("NFD", SAID["Korean"]), "ko")


def test_names_and_numbers_are_in_any_language() -> None:
    assert is_in("Laird Hamilton", "Vietnamese")
    assert is_in("1904", "Korean")
    assert is_in(SAID["English"], "Klingon")
    assert not can_check("Klingon")


def test_codes_and_names() -> None:
    assert [language_name(text) for text in ("ko", "korean", "Klingon", "")] == [
        *("Korean", "Korean", "Klingon", "")
    ]


@pytest.mark.parametrize(
    ("language", "text", "question", "quote", "answer"),
    [
        (
            "vi",
            "Cầu tàu Sandry được xây vào năm 1829 bởi Barnard Lisle. Nó dài 210 mét.",
            "Cầu tàu Sandry được xây vào năm nào?",
            "được xây vào năm 1829",
            "năm 1829 bởi Barnard Lisle",
        ),
        (
            "ko",
            "샌드리 부두는 1829년에 바너드 라일이 지었다. 길이는 210미터이다.",
            "샌드리 부두는 누가 지었습니까?",
            "바너드 라일이 지었다",
            "바너드 라일",
        ),
    ],
)
@pytest.mark.parametrize("ask_mode", ["separate", "joint"])
def test_rows_come_out_unchanged(
    language: str, text: str, question: str, quote: str, answer: str, ask_mode: str
) -> None:
    reasoning = f"##begin_quote##{quote}##end_quote##"

    def says(messages: list[Message]) -> str:
        asked = messages[-1]["content"]
        if '"rows"' in asked:
            row = {"question": question, "reasoning": reasoning, "answer": answer}
            return json.dumps({"rows": [row]}, ensure_ascii=ask_mode == "joint")
        if '"questions"' in asked:
            return json.dumps({"questions": [question]})
        return f"{reasoning} <ANSWER>: {answer}"

    chunk = chunk_of(text)
    outcome, _ = ask([chunk], says, language=language, ask_mode=ask_mode, questions_per_chunk=1)
    (found,) = outcome.questions
    assert (found.text, found.answer) == (question, answer)
    assert found.cot_answer == f"{reasoning} <ANSWER>: {answer}"
    outcome, _ = ask([chunk], says, language="en", ask_mode=ask_mode, questions_per_chunk=1)
    assert [item.gate for item in outcome.rejected] == ["language"]
