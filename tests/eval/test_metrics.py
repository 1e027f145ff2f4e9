"""Metrics: SQuAD's rules in every script, and unscored is not zero."""

from __future__ import annotations

import pytest

from lib.eval.conditions import Case
from lib.eval.metrics import (
    CORRECTNESS,
    QUOTES,
    exact_match,
    f1,
    normalise,
    quotes_in_context,
    rouge_l,
    score_answers,
)
from lib.prompts import QUOTE_BEGIN, QUOTE_END, REFUSAL
from lib.records import Answer
from tests.eval.toy import answer, make_chunks, question_of, right


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Tamsay\tLine", "tamsay line"),
        ("a cat, an owl & the dog.", "cat owl dog"),
        ("Anthem of theatres", "anthem of theatres"),  # articles are words, not beginnings
        ("“Ölfass” — GROSSE STRASSE!", "ölfass grosse strasse"),
        ("große Straße", "grosse strasse"),
        ("１２ km", "12 km"),
        ("日本、東京。", "日本東京"),
        ("Ärger", "Ärger".lower()),
        ("A\u0308rger", "ärger"),  # decomposed letters are the composed ones
        ("The", "the"),  # nothing else is left
        ("%", "%"),
        ("", ""),
    ],
)
def test_normalise_follows_squad(text: str, normal: str) -> None:
    assert normalise(text) == normal


@pytest.mark.parametrize(
    ("reply", "gold", "em", "token_f1"),
    [
        ("The crimson door.", "crimson door", 1.0, 1.0),
        ("crimson", "crimson door", 0.0, 2 / 3),
        ("door door", "door", 0.0, 2 / 3),  # tokens count with their multiplicity
        ("blue", "crimson door", 0.0, 0.0),
        ("東京都", "東京", 0.0, 0.8),
        ("Москва", "москва!", 1.0, 1.0),
    ],
)
def test_exact_match_and_f1(reply: str, gold: str, em: float, token_f1: float) -> None:
    assert exact_match(reply, gold) == em
    assert f1(reply, gold) == pytest.approx(token_f1)
    assert f1(reply, gold) == f1(gold, reply)


def test_rouge_l_respects_order_and_reads_every_script() -> None:
    assert rouge_l("the red door of Velm", "red door of Velm") == 1.0
    assert rouge_l("door red", "red door") == pytest.approx(0.5)
    assert rouge_l("красная дверь", "Красная дверь") == 1.0
    assert rouge_l("blue", "red door") == 0.0


def test_quotes_are_verbatim_but_for_white_space() -> None:
    context = "The mill was painted green. Nobody knows why."
    assert quotes_in_context(("mill was\n painted", "Nobody knows"), context) == 1.0
    assert quotes_in_context(("The mill was painted red.", "Nobody"), context) == 0.5
    assert quotes_in_context(("",), context) == 0.0
    assert quotes_in_context((), context) is None


def scored(text: str, *, finish_reason: str = "stop") -> dict[str, tuple[float | None, str]]:
    chunk = make_chunks(1)[0]
    question = question_of(chunk)
    case = Case(question.id, question.text, "oracle", (chunk,), 0)
    text = text.replace("RIGHT", right(case, {question.id: question}))
    reply: Answer = answer(case, "student", text, finish_reason=finish_reason)
    scores = score_answers([reply], [question], [case])
    assert {(s.question_id, s.model, s.condition) for s in scores} == {
        (question.id, "student", "oracle")
    }
    return {s.metric: (s.value, s.explanation) for s in scores}


def test_a_right_answer_has_full_marks() -> None:
    assert {value for value, _ in scored("RIGHT").values()} == {1.0}


def test_a_reply_without_final_answer_is_unscored_and_never_zero() -> None:
    for text in ("crimson0", "", f"{QUOTE_BEGIN} crimson {QUOTE_END}", "so <ANSWER>:"):
        assert [scored(text)[metric] for metric in CORRECTNESS] == [(None, "no final answer")] * 3
    assert scored("So", finish_reason="length")["f1"] == (None, "cut at the token limit")
    assert scored("so <ANSWER>: crimson0")[QUOTES] == (None, "no quotes")


def test_a_refusal_is_a_wrong_answer_however_it_is_written() -> None:
    for text in (REFUSAL, f"<ANSWER>: {REFUSAL}", REFUSAL.upper()):
        assert [scored(text)[metric] for metric in CORRECTNESS] == [(0.0, "refused")] * 3
