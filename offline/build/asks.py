"""Generated passages with the questions they answer: most of the base student's training text.

A passage is about one to three invented things. Each sentence states a fact, and the question asks
for it in other words than the sentence's. text/facts.txt holds facts and wordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random

from offline.build.word_lists import (
    TEXT_DIR,
    capital,
    coined,
    fill,
    person,
    pick,
    slots,
    thing_name,
    value,
    word_lists,
)

# Never trained on, so that reading unseen families can be measured.
HELD_OUT_KINDS = frozenset("observatory dam potter valve filter laboratory goat crab diary".split())
HELD_OUT_KINDS |= frozenset("expedition oil tractor quarry clerk telescope shipyard".split())
HELD_OUT_FACTS = frozenset("speaks battery members enemy copies crowd taste rating fault".split())

_PLAIN_STARTS = frozenset("He She It Its His Her They The In On At As For With Since".split())

NONE_OF_IT = ""  # an answer that the passages do not hold


@dataclass(frozen=True)
class Ask:
    """A question on a passage: `quote` is a verbatim slice of it and holds `answer` verbatim.

    Both are empty for a question that the passage does not answer.
    """

    question: str
    quote: str
    answer: str


@dataclass(frozen=True)
class Fact:
    """What can be said of a thing of some classes, in several wordings (facts.txt)."""

    name: str
    classes: str
    phrases: tuple[str, ...]  # verb phrases
    sentences: tuple[str, ...]
    questions: tuple[tuple[str, str, str], ...]  # (slot asked for, words that must stand, wording)


@dataclass(frozen=True)
class Thing:
    """What a passage speaks of."""

    letter: str  # its class
    kind: str
    name: str
    pronoun: str


@dataclass
class Passage:
    """Sentences with their questions, before they are joined."""

    sentences: list[str] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)  # (thing's name, fact's name)

    def add(self, sentence: str, asks: Sequence[tuple[str, str]] = ()) -> None:
        """Append a sentence with (question, answer) pairs; a pair whose answer it lacks is left."""
        self.sentences.append(sentence)
        self.asks += [Ask(q, sentence, a) for q, a in asks if a and a in sentence]


@cache
def facts() -> tuple[Fact, ...]:
    """All facts of facts.txt."""
    blocks: list[tuple[str, str, list[str], list[str], list[tuple[str, str, str]]]] = []
    for line in (TEXT_DIR / "facts.txt").read_text(encoding="utf-8").splitlines():
        mark, _, rest = line.partition(" ")
        if mark == "@":
            classes, name = rest.split()
            blocks.append((name, classes, [], [], []))
        elif mark == "v":
            blocks[-1][2].append(rest)
        elif mark == "s":
            blocks[-1][3].append(rest)
        elif mark == "?":
            asked, _, wording = rest.partition(" ")
            slot, _, words = asked.partition("|")
            blocks[-1][4].append((slot, words, wording))
    return tuple(Fact(n, c, tuple(v), tuple(s), tuple(q)) for n, c, v, s, q in blocks)


@cache
def facts_of(letter: str, held_out: bool | None) -> tuple[Fact, ...]:
    """The facts of a class: those trained on (False), those kept out (True), or all (None)."""
    return tuple(
        fact
        for fact in facts()
        if letter in fact.classes
        and (held_out is None or (fact.name in HELD_OUT_FACTS) is held_out)
    )


@cache
def nouns_of(letter: str, held_out: bool | None) -> tuple[tuple[str, str], ...]:
    """(attribute, slot) pairs of a class; every seventh is kept out of the training."""
    pairs = [tuple(item.rsplit(":", 1)) for item in word_lists()[f"nouns_{letter}"]]
    return tuple(
        (name, slot)
        for index, (name, slot) in enumerate(pairs)
        if held_out is None or (index % 7 == 3) is held_out
    )


def make_thing(rng: Random, *, letter: str = "", kind: str = "", held_out: bool = False) -> Thing:
    """A thing of a class (any), of a kind (any of the class)."""
    letter = letter or rng.choice("LLPPTTTOOAWEFV")
    kinds = [k for k in word_lists()[f"kinds_{letter}"] if (k in HELD_OUT_KINDS) is held_out]
    kind = kind or rng.choice(kinds or word_lists()[f"kinds_{letter}"])
    if letter == "P":
        return Thing(letter, kind, person(rng), rng.choice(("He", "She")))
    name = thing_name(rng, kind)
    if letter == "A" and rng.random() < 0.5:
        name = f"the {coined(rng).lower()} {kind}"
    pronoun = "She" if letter == "V" and rng.random() < 0.4 else "It"
    return Thing(letter, kind, name, rng.choice(("They", "It")) if letter == "O" else pronoun)


def subject(rng: Random, thing: Thing, *, alone: bool) -> str:
    """How a sentence calls its thing; a pronoun or bare kind only where no other could be meant."""
    form = rng.random()
    if alone and form < 0.20 and thing.pronoun != "They":
        return thing.pronoun
    if alone and form < 0.30:
        return f"The {thing.kind}"
    if form < 0.42 and not thing.name.startswith("the "):
        return f"The {thing.kind} {thing.name}"
    return capital(thing.name)


def asked_name(rng: Random, thing: Thing, *, alone: bool) -> str:
    """How a question calls its thing."""
    form = rng.random()
    if alone and form < 0.06:
        return f"the {thing.kind}"
    if form < 0.20 and not thing.name.startswith("the "):
        return f"the {thing.kind} {thing.name}"
    if form < 0.26 and not thing.name.startswith("the "):
        return f"the {thing.kind} called {thing.name}"
    return thing.name


def dressed(rng: Random, sentence: str) -> str:
    """At times a lead, a tail or an aside, which are no part of any fact: real prose rambles."""
    form = rng.random()
    if form < 0.20:
        plain = sentence.split(" ", 1)[0] in _PLAIN_STARTS
        lead = fill(rng, pick(rng, "lead"))
        sentence = f"{lead} {sentence[0].lower() if plain else sentence[0]}{sentence[1:]}"
    if 0.15 < form < 0.35:
        sentence = f"{sentence[:-1]}, {fill(rng, pick(rng, 'tail'))}."
    elif 0.35 < form < 0.55:
        sentence = f"{sentence[:-1]}{pick(rng, 'link')} {aside(rng)}."
    return sentence


def aside(rng: Random) -> str:
    """`the neighbours kept the bill in a drawer`: words that nobody asks for."""
    return fill(rng, f"{pick(rng, 'who')} {pick(rng, 'did')}")


def wordings(
    rng: Random, fact: Fact, pattern: str, values: dict[str, str], name: str
) -> list[tuple[str, str]]:
    """(question, answer) for up to two of the pattern's slots, each in one of its wordings.

    A question that names another value of the fact is used only if the sentence holds that value.
    """
    stated = [slot.rstrip("^") for slot in slots(pattern)]
    result = []
    for asked in rng.sample(stated, min(2, len(stated))):
        fitting = [
            wording
            for slot, words, wording in fact.questions
            if slot == asked
            and set(slots(wording)) <= set(stated)
            and any(word in pattern for word in words.split(","))
        ]
        if fitting:
            wording = fill(rng, rng.choice(fitting), values).replace("{X}", name)
            result.append((capital(wording), values[asked]))
    return result


def tell_fact(
    rng: Random, passage: Passage, thing: Thing, chosen: Sequence[Fact], *, alone: bool
) -> None:
    """One sentence stating one or two facts of a thing, with its questions."""
    asks: list[tuple[str, str]] = []
    fact = chosen[0]
    passage.used |= {(thing.name, each.name) for each in chosen}
    if len(chosen) == 1 and fact.sentences and rng.random() < 0.3:
        pattern = rng.choice(fact.sentences)
        values: dict[str, str] = {}
        sentence = fill(rng, pattern, values)
        name = thing.name if "{X}" in pattern else ""
        sentence = capital(sentence.replace("{X}", name))
        asks += wordings(rng, fact, pattern, values, asked_name(rng, thing, alone=alone))
    else:
        phrases = []
        for each in chosen:
            pattern = rng.choice(each.phrases)
            values = {}
            phrases.append(fill(rng, pattern, values))
            asks += wordings(rng, each, pattern, values, asked_name(rng, thing, alone=alone))
        who = subject(rng, thing, alone=alone)
        if len(phrases) == 2 and rng.random() < 0.4 and who not in ("He", "She", "It", "They"):
            sentence = f"{who}, which {phrases[0]}, {phrases[1]}."
            sentence = sentence.replace(", which ", ", who ") if thing.letter == "P" else sentence
        else:
            sentence = f"{who} {' and '.join(phrases)}."
    passage.add(dressed(rng, sentence), asks)


_NOUN_SENTENCES = (
    "The {a} of {X} is {v}.",
    "{X^} has a {a} of {v}.",
    "For {X} the {a} is {v}.",
    "{X^}'s {a} is {v}.",
    "Its {a} is {v}.",
    "As for {X}, its {a} is given as {v}.",
    "The {a} is {v}.",
    "With {v} as its {a}, {X} is no exception.",
    "In the case of {X} we note {v} as the {a}.",
    "{v^} is the {a} of {X}.",
    "Since the last change the {a} of {X} has been {v}.",
)
_NOUN_QUESTIONS = (
    "What is the {a} of {X}?",
    "What {a} does {X} have?",
    "Which {a} is given for {X}?",
    "What is {X}'s {a}?",
    "Tell me the {a} of {X}.",
    "{X^}: what is the {a}?",
    "What do we know about the {a} of {X}?",
    "Regarding {X}, what is the {a}?",
)
_WH = {
    "len": ("How much is the {a} of {X}?",),
    "money": ("How much is the {a} of {X}?", "How high is the {a} of {X}?"),
    "person": ("Who is the {a} of {X}?", "Who acts as {a} of {X}?"),
    "town": ("In which town is the {a} of {X}?", "Where is the {a} of {X}?"),
    "date": ("When is the {a} of {X}?", "On what date is the {a} of {X}?"),
    "year": ("From which year is the {a} of {X}?", "When was the {a} of {X}?"),
    "dur": ("How long is the {a} of {X}?", "How long does the {a} of {X} last?"),
    "org": ("Which organisation is the {a} of {X}?", "Who is the {a} of {X}?"),
    "color": ("Which colour is the {a} of {X}?",),
    "material": ("Of what is the {a} of {X} made?",),
    "percent": ("How high is the {a} of {X}?", "What percentage is the {a} of {X}?"),
    "temp": ("How hot is the {a} of {X}?", "How high is the {a} of {X}?"),
    "time": ("When is the {a} of {X}?", "At what time is the {a} of {X}?"),
    "mass": ("How much is the {a} of {X}?",),
    "int": ("How high is the {a} of {X}?",),
}


def noun_question(rng: Random, attribute: str, slot: str, name: str) -> str:
    """A question for "the <attribute> of <name>"."""
    if attribute.startswith("number of ") and rng.random() < 0.5:
        pattern = f"How many {attribute[10:]} does {{X}} have?"
    else:
        pattern = rng.choice(_NOUN_QUESTIONS + _WH.get(slot.rstrip("s"), ()) * 2)
    text = pattern.replace("{a}", attribute).replace("{X}", name)
    return capital(text.replace("{X^}", capital(name)))


def tell_noun(rng: Random, passage: Passage, thing: Thing, attribute: str, slot: str, alone: bool):
    """One sentence giving an attribute by its noun, with its question."""
    patterns = [p for p in _NOUN_SENTENCES if alone or "{X" in p]
    answer = value(rng, slot)
    passage.used.add((thing.name, attribute))
    name = thing.name if rng.random() < 0.8 or not alone else f"the {thing.kind}"
    sentence = rng.choice(patterns).replace("{a}", attribute)
    sentence = sentence.replace("{X^}", capital(name)).replace("{X}", name)
    if thing.pronoun in ("He", "She"):
        whose = "his" if thing.pronoun == "He" else "her"
        sentence = sentence.replace("its ", f"{whose} ").replace("Its ", f"{whose.capitalize()} ")
    if rng.random() < 0.06 and answer[0].isdigit():
        sentence = sentence.replace("{v}", rng.choice(("about {v}", "just over {v}", "nearly {v}")))
    answer_there = capital(answer) if "{v^}" in sentence else answer
    sentence = sentence.replace("{v^}", answer_there).replace("{v}", answer)
    question = noun_question(rng, attribute, slot, asked_name(rng, thing, alone=alone))
    passage.add(dressed(rng, sentence), [(question, answer_there)])
