"""Kinds of misreadings and of left-out questions that unseen documents showed."""

from __future__ import annotations

import pytest

from lib.records import Chunk
from offline.teacher import teacher

OPENING = "According to “Rules of the Harbour”, "


def asked(text: str, *, title: str = "Rules of the Harbour") -> dict[str, str]:
    """Every question on a text, without its opening, with its answer."""
    chunk = Chunk("rules.md#0", "rules.md", title, 1, 0, len(text), text)
    questions = teacher.write_questions(chunk, num_questions=50, seed=0)
    return {question.text.removeprefix(OPENING): question.answer for question in questions}


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        (
            "Audit logs may be sent to a syslog server over TLS.",
            "what may audit logs be sent to?",
            "a syslog server over TLS",
        ),
        (
            "Visitors of the museum can look down through a glass plate.",
            "who can look down through a glass plate?",
            "Visitors of the museum",
        ),
        (
            "The Chair thanked Marjorie Oakes, who retires in December.",
            "who did the Chair thank?",
            "Marjorie Oakes",
        ),
        (
            "Numbers in brackets refer to the plan on the back cover.",
            "what refers to the plan on the back cover?",
            "Numbers in brackets",
        ),
        (
            "Ida Holm argued that the quay belongs to the town of Lathe.",
            "what did Ida Holm argue?",
            "that the quay belongs to the town of Lathe",
        ),
        (
            "The monthly data allowance of a company phone is 40 GB; it can be raised.",
            "what is the monthly data allowance of a company phone?",
            "40 GB",
        ),
        (
            "Screens must lock after five minutes without activity.",
            "after how long must screens lock?",
            "five minutes",
        ),
        (
            "Azide must not be added to any buffer of the washing bath.",
            "what must Azide not be added to?",
            "any buffer of the washing bath",
        ),
        (
            "Packaging consists of cardboard and untreated pine and can be recycled.",
            "what does Packaging consist of?",
            "cardboard and untreated pine",
        ),
        ("Boats with a keel have an asymmetrical profile.", "what has", ""),
        ("A coarse standard curve is run on every plate.", "what is run on every plate?", ""),
        ("Slalom is a high-speed race.", "what is Slalom?", "a high-speed race"),
        (
            "The abbey's court roll lists 78 holdings as \"in the lord's hand\", out of 161.",
            "how many holdings does the abbey's court roll list?",
            "78",
        ),
        (
            "A certificate is a scheduled outage unless somebody renews it.",
            "what is a certificate?",
            "a scheduled outage unless somebody renews it",
        ),
        (
            "Python 3 should be used for the packaging if scripts need it.",
            "what should Python 3 be used for?",
            "the packaging if scripts need it",
        ),
    ],
)
def test_it_is_asked(text: str, question: str, answer: str) -> None:
    found = asked(text)
    match = [told for told in found if told.lower().startswith(question.lower())]
    assert match, found
    assert answer in found[match[0]]


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (
            "Visitors can look down a shaft, and a coin dropped in 1990 by the mayor is said to be "
            "falling still.",
            "when",
        ),
        (
            "The unit is grey. Ducts of the unit are round. The ducts are of steel. If the unit "
            "stands outside the room, the ducts should be insulated.",
            "where",
        ),
        ("Set the switch and let the unit run for 8 minutes.", "for how long did"),
        (
            "Overnight transfer at low voltage was found to give better results with large "
            "proteins than transfer at 100 V for one hour.",
            "for how long",
        ),
        ("Members may work from home for up to three days a week.", "for how long"),
        ("Music may be practised for two hours a day under the rules.", "for how long"),
        ("Nineteen houses and a chapel were lost.", "how many"),
        ("Four men were killed, and eight were moved.", "how many men"),
        ("The Service Desk locks the device and, if it is not found, erases it.", "what does"),
        ("Longer incubation does not raise the signal but darkens the background.", "what does"),
        ("After use, the wand is wiped with a damp cloth and purged again.", "what is the wand w"),
        ("Man-made fibres and cheap imports brought the industry to its knees.", "what imports"),
        ("Green fungi supply plants with phosphorus and receive sugar in return.", "what"),
        ("Kite harnesses resemble windsurfing harnesses.", "what does Kite"),
        ("Tickets to sporting events are declined as a rule.", "what are tickets"),
        ("The first choice of action should be to post a message to the crew.", "what should be"),
        ("The cells of the crew swell and their membranes become fragile.", "what"),
        ("Members are bound by a similar clause in the contract.", "what are members bound"),
        ("The long poles are marked with a red ring, the short one with a blue ring.", "what are"),
        ("Hollows fill with water during heavy rain, and lone trees attract fire.", "what do"),
        ("Bake the loaf for 20 minutes with the lid and 25 minutes without it.", "for how long"),
        ("The harbour club meets on Tuesdays and Thursdays from 3 to 5 pm.", "where"),
        ("The Tern Hall was paid for by the Parents' Association.", "Who paid"),
        ("If there is a problem, an error message should be displayed.", "what happens"),
        ("Hidden names can be found by typing '‘_’ after ‘_’ in the box.", "what"),
        ("The file of the harbour will be opened if necessary.", "what will be opened"),
        ("The new sail has a lower weight.", "what has"),
        ("The assistant at the Honest Ladle is Xanthe Ibbotson.", "what is Xanthe"),
        ("The right hand of the Fishwife holds a cage made by the sculptor.", "who does"),
        ("A show of hands gave 24 votes for the pump, four for gas and three for oil.", "how many"),
        ("A damper must be installed in the duct of the upper ferry house.", "who must"),
    ],
)
def test_it_is_not_asked(text: str, question: str) -> None:
    found = asked(text)
    assert not [told for told in found if told.lower().startswith(question.lower())], found
