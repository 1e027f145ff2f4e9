"""What the built-in teacher asks and answers is whole: properties over generated sentences."""

from __future__ import annotations

import itertools
import re
from random import Random

import pytest

from lib.records import Chunk
from offline.teacher import rules_whole, signs, teacher
from offline.teacher.statement_words import points
from offline.teacher.wholeness import list_goes_on

SUBJECTS = [
    "The harbour office",
    "Berth holders",
    "A licensed pilot",
    "The Tern Line",
    "Anyone who rents a berth",
    "Skippers who sail at night",
]
DEEDS = [
    "must inform",
    "provides",
    "should consult",
    "may ask",
    "inspects",
    "has to notify",
    "can offer",
    "are required to accept",
]
THINGS = [
    "the keeper",
    "a written report",
    "new lamps",
    "the members of the board",
    "spare ropes",
    "Ida Holm",
    "the chart of the bay",
]
TAILS = [
    "",
    " before the first storm",
    " in the old schoolroom",
    " to protect the quay",
    " within 14 days",
    " if the red lamp is lit",
]
SECOND = [
    "the pump stops at noon",
    "a second boat waits outside",
    "members can use the crane",
    "it was painted in 1902",
]


def asked(text: str) -> dict[str, str]:
    chunk = Chunk("rules.md#0", "rules.md", "Harbour Rules", 1, 0, len(text), text)
    found = teacher.write_questions(chunk, num_questions=50, seed=0)
    return {question.text: question.answer for question in found}


def bare(question: str) -> str:
    return re.sub(r"^According to “.*?”, ", "", question)


def sentences(seed: int, count: int) -> list[tuple[str, list[str], str]]:
    """Subject, deed, a list of three things and a tail; with the things and the tail."""
    rng = Random(seed)
    made = []
    for _ in range(count):
        things = rng.sample(THINGS, 3)
        joined = f"{rng.choice(['', ','])} {rng.choice(['and', 'or'])}"
        listed = f"{things[0]}, {things[1]}{joined} {things[2]}"
        tail = rng.choice(TAILS)
        made.append((f"{rng.choice(SUBJECTS)} {rng.choice(DEEDS)} {listed}{tail}.", things, tail))
    return made


def test_a_list_is_an_answer_as_a_whole_or_not_at_all() -> None:
    answered = 0
    for text, things, _ in sentences(seed=1, count=400):
        for question, answer in asked(text).items():
            held = [thing for thing in things if thing in answer]
            told = [thing for thing in things if thing in bare(question)]
            assert len(held) in {0, 3}, (text, question, answer)
            assert len(told) in {0, 3}, (text, question, answer)
            answered += bool(held)
    assert answered >= 60


def test_no_answer_takes_a_second_statement_along() -> None:
    answered = 0
    cases = itertools.product(SUBJECTS, DEEDS, THINGS[:5], SECOND)
    for subject, deed, thing, second in Random(2).sample(list(cases), 300):
        alone = f"{subject} {deed} {thing} of the harbour"
        both = f"{alone}, and {second}."
        for draft in rules_whole.whole_predicates(both, frozenset()):
            if signs.stands(draft, both, both):
                assert not set(second.split()[1:]) & set(draft.answer.split()), draft
        answered += bool(list(rules_whole.whole_predicates(f"{alone}.", frozenset())))
    assert answered >= 80


def test_a_purpose_of_another_verb_is_not_asked_for() -> None:
    answered = 0
    whole = "that the keeper lit to warn the ferries"
    for subject, deed, thing in itertools.product(SUBJECTS, DEEDS, THINGS[:5]):
        for question, answer in asked(f"{subject} {deed} {thing} {whole}.").items():
            # Asked for its subject, a question holds all that is said of it.
            assert answer == subject or "to warn" not in bare(question), (question, answer)
            answered += 1
    assert answered >= 20


@pytest.mark.parametrize("seed", range(3))
def test_questions_are_whole_sentences_that_do_not_tell(seed: int) -> None:
    for text, _, _ in sentences(seed, 150):
        for question, answer in asked(text).items():
            assert re.fullmatch(r"[A-Z].*[\w”)]\?", question), question
            assert re.search(r"\b(?:who|what|which|when|where|why|how)\b", question, re.IGNORECASE)
            assert answer in text
            assert answer not in question


def test_where_a_list_goes_on() -> None:
    assert list_goes_on(", managers, and the firm")
    assert list_goes_on(", oak or elm")
    assert not list_goes_on(", which is rare, and larch")
    assert not list_goes_on(", and anyone with a key can open or shut it")
    assert not list_goes_on(" and larch")


# Words whose noun stands in the sentence before it.
BACK = [
    "If both agree, the board may lend the boat.",
    "Each has a limit of ten crowns a month.",
    "Three quarters of the income comes from fees and most of the rest from tickets.",
    "Before you leave the harbour, have them scanned.",
    "Every three years the board reviews the fees of the harbour.",
    "The harbour office must inform any other keeper before the first storm.",
]


@pytest.mark.parametrize("text", BACK)
def test_what_needs_the_sentence_before_is_not_asked(text: str) -> None:
    assert not asked(text)


def test_a_place_in_front_of_its_verb_is_no_subject() -> None:
    found = asked("Next to the old lock is a hut with a stove and two beds.")
    assert not any(answer.startswith("Next") for answer in found.values())


def test_a_pronoun_needs_a_noun_of_its_number_before_it() -> None:
    assert not points("what should you do if the pump fails? take it out of the well")
    assert points("what should you do if the pumps fail? take it out of the well")
    assert points("what should the pump do in winter? keep it dry", "the pump")
    assert points("what does the keeper oil? more than half")
    assert not points("by how much did the fee fall? by more than half")
    assert not points("which boats are lighter than other boats")


def test_since_tells_a_time_and_behind_a_comma_a_reason() -> None:
    started = asked("The Tern Line has been closed since the tower fell in a storm.")
    assert not any("why" in question.lower() for question in started)
    reason = asked("The Tern Line was closed, since the tower fell in a storm.")
    assert any("why" in question.lower() for question in reason)


def test_an_approximate_tail_is_no_word_to_drop() -> None:
    assert "How long" not in " ".join(asked("The Tern Line takes two hours or so."))


def test_a_word_for_which_names_all_of_its_subject() -> None:
    for question in asked("Oak planks and elm planks are stored in the dry shed."):
        assert "which planks" not in question


def test_a_sentence_may_be_cut_anywhere() -> None:
    for text, _, _ in sentences(seed=4, count=40):
        words = text.rstrip(".").split()
        for end in range(1, len(words)):
            asked(" ".join(words[:end]) + ".")
    asked("The same composition rules apply.")
