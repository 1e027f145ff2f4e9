"""The built-in teacher on documents in other styles: a manual, a policy, minutes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lib.gen.chunks import Splitter
from lib.prompts.student import parse_answer
from lib.recipe import Recipe
from lib.records import Chunk, Document, Page
from offline.teacher import teacher
from offline.teacher.titles import document_name

MANUAL = """\
# Brewmaster 40 Coffee Machine: Manual

## First use

Before you fill the tank, rinse it with fresh water. Place the machine on a flat surface near a \
socket. Do not operate the machine without water in the tank. If the red lamp blinks, the tank is \
empty. The tank holds 1.8 litres, which is enough for twelve cups. The drip tray must be emptied \
after every ten cups.

To brew a strong cup, hold the button for three seconds. The pump is protected by a thermal fuse. \
When the water is hot, the green lamp stays lit. You can change the temperature by turning the \
small wheel at the back. The machine switches off after 30 minutes.

## Care

Descale the machine every two months. Use the supplied powder to remove limescale from the boiler. \
If the descaling lamp does not go out, repeat the whole process. The grinder cannot process oily \
beans. Never immerse the base in water. The brew group should be cleaned with a soft brush. Sugar \
in the grinder causes damage to the burrs, so the warranty does not cover it.

## Faults

The display shows a code when something is wrong. If the code E3 appears, switch the machine off \
and let it cool. A blocked filter reduces the flow of water. The service department repairs \
machines of any age, and a repair takes two weeks.

--eco
    Lower the temperature of the plate after ten minutes.

--lock
    Block the buttons until the code is entered.
"""

POLICY = """\
# Travel and Expenses Policy

Employees must submit each claim to the finance office within 30 days of the journey. If a receipt \
is lost, the traveller must sign a statement. Managers may not approve their own claims. The \
finance office is responsible for the payment of approved claims. We book all hotels through the \
travel desk. The travel desk keeps a list of hotels that accept the corporate card.

Flights of less than six hours must be booked in economy class. When a journey is cancelled, the \
traveller must inform the travel desk on the same day. You should keep every boarding pass until \
the claim is paid. The allowance for meals is 42 euros per day. Unless the director agrees, wine \
is not reimbursed.

## Private cars

Drivers who use a private car receive 0.32 euros per kilometre. The rate is reviewed every January \
by the finance committee. Insurance for private cars is not provided by the company. If you travel \
with a colleague, you can claim an extra allowance for the passenger. Fines for speeding are paid \
by the driver.

## Data

Receipts are kept for ten years. The auditor can ask for any receipt during that period. Claims \
are stored in the expense system, and access to the system is limited to the finance office. To \
correct a claim, write to the finance office.
"""

MINUTES = """\
Minutes of the Allotment Society, 4 March 2019

Present: the chair Marian Pell, the treasurer Tom Askew and eleven members. The minutes of the \
February meeting were approved by the members. Tom Askew reported that the society holds 2,140 \
pounds. The rent of a plot will rise to 46 pounds in April 2020.

The new water tank was delivered on 12 February 2019 by Greenfield Supplies. It holds 900 litres. \
Marian Pell thanked the volunteers who dug the trench. The society spent 318 pounds on the pipe. \
The tank must not be used for washing tools.

Dora Finch proposed a seed exchange. The seed exchange will take place in the old schoolroom on 6 \
April 2019. If the schoolroom is closed, the seed exchange will be held in the churchyard. Members \
should label the seeds with the year of the harvest.

The committee discussed the complaint about bonfires. Bonfires are allowed after sunset from \
October to March. The secretary Noel Baxter will write to the neighbours. The plots near the \
railway were inspected by Marian Pell and Noel Baxter. Three plots are vacant. The next meeting \
was fixed for 1 April 2019.
"""

STYLES = {
    "manual": ("Brewmaster 40 Coffee Machine: Manual", MANUAL),
    "policy": ("Travel and Expenses Policy", POLICY),
    "minutes": ("Minutes of the Allotment Society, 4 March 2019", MINUTES),
}


def chunk_of(text: str, *, title: str) -> Chunk:
    return Chunk("notes.md#0", "notes.md", title, 1, 0, len(text), text)


def asked(text: str, *, title: str = "Harbour Rules") -> dict[str, str]:
    """Every question on a text, with its answer."""
    questions = teacher.write_questions(chunk_of(text, title=title), num_questions=50, seed=0)
    for question in questions:
        [quote] = parse_answer(question.cot_answer).quotes
        assert quote in " ".join(text.split())
    return {question.text: question.answer for question in questions}


@pytest.mark.parametrize("style", STYLES)
def test_most_chunks_of_any_prose_are_asked_about(style: str) -> None:
    title, text = STYLES[style]
    document = Document(f"{style}.md", title, text, (Page(1, 0, len(text)),), "")
    chunks = Splitter(Recipe(chunk_chars=500)).split(document).chunks
    counts = [len(teacher.write_questions(c, num_questions=4, seed=0)) for c in chunks]
    assert len(chunks) >= 3
    assert sum(count > 0 for count in counts) >= 0.75 * len(counts), counts
    assert sum(counts) >= 2 * len(counts), counts


@pytest.mark.parametrize("style", STYLES)
def test_what_is_asked_stands_alone_and_is_not_told(style: str) -> None:
    title, text = STYLES[style]
    found = asked(text, title=title)
    name = document_name(title)
    assert len(found) >= 6
    for question, answer in found.items():
        assert re.search(r"\b(?:it|they|this|these|he|she|we)\b", question, re.IGNORECASE) is None
        assert f"“{name}”" in question or re.search(r"[a-z,] [A-Z]\w+", question), question
        assert answer.lower() not in question.lower()


# --- answers are whole ---------------------------------------------------------------------------

CUT = [
    # a sentence, and answers that would be a part of a phrase
    ("The Tern was sold to Ida Holm, Alan Brenn and Noah Ballard in 1931.", {"Ida Holm"}),
    ("The Tern was built by Dr. Petra Voss and Ida Holm in 1931.", {"Dr", "Dr.", "Dr. Petra Voss"}),
    ("The Tern Line was founded in Austin, Texas, in 1931.", {"in Austin", "Austin"}),
    ("The Tern Bell weighs 3.5 tonnes in the dry dock.", {"3", "5 tonnes", "5"}),
    ("The Tern Line carries 1,200 cars and 40 buses.", {"1", "200", "200 cars"}),
    ("The Tern Line appeared in the ABC series Harbour Days in 1931.", {"in the ABC"}),
    ("The Tern Mill was visited by the mayor of Lathe in 1931.", {"the mayor"}),
    ("The Tern Line was based in St. Anne in 1931.", {"in St", "in St.", "St."}),
    ("The Tern Mill stores oak, elm, which is rare, and larch.", {"oak", "oak, elm", "elm"}),
]


@pytest.mark.parametrize(("sentence", "parts"), CUT)
def test_no_answer_is_a_part_of_a_phrase(sentence: str, parts: set[str]) -> None:
    text = f"{sentence} On the Tern there was a Halvery bell."
    assert not parts & set(asked(text).values())


def test_an_answer_runs_to_the_end_of_its_phrase() -> None:
    found = asked("If the tide turns, the pilot must call the harbour office, which keeps a list.")
    assert all("keeps a list" in answer or "office" not in answer for answer in found.values())


# --- answers are of the sort that the question asks for ------------------------------------------


@pytest.mark.parametrize(
    "sentence",
    [
        "Beta WebSockets reject the certificates of Harbour Clients.",
        "HTTP APIs support the certificates of Harbour Clients.",
        "Executable Form means any form of the Harbour Work.",
        "Sprint Planning was introduced by the Harbour Board in 1931.",
    ],
)
def test_who_asks_for_people(sentence: str) -> None:
    text = f"{sentence} An executable form needs planning; a beta needs none."
    assert not [
        q for q, a in asked(text).items() if re.search(r"\b[Ww]ho\b", q) and "Board" not in a
    ]


# --- questions name their subject ----------------------------------------------------------------


@pytest.mark.parametrize(
    "fragment",
    [
        "Setup email filters for the notifications of the harbour.",
        "Shared file locks on the disk of the harbour office.",
        "Prints and signs the list of the harbour office.",
        "Directory to use for caching compiled lists of the harbour.",
        "This is needed when the lamp fails.",
        "When they arrive, the pilot must call them.",
        "We have what such a harbour needs.",
    ],
)
def test_a_sentence_without_a_subject_of_its_own_is_not_asked_about(fragment: str) -> None:
    assert asked(fragment) == {}


# --- forms of manuals, policies, legal text and handbooks -----------------------------------------

FORMS = [
    # a condition, an occasion: what to do
    (
        "If you’re in the harbour at night, please call the harbour office.",
        "what should you do if you’re in the harbour at night?",
        "call the harbour office",
    ),
    (
        "In the event of a fire, the keeper must ring the bell.",
        "what must the keeper do in the event of a fire?",
        "ring the bell",
    ),
    (
        "You’ll receive a badge when you enter the harbour.",
        "what will you receive when you enter the harbour?",
        "a badge",
    ),
    # why, to the end
    (
        "The gate is shut at night so that the boats stay afloat.",
        "why is the gate shut at night?",
        "so that the boats stay afloat",
    ),
    # the answer keeps the brackets that the sentence was read without
    (
        "If the tide turns, the keeper must close the gate (in the north wall) and ring the bell.",
        "what must the keeper do if the tide turns?",
        "close the gate (in the north wall) and ring the bell",
    ),
]


@pytest.mark.parametrize(("sentence", "question", "answer"), FORMS)
def test_what_is_asked_of_plain_prose(sentence: str, question: str, answer: str) -> None:
    found = asked(sentence, title="Tern Lights")
    opening = "According to “Tern Lights”, "
    assert found.get(opening + question) == answer, found


@pytest.mark.parametrize(
    "sentence",
    [
        "If you can, ring the bell.",
        "When in doubt, ring the bell.",
        "**The gate does not reach the far wall.**",
        "The gate is heavy. It is necessary to close the gate at night.",
        "What is sold here is fresh fish from the bay.",
        "Modern boards use foam, oak, elm, which is glued.",
        "Use the slipway at your own risk, but only if the red lamp is off.",
        "The crew will do so, and they must return it when this ends.",
    ],
)
def test_what_would_not_stand_alone_or_be_cut_is_not_asked(sentence: str) -> None:
    assert asked(sentence) == {}


def test_one_of_several_is_not_asked_for_as_the_only_one() -> None:
    found = asked("Ida Holm, a niece of the baker Alan Brenn, bought the Tern Mill in 1931.")
    assert found
    assert not [question for question in found if "niece" in question]


# --- titles of any form --------------------------------------------------------------------------

RULE = "If the lamp fails, the keeper must ring the bell."


@pytest.mark.parametrize(
    ("title", "opening"),
    [
        ("Harbour Rules", "According to “Harbour Rules”, "),
        ("Lighthouse - Wikipedia", "According to “Lighthouse”, "),
        ("Lamplighting - Wikipedia", "In lamplighting, "),
        ("keeper_rules v2.docx", "According to “keeper_rules v2”, "),
        ("LAMP(1) Keeper Commands LAMP(1)", "According to “LAMP(1) Keeper Commands”, "),
        ("Meeting of the Board 2021-09-30", "According to “Meeting of the Board 2021-09-30”, "),
        ("Ida Holm - Wikipedia", "According to “Ida Holm”, "),
    ],
)
def test_a_title_of_any_form_makes_a_question_stand_alone(title: str, opening: str) -> None:
    expected = f"{opening}what must the keeper do if the lamp fails?"
    assert asked(RULE, title=title).get(expected) == "ring the bell"


@pytest.mark.parametrize("title", ["Notes", "README.md", "Introduction", "12", ""])
def test_a_title_that_names_no_document_makes_none(title: str) -> None:
    assert asked(RULE, title=title) == {}


def test_a_file_s_name_stands_in_for_such_a_title() -> None:
    chunk = replace(chunk_of(RULE, title="Overview"), document_id="rules/harbour-lamps.md")
    [question] = teacher.write_questions(chunk, num_questions=1, seed=0)
    assert question.text.startswith("According to “harbour-lamps”, ")


# --- what is read --------------------------------------------------------------------------------


def test_marks_that_only_format_are_read_through_and_names_with_underscores_are_kept() -> None:
    text = (
        "If the lamp fails, the **keeper** must start `lamp_check` in the "
        "[lamp room](https://example.org/rooms#lamp)."
    )
    opening = "According to “Harbour Rules”, "
    found = asked(text)
    answer = found.get(f"{opening}what must the keeper do if the lamp fails?")
    assert answer == "start lamp_check in the lamp room", found
