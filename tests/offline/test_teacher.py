"""The built-in teacher: what it asks is grammatical, stands alone and is answered by its quote."""

from __future__ import annotations

import re

import pytest

from lib.prompts.student import parse_answer
from lib.records import Chunk, Question
from offline.teacher import NAME, NOTICE, teacher
from offline.teacher.sentences import split_sentences

PROSE = """\
## The harbour

The Halvery Light was built in 1875 by Alan Brenn. It was first lit on 3 May 1877, and it stands \
41 metres above the sea. Its square tower is made of granite and was painted white in 1902. The \
keeper Zachary Wynn served the Halvery Light for 44 years.

The ferry Tern was launched at Skarvik in 1998. She carries 150 passengers and 12 cars, and is \
46 metres long. The Tern runs from Skarvik to Lathe every 40 minutes, and a single ticket for the \
Tern costs 9 crowns. It is not known why. They like it. Is the Tern fast? The \
Tern weighs 3.5 tonnes.

| Ferry | Length |
|---|---|
| Tern | 46 metres |

- The Skarvik Bakery was founded by Ida Holm in 1921.
- see also St. Anne's Light

Dr. Petra Voss is the harbourmaster of Skarvik. Munn & Company was founded in 1919 and owns \
"""


def chunk_of(text: str, *, start: int = 0, title: str = "Notes") -> Chunk:
    return Chunk(f"notes.md#{start}", "notes.md", title, 1, start, start + len(text), text)


def asked(text: str, **options: str) -> dict[str, str]:
    """Every question on a text, with its answer."""
    chunk = chunk_of(text, title=options.get("title", "Notes"))
    questions = teacher.write_questions(chunk, num_questions=50, seed=0)
    return {question.text: question.answer for question in questions}


PAIRS = [
    (
        "The Halvery Light was first lit on 3 May 1877.",
        "When was the Halvery Light first lit?",
        "3 May 1877",
    ),
    (
        "In 1968 Noah Ballard founded the Tern Line.",
        "When did Noah Ballard found the Tern Line?",
        "1968",
    ),
    (
        "Noah Ballard wrote the Tern Song in 1911.",
        "Who wrote the Tern Song in 1911?",
        "Noah Ballard",
    ),
    (
        "Packet House was designed by Lionel Frith.",
        "By whom was Packet House designed?",
        "Lionel Frith",
    ),
    ("The Tern carries 42 passengers.", "How many passengers does the Tern carry?", "42"),
    ("The Tern Line costs 9.50 crowns.", "How much does the Tern Line cost?", "9.50 crowns"),
    ("The Halvery Light is 33 metres tall.", "How tall is the Halvery Light?", "33 metres"),
    ("The Old Mole is about 400 metres long.", "How long is the Old Mole?", "about 400 metres"),
    ("The Tern weighs 1,200 kilograms.", "How much does the Tern weigh?", "1,200 kilograms"),
    ("The Lathe ferry takes 45 minutes.", "How long does the Lathe ferry take?", "45 minutes"),
    (
        "The Halvery Light flashes every 24 seconds.",
        "How often does the Halvery Light flash?",
        "every 24 seconds",
    ),
    (
        "Packet House stands on Lantern Street.",
        "Where does Packet House stand?",
        "on Lantern Street",
    ),
    (
        "The Tern Bell is kept in the church at Skarvik.",
        "Where is the Tern Bell kept?",
        "in the church at Skarvik",
    ),
    ("Quarle Roads is an anchorage for ships.", "What is Quarle Roads?", "an anchorage for ships"),
    ("The mayor of Skarvik is Petra Voss.", "Who is the mayor of Skarvik?", "Petra Voss"),
    (
        "Petra Voss has led the Tern Line since 2012.",
        "Since when has Petra Voss led the Tern Line?",
        "2012",
    ),
]


@pytest.mark.parametrize(("sentence", "question", "answer"), PAIRS)
def test_sentence_to_question(sentence: str, question: str, answer: str) -> None:
    found = asked(f"{sentence} On the Tern there was a Halvery bell.")
    assert found.get(question) == answer, found


SKIPPED = [
    "It was built in 1875 by Alan Brenn of Lathe.",  # whom "it" means, nobody says
    "This was founded in 1921 by Ida Holm of Lathe.",
    "The Tern was not built in 1921 at Skarvik.",
    "Was the Tern built in 1875 by Alan Brenn?",
    "See Fig. 3 and https://example.org of 1999 by Ida Holm.",
    "Die Fähre wurde 1921 in Lathe von Ida Holm gebaut.",
    "the Tern was built in 1875 by Alan Brenn.",
]


@pytest.mark.parametrize("sentence", SKIPPED)
def test_nothing_is_asked_where_the_rules_do_not_reach(sentence: str) -> None:
    assert asked(sentence) == {}


def test_a_chunk_that_begins_in_the_middle_of_a_sentence() -> None:
    text = "Brenn Light was moved to Lathe in 1901.\nThe Tern Mill was sold to Ida\nHolm in 1931."
    chunk = chunk_of(text, start=120)
    answers = {q.answer for q in teacher.write_questions(chunk, num_questions=9, seed=0)}
    assert "1931" in answers
    assert "1901" not in answers  # "… the Alan" may stand before the cut


def test_sentences_are_complete() -> None:
    quotes = [s.quote for s in split_sentences(PROSE, at_start=True)]
    assert "The Skarvik Bakery was founded by Ida Holm in 1921." in quotes
    assert "The Tern weighs 3.5 tonnes." in quotes
    assert "Dr. Petra Voss is the harbourmaster of Skarvik." in quotes
    assert not any("|" in q or "Munn" in q or "St. Anne" in q or "?" in q for q in quotes)


def test_citation_marks_and_brackets_stay_in_the_quote_and_out_of_the_question() -> None:
    text = "The Halvery Light[12] was built (by hand) in 1875.[3][4] The Tern sank."
    chunk = chunk_of(text)
    [question] = teacher.write_questions(chunk, num_questions=1, seed=0)
    assert question.text == "When was the Halvery Light built?"
    assert parse_answer(question.cot_answer).quotes == (
        "The Halvery Light[12] was built (by hand) in 1875.",
    )


def test_a_pronoun_means_the_subject_before_it() -> None:
    found = asked(PROSE)
    assert found["When was the Halvery Light first lit?"] == "3 May 1877"
    # A person is no "it".
    alone = asked("Ida Holm lived in Lathe. It was built in 1921 by Alan Brenn.")
    assert not any("1921" in answer for answer in alone.values())


@pytest.fixture
def questions() -> list[Question]:
    found = teacher.write_questions(chunk_of(PROSE), num_questions=50, seed=0)
    assert len(found) >= 12
    return found


def test_every_quote_is_verbatim_and_holds_the_answer(questions: list[Question]) -> None:
    folded = " ".join(PROSE.split())
    for question in questions:
        parsed = parse_answer(question.cot_answer)
        [quote] = parsed.quotes
        assert quote in folded
        assert len(quote.split()) <= 40
        assert question.answer == parsed.final_answer
        assert question.answer in quote
        assert len(question.answer.split()) <= 8


def test_questions_stand_alone_and_do_not_tell(questions: list[Question]) -> None:
    for question in questions:
        assert question.text.endswith("?")
        assert question.text[0].isupper()
        assert not re.search(r"\b(?:it|he|she|they|this|these)\b", question.text, re.IGNORECASE)
        assert re.search(r"Halvery|Tern|Skarvik|Wynn|Voss|Lathe|Brenn|Holm", question.text)
        assert question.answer.lower() not in question.text.lower()


def test_numbers_in_a_question_are_whole() -> None:
    numbers = set(re.findall(r"\d[\d.,]*\d|\d", PROSE))
    found = teacher.write_questions(chunk_of(PROSE), num_questions=50, seed=0)
    used = {n for q in found for n in re.findall(r"\d[\d.,]*\d|\d", q.text + " " + q.answer)}
    assert used
    assert used <= numbers
    assert any(re.search(r"\b1875\b", q.text) for q in found)


def test_the_same_seed_gives_the_same_questions_and_ids_count_from_0() -> None:
    chunk = chunk_of(PROSE)
    first = teacher.write_questions(chunk, num_questions=6, seed=3)
    assert first == teacher.write_questions(chunk, num_questions=6, seed=3)
    assert [q.id for q in first] == [f"{chunk.id}?{i}" for i in range(6)]
    assert {q.chunk_id for q in first} == {chunk.id}


def test_few_questions_spread_over_sentences() -> None:
    found = teacher.write_questions(chunk_of(PROSE), num_questions=4, seed=1)
    assert len({parse_answer(q.cot_answer).quotes for q in found}) == 4
    assert len({q.answer for q in found}) == 4


def test_it_says_what_it_is() -> None:
    assert NOTICE.startswith("Built-in extractive teacher: rules, not a language model.")
    assert re.fullmatch(r"extractive-\d+", NAME)


@pytest.mark.parametrize("initial", "ACPX")
def test_an_initial_ends_no_sentence(initial: str) -> None:
    buyer = f"Amir {initial}. Khan"
    found = asked(f"The Skarvik mill was bought by {buyer} in 1911.")
    assert found[f"When was the Skarvik mill bought by {buyer}?"] == "1911"
