"""Questions after a whole predicate or its subject, and clear signs of bad ones."""

from __future__ import annotations

import re

import pytest

from lib.records import Chunk
from lib.settings import PROJECT_DIR
from offline.teacher import NOTICE, rules_subject, rules_whole, signs, teacher
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


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        (
            "Bat tails provide looseness for rail to rail transitions.",
            "Which tails provide looseness for rail to rail transitions?",
            "bat tails",
        ),
        (
            "The old ferry between the islands carries mail and parcels in winter.",
            "What carries mail and parcels in winter?",
            "the old ferry between the islands",
        ),
        (
            "Alan Brenn wrote the tide tables of the northern coast.",
            "Who wrote the tide tables of the northern coast?",
            "Alan Brenn",
        ),
        (
            "The person moving the motion should explain the change in a short speech.",
            "Who should explain the change in a short speech?",
            "the person moving the motion",
        ),
        (
            "A mooring chain holds the buoy against wind, tide, and the wash of ferries.",
            "What holds the buoy against wind, tide, and the wash of ferries?",
            "a mooring chain",
        ),
    ],
)
def test_the_subject_is_the_answer(text: str, question: str, answer: str) -> None:
    [draft] = rules_subject.subjects(text, frozenset())
    assert (draft.text, draft.answer) == (question, answer)


@pytest.mark.parametrize(
    "text",
    [
        "The tarred ropes used for boats or nets must be dry before the sale.",  # a participle
        "The north pilots charge 48 crowns for each metre of draught.",  # a noun
        "The delay of the returning boats allows the keeper to count them.",
        "Early accounts suggest island peoples were sailing over the ocean.",
        "The members of the crew like to sing when she sails.",  # who?
        "The north light is slightly brighter in the winter months.",  # than which?
        "Other harbours were Skarvik, Lathe and the Salt Store.",
        "They carry the mail to the outer islands in winter.",
        "The lamp was lit and the bells of the chapel were heard far away.",  # two statements
    ],
)
def test_a_subject_that_may_be_misread_is_not_asked_for(text: str) -> None:
    assert not list(rules_subject.subjects(text, frozenset()))


def chunk_of(text: str, title: str) -> Chunk:
    return Chunk("notes.md#0", "notes.md", title, 1, 0, len(text), text)


def test_the_title_of_the_document_does_not_tell_the_answer() -> None:
    text = "The Juniper Path leads across the moor from the old mill to the ice pond."
    under = {
        title: teacher.write_questions(chunk_of(text, title), num_questions=9, seed=0)
        for title in ("The Juniper Path", "Walks on the Moor")
    }
    assert not [q for q in under["The Juniper Path"] if q.answer == "The Juniper Path"]
    assert [q for q in under["Walks on the Moor"] if q.answer == "The Juniper Path"]


def test_questions_after_a_subject_are_the_words_behind_it() -> None:
    """On the sample corpus: question word, then the sentence, but for the number of its verb."""
    seen = 0
    for path in sorted((PROJECT_DIR / "sample_data").glob("*.md")):
        chunk = chunk_of(path.read_text(), "Islands")
        for draft, quote in teacher._candidates(chunk):
            if draft.rule != "subject":
                continue
            seen += 1
            asked = re.sub(r"^According to “.*?”, ", "", draft.text).rstrip("?")
            assert quote.count(draft.answer) >= 1
            assert asked.split()[-1].strip('"') in quote
            assert draft.answer not in asked
    assert seen >= 20


def test_it_says_what_it_asks() -> None:
    words = re.compile(r"\b(?:who(?=m?\b)|what|which|when|where|why|how)")
    folder = PROJECT_DIR / "sample_data"
    asked_words = set()
    for path in sorted([*folder.glob("*.md"), *folder.glob("*.txt")]):
        chunk = chunk_of(path.read_text(), path.stem)
        for question in teacher.write_questions(chunk, num_questions=99, seed=0):
            asked_words.add(words.findall(question.text.lower())[0])
    assert asked_words == set(words.findall(NOTICE))
