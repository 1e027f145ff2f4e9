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


@pytest.mark.parametrize(
    ("sentence", "answer"),
    [
        ("Kites can be sorted into several kinds: foils, bows and deltas.", "several kinds"),
        ("Many are a mere 2 cm thick, and can be as short as 180 cm.", "a mere 2 cm"),
        (
            "Leashes comprise a cord where one end has a band with a strap attached to the foot, "
            "and the opposite has a strap attached to the tail end of the board.",
            "the opposite",
        ),
        (
            "The main difference between skis and boards is the shape of the board and the stance.",
            "The main difference between skis and boards",
        ),
        ("Loose lines are a common cause in autumn.", "a common cause in autumn"),
        (
            "In a breeze, the generated force increases 100 times, since the wind force acting on "
            "a kite is proportional to the square of the wind speed acting on it.",
            "since the wind force acting on a kite",
        ),
        ("Messages are deleted from inboxes and sent items after 24 months.", "items"),
        (
            "The duty rests with the head, who keeps the list, decides disputes and signs papers.",
            "disputes and signs papers",
        ),
        (
            "Ida Holm was the first person, man or woman, to ride the bay on a board in 1970.",
            "the first person, man or woman",
        ),
        ("A mid length board is generally 177cm to 200cm in length with a rounded nose.", "177cm"),
        (
            "On August 8, 2023 South African athlete Joshua Emanuel ascended 36.2 meters in the "
            "North Sea near Hanstholm, riding a kite of seven metres.",
            "2023 South African",
        ),
        (
            "A newcomer to kiting buys a proper course and then buys a set of used equipment.",
            "a proper course",
        ),
        (
            "Waves are found on shores, but can also be found in standing waves in the open ocean.",
            "ocean",
        ),
        ("Certain tasks must not be carried out alone under any circumstances.", "Certain tasks"),
        ("Even the length of the rope is important in providing safety.", "Even the length"),
        ("Ida Holm presented the report to the end of February.", "the report"),
        ("For over ten years, the world laughed at Carafino, calling him a kook.", "the world"),
        ("Originally, all boards were long boards.", "long boards"),
        ("From the outset, the two men were motivated by different forces.", "different forces"),
        (
            "At the last count 96 people were on the waiting list, compared with 58 in June.",
            "people",
        ),
        ("Since then a world tour has determined the champion of the sport.", "a world tour"),
        (
            "The Starfin was designed in the 1980s by the yacht designer, Ben Lexcen, who left.",
            "the yacht designer",
        ),
        ("Ida Holm owned a small business handmaking custom, high-performance boards.", "custom"),
        (
            "In a Thruster, the center fin is flanked by twin asymmetric, cambered fins.",
            "twin asymmetric",
        ),
        (
            "If a kite hits the ground too hard, bladders can burst or it can be torn apart.",
            "burst or it",
        ),
        ("Its green lamp should be lit whenever the cable is connected.", "green lamp"),
        ("There the French began to race with the new board.", "the French"),
        ("Speed 1 is meant for periods when the house is empty.", "periods"),
        (
            "Long loans are inspected at least every two years, and photographs sent by the "
            "borrower are sufficient for the years in between.",
            "every two",
        ),
        ("The surfboard typically runs 520 cm (17 ft) 90 kg.", "520"),
        ("Three nominations had been received by the closing date.", "the closing date"),
        ("The mains cable is connected to terminals 1 to 3 behind the small cover.", "terminals"),
        ("Ida Holm asked members who were worried about paying to come to her office.", "members"),
        ("The electric igniter needs no help.", "no help"),
        ("'Aspect ratio' is the ratio of span to length.", "ratio"),
        (
            "The boiler is guaranteed for three years, or for five years if it is new.",
            "three years",
        ),
        ("Tube shape is defined by length to width ratio.", "length"),
        ("Switch the logger to test, or your station will report a cloudburst.", "a cloudburst"),
        ("The shield is dirty, or the probe has slipped and touches the lowest plate.", "plate"),
        ("A board in plane can be much smaller than a board moving by displacement.", "A board"),
        ("Most of the offenders were in hired craft, and many were tired.", "offenders"),
        ("Ancient cultures often surfed on their belly and knees.", "Ancient cultures"),
        ("The cable supplied is 10 m long, and it may be extended to 25 m.", "10 m"),
        ("All times are stored in UTC, and care costs can be met in some cases.", "in "),
        (
            "Hamilton swam to recover the watercraft, found Lickle in the surf, fashioned his "
            "swimsuit into a cloth tourniquet, and applied it to Lickle to save his life.",
            "Hamilton swam",
        ),
        ("The difference, which is called declination, depends on where you live.", "difference"),
        ("In the survey 71 per cent were over 60, and hardly anyone lived in the wards.", "anyone"),
        ("Cross-shore and cross-onshore winds are the best for kiteboarding.", "cross-onshore"),
        (
            "One swimmer had been struck by an inflatable on 19 August.",
            "an inflatable on 19 August",
        ),
        (
            "A member of the public, Mr J. Henwood, complained about noise in the boat park.",
            "A member of the public",
        ),
        ("Roles are filled from the centre and, where children are wanted, the college.", "centre"),
        ("Jo Lund suggested that a boat might help, provided that it was paid for.", "that a boat"),
        ("He reminded the committee that prices had not been raised since 2022.", "committee"),
        ("Mr Achebe reminded the committee that prices had not been raised in 2022.", "committee"),
        (
            "Modern boards can be classified into many categories: foils and bows.",
            "many categories",
        ),
        ("Windsurfing is strongly connected to its roots in surfing in style.", "its roots"),
        ("Bikers should give way to fishing vessels.", "Bikers"),
        (
            "At present they do so only in part; in the 2022 survey 71 per cent of those who "
            "replied were over 60, and hardly anyone lived in the Northgate or Tanners' Row wards.",
            "hardly anyone",
        ),
        (
            "A volunteer who is unhappy about something should first approach the supervisor or, "
            "if it is the supervisor they are unhappy about, the Volunteer Coordinator.",
            "the supervisor",
        ),
        ("Permission will only be considered if the pilot holds a licence.", "only"),
        (
            "Possible resolutions are located in this book and include, but are not limited to, a "
            "private reprimand, public reprimand, and termed suspension.",
            "Possible resolutions",
        ),
        (
            "Employees must report to work or have leave approved every scheduled work day.",
            "Employees",
        ),
        ("The older voters are, the more likely they are to vote.", "older voters"),
        ("Notice may be made as described in Section 14.7.", "Notice"),
        ("Two common disorders are eczema and acne.", "Two"),
        ("One unfortunate aspect is the fate of a small number of kites.", "aspect"),
        (
            "While learning carpentry and stone masonry, enrollees constructed the chalet-style "
            "lodge, covered stone picnic shelters, overlooks, and recreational trails from local "
            "materials in the rustic style common to such projects in the northern mountains.",
            "lodge",
        ),
        ("Calls are recorded for training and to settle disputes.", "training"),
        ("A fallen rider's board can become trapped in larger waves.", "A fallen rider's board"),
        (
            "Ida Holm and Jo Lund started the first firm, Sail International, in late 1968 out of "
            "Lund's Santa Monica, California home.",
            "1968",
        ),
    ],
)
def test_an_answer_that_was_cut_or_says_nothing_is_left_out(sentence: str, answer: str) -> None:
    found = asked(sentence, FIELD)
    assert not [question for question, given in found.items() if answer in given], found


@pytest.mark.parametrize(
    ("sentence", "word"),
    [
        (
            "Several members felt that this would be unfair to people who cannot carry cans, and "
            "Peter Ngata pointed out that it would be difficult to police in the evenings.",
            "it",
        ),
        (
            "Managers are told if anyone in their team has fallen behind, and access to the "
            "HMS is suspended when a course is more than 60 days overdue.",
            "suspended",
        ),
        (
            "Laird was born Laird John Zerfas in San Francisco on March 2, 1964, in an "
            "experimental salt-water sphere at UCSF Medical Center designed to ease the labor.",
            "designed",
        ),
        (
            "Mr Pell summarised his survey of 2 September, copies of which had been available in "
            "the office.",
            "which",
        ),
        ("In the discussion Ida Holm said that the club ought to have found out.", "discussion"),
        (
            "A buoy comes in every fourth year, is blasted with crushed walnut shells, and "
            "receives three coats of paint.",
            "blasted",
        ),
        (
            'The clerk goes through the list with the manager and marks each line as "destroy", '
            '"keep" or "offer to archive".',
            "destroy",
        ),
        ("You can flip the hunks over after a while -- use tongs.", "tongs"),
        ("Pellets absorb moisture from the air and swell.", "swell"),
        (
            "On staffing, Mr Evans would be leaving at Easter to take up a post in Bristol, and "
            "Mrs Grant had asked to return from maternity leave on three days a week.",
            "staffing",
        ),
        ("Two courses had been held; the one after school was attended by 21 people.", "one"),
        (
            "The sum of £20,000 will be met from the grant and the remainder from reserves.",
            "remainder",
        ),
    ],
)
def test_a_question_holds_no_word_of_another_statement(sentence: str, word: str) -> None:
    found = asked(sentence, GUIDE)
    assert not [question for question in found if word in question.rstrip("?").split()], found


@pytest.mark.parametrize("person", ["Kiters", "Divers", "A registrar", "The warden of a harbour"])
def test_more_nouns_are_persons(person: str) -> None:
    found = asked(f"{person} should give way to fishing vessels.", FIELD)
    assert "In kiteboarding, who should give way to fishing vessels?" in found, found


def test_it_may_mean_nothing() -> None:
    text = "The DMCA is a law. It is a federal crime to intentionally lie in a sworn declaration."
    found = asked(text, "Guide to Submitting a DMCA Notice")
    assert found
    assert not [answer for answer in found.values() if "crime" in answer]


def test_it_behind_a_condition_may_be_of_the_condition() -> None:
    text = "A cable runs to the unit. If a sensor has been ordered, it is connected to a terminal."
    assert not [answer for answer in asked(text, GUIDE).values() if "terminal" in answer]
