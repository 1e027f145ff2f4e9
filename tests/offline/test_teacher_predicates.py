"""Questions after a whole predicate or its subject, and clear signs of bad ones."""

from __future__ import annotations

import pytest

from offline.teacher import rules_whole, signs
from offline.teacher.drafting import Draft


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        (
            "At high water, the north pump stops after an hour of work.",
            "What does the north pump do at high water?",
            "stops after an hour of work",
        ),
        (
            "The harbour office can refuse a boat without papers.",
            "What can the harbour office refuse?",
            "a boat without papers",
        ),
        (
            "The north crane is used to lift the boats of members.",
            "What is the north crane used for?",
            "to lift the boats of members",
        ),
        (
            "The harbour office is responsible for the care of the quay.",
            "What is the harbour office responsible for?",
            "the care of the quay",
        ),
        (
            "A berth holder must renew a permit by paying the yearly fee.",
            "How must a berth holder renew a permit?",
            "by paying the yearly fee",
        ),
        (
            "The tide table allows skippers to plan the way home.",
            "What does the tide table allow skippers to do?",
            "plan the way home",
        ),
        (
            "Your tide table will be a sheet of yellow card.",
            "What will your tide table be?",
            "a sheet of yellow card",
        ),
        (
            "The harbour office does not store the spare lamps of a visitor.",
            "What does the harbour office not do?",
            "store the spare lamps of a visitor",
        ),
        (
            "Ida Holm is the owner of the harbour crane.",
            "Who is Ida Holm?",
            "the owner of the harbour crane",
        ),
    ],
)
def test_the_whole_predicate_is_the_answer(text: str, question: str, answer: str) -> None:
    [draft] = rules_whole.whole_predicates(text, frozenset())
    assert (draft.text, draft.answer) == (question, answer)


@pytest.mark.parametrize(
    "text",
    ["Turn the pump off at night.", "These pumps stop at noon every day.", "It stops."],
)
def test_orders_and_pronouns_have_no_predicate_to_ask_for(text: str) -> None:
    assert not list(rules_whole.whole_predicates(text, frozenset()))


@pytest.mark.parametrize(
    ("question", "answer", "quote"),
    [
        ("What does another pump need?", "a new seal", "Another pump needs a new seal."),
        ("What does an arm consist of?", "a pattern", "An arm consists of a pattern to match."),
        (
            "What does the risk of hitting hard do?",
            "objects or other boats is minimal",
            "The risk of hitting hard objects or other boats is minimal.",
        ),
        ("What do the only bell need?", "a new rope", "The only bell needs a new rope."),
    ],
)
def test_clear_signs_of_a_bad_question(question: str, answer: str, quote: str) -> None:
    draft = Draft(question, answer, 1.0, titled=True, rule="whole")
    assert not signs.stands(draft, quote, quote)


def test_made_of_may_end_a_question() -> None:
    draft = Draft("What is the Tern Bell made of?", "bronze", 2.6, rule="relation")
    quote = "The Tern Bell is made of bronze."
    assert signs.stands(draft, quote, quote)
