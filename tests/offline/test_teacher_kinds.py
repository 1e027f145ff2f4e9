"""Questions on kinds of things, and what lets them stand alone."""

from __future__ import annotations

import pytest

from lib.prompts.student import parse_answer
from lib.records import Chunk
from offline.teacher import teacher

FIELD = "Kiteboarding - Wikipedia"
GUIDE = "Harbours of the Tern Islands: Depths and Dues"


def asked(text: str, title: str) -> dict[str, str]:
    """Every question on a text, with its answer."""
    chunk = Chunk("notes.md#0", "notes.md", title, 1, 0, len(text), text)
    questions = teacher.write_questions(chunk, num_questions=50, seed=0)
    for question in questions:
        [quote] = parse_answer(question.cot_answer).quotes
        assert quote in text
        assert question.answer in quote
    return {question.text: question.answer for question in questions}


PAIRS = [
    (
        "Barrel waves are large because the water depth is small.",
        "In kiteboarding, why are barrel waves large?",
        "because the water depth is small",
    ),
    ("Kiteboarding is a wind sport.", "What is kiteboarding?", "a wind sport"),
]


@pytest.mark.parametrize(("sentence", "question", "answer"), PAIRS)
def test_what_holds_of_a_kind_is_asked_in_its_field(
    sentence: str, question: str, answer: str
) -> None:
    found = asked(sentence, FIELD)
    assert found.get(question) == answer, found


def test_a_title_with_a_name_stands_for_the_field() -> None:
    found = asked("Planks are seasoned for three years under the chapel.", GUIDE)
    opening = "According to “Harbours of the Tern Islands”, "
    asked_for = f"{opening}for how long are planks seasoned under the chapel?"
    assert found.get(asked_for) == "three years", found


@pytest.mark.parametrize("title", ["Notes", "Introduction", "12"])
def test_a_kind_is_not_asked_about_under_a_title_that_says_nothing(title: str) -> None:
    assert asked("Barrel waves are large because the water depth is small.", title) == {}


@pytest.mark.parametrize(
    "sentence",
    [
        "The remainder propels the user and the board.",  # of what?
        "The goal is keeping a good edge upwind.",
        "Modern boards use foam, oak, elm, which is glued.",  # a cut list
    ],
)
def test_what_names_nothing_or_was_cut_is_left_out(sentence: str) -> None:
    assert asked(sentence, FIELD) == {}
