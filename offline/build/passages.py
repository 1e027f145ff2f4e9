"""Whole generated passages, and examples of them with questions, some of them unanswerable."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from offline.build.asks import (
    NONE_OF_IT,
    Ask,
    Passage,
    Thing,
    aside,
    asked_name,
    dressed,
    facts_of,
    make_thing,
    noun_question,
    nouns_of,
    tell_fact,
    tell_noun,
)
from offline.build.word_lists import capital, coined, fill, person, pick, town, value, word_lists

UNANSWERABLE = 0.12  # share of the questions

# Facts whose questions come close to each other: none is asked as missing where another is told.
_CLOSE = (
    {"built", "founded", "closed", "maker", "restoration", "founding year", "opening date"},
    {
        "leader",
        "owner",
        "maker",
        "author",
        "captain",
        "president",
        "keeper",
        "employer",
        "inventor",
    },
    {"located", "origin", "moved", "maker", "born", "route", "habitat", "hometown", "home port"},
    {"height", "size", "depth", "area", "altitude", "body length", "pages", "ceiling height"},
    {"price", "ticket", "revenue", "list price", "ticket price", "entry fee", "price per kilo"},
    {"when", "founded", "built", "origin", "lasts", "start time", "open"},
    {"makes", "produce", "collects", "keeps", "used"},
    {"power", "voltage", "engine power", "fuel", "fuel use", "store", "operating temperature"},
    {"eats", "ingredient", "served", "preferred food", "enemy", "guard"},
    {"code", "model number", "serial number", "catalogue number", "patent number", "fault"},
)


@dataclass(frozen=True)
class Example:
    """Documents as the student will see them, and questions on them."""

    documents: tuple[str, ...]
    asks: tuple[Ask, ...]


def event_asks(rng: Random, parts: dict[str, str]) -> tuple[str, list[tuple[str, str]]]:
    """A sentence of who did what when and where, and questions for its parts."""
    base, past = pick(rng, "event_verb").split("/")
    who, what = parts["person"], parts["object"]
    when = f"on {parts['date']}" if rng.random() < 0.5 else f"in {parts['year']}"
    where = f"in {parts['town']}"
    asks = [
        (f"Who {past} {what}?", who),
        (f"What did {who} {base}?", what),
        (f"By whom was {what} handled?" if rng.random() < 0.3 else f"Who {past} {what}?", who),
    ]
    time, spot = rng.random() < 0.7, rng.random() < 0.5
    form = rng.random()
    tail = f"{' ' + when if time else ''}{' ' + where if spot else ''}"
    if form < 0.4:
        sentence = f"{who} {past} {what}{tail}."
    elif form < 0.7 and time:
        sentence = f"{capital(when)} {who} {past} {what}{' ' + where if spot else ''}."
    else:
        sentence = f"{capital(what)} was {past} by {who}{tail}.".replace("stole by", "stolen by")
        asks = [(q, capital(a) if a == what else a) for q, a in asks]
    if time:
        asked = rng.choice((f"When did {who} {base} {what}?", f"When was that, {who} and {what}?"))
        asks.append((asked, when.split(" ", 1)[1]))
    if spot:
        asks.append((f"Where did {who} {base} {what}?", parts["town"]))
        asks.append((f"In which town did {who} {base} {what}?", parts["town"]))
    return sentence, rng.sample(asks, min(2, len(asks)))


def tell_event(rng: Random, passage: Passage) -> None:
    """A sentence of an event beside the things of the passage."""
    parts = {"person": person(rng), "town": town(rng), "object": pick(rng, "object")}
    parts |= {"date": value(rng, "date"), "year": value(rng, "year")}
    sentence, asks = event_asks(rng, parts)
    if not any(parts["object"] in earlier for earlier in passage.sentences):
        passage.add(sentence, asks)


def introduce(rng: Random, passage: Passage, thing: Thing) -> None:
    """A first sentence that says what the thing is; at times it is asked for."""
    article = "an" if thing.kind[0] in "aeiou" else "a"
    forms = [
        "{X^} is {k} in {t}.",
        "{X^} is {k} near {t}.",
        "{X^} is {k}.",
        "This is about {X}, {k}.",
    ]
    where, kind = town(rng), f"{article} {thing.kind}"
    sentence = rng.choice(forms).replace("{X^}", capital(thing.name)).replace("{X}", thing.name)
    sentence = sentence.replace("{k}", kind).replace("{t}", where)
    asks = [(f"What is {thing.name}?", kind)] if thing.kind not in thing.name else []
    passage.add(sentence, asks if rng.random() < 0.4 else [])


def tell(rng: Random, passage: Passage, thing: Thing, *, alone: bool, held_out: bool) -> None:
    """One more sentence about a thing: a fact, two facts, an attribute or nothing to ask for."""
    form = rng.random()
    if form < 0.10 and not held_out:
        listed = "filler_X" if rng.random() < 0.4 else "filler"
        text = aside(rng) + "." if rng.random() < 0.6 else pick(rng, listed)
        passage.add(dressed(rng, capital(text.replace("{X}", thing.name))))
        return
    if form < 0.16 and not held_out:
        tell_event(rng, passage)
        return
    told = {fact for name, fact in passage.used if name == thing.name}
    nouns = [n for n in nouns_of(thing.letter, held_out) if n[0] not in told]
    chosen = [f for f in facts_of(thing.letter, held_out) if f.name not in told]
    if (form < 0.38 and nouns) or not chosen:
        if nouns:
            attribute, slot = rng.choice(nouns)
            tell_noun(rng, passage, thing, attribute, slot, alone)
        return
    count = 2 if rng.random() < 0.25 and len(chosen) > 1 else 1
    tell_fact(rng, passage, thing, rng.sample(chosen, count), alone=alone)


def listed(rng: Random, thing: Thing, *, held_out: bool) -> tuple[str, Passage]:
    """A sheet of attributes, one a line: "- Model number: QX-12"."""
    passage, lines = Passage(), [f"{rng.choice(('# ', '## ', '', ''))}{capital(thing.name)}"]
    nouns = nouns_of(thing.letter, held_out)
    mark, sign = rng.choice(("- ", "* ", "", "")), rng.choice((": ", ": ", " – "))
    for attribute, slot in rng.sample(nouns, min(len(nouns), rng.randint(2, 6))):
        answer = value(rng, slot)
        line = f"{mark}{capital(attribute)}{sign}{answer}"
        lines.append(line)
        passage.used.add((thing.name, attribute))
        question = noun_question(rng, attribute, slot, asked_name(rng, thing, alone=False))
        passage.add(line.removeprefix(mark), [(question, answer)])
    return "\n".join(lines), passage


def make_passage(
    rng: Random, *, num_sentences: int, held_out: bool = False
) -> tuple[str, list[Ask], list[Thing], Passage]:
    """A passage about one to three things: its text, its questions, the things, its sentences."""
    count = rng.choice((1, 1, 2, 2, 3)) if num_sentences > 2 else 1
    first = make_thing(rng, held_out=held_out)
    things = [first]
    for _ in range(count - 1):
        letter = first.letter if rng.random() < 0.7 else rng.choice("LPTOAWEFV")
        kind = first.kind if letter == first.letter and rng.random() < 0.7 else ""
        things.append(make_thing(rng, letter=letter, kind=kind, held_out=held_out))
    if rng.random() < 0.08:
        text, passage = listed(rng, first, held_out=held_out)
        return text, passage.asks, [first], passage
    passage = Passage()
    by_thing = rng.random() < 0.5
    for index in range(num_sentences):
        thing = things[index * count // num_sentences] if by_thing else rng.choice(things)
        if index == 0 and rng.random() < 0.5:
            introduce(rng, passage, thing)
        else:
            # A pronoun could mean any of several things, and right at the start it means nothing.
            alone = count == 1 and index > 0
            tell(rng, passage, thing, alone=alone, held_out=held_out)
    return join(rng, passage, first), passage.asks, things, passage


def join(rng: Random, passage: Passage, thing: Thing) -> str:
    """The sentences as running text: one paragraph or several, at times under a heading."""
    text = ""
    breaks = rng.random() < 0.25
    for sentence in passage.sentences:
        gap = "\n\n" if breaks and rng.random() < 0.3 else " "
        text += (gap if text else "") + sentence
    if rng.random() < 0.12:
        mark = rng.choice(("# ", "## ", ""))
        text = f"{mark}{capital(rng.choice((thing.name, thing.kind)))}\n\n{text}"
    return text


def missing(rng: Random, things: list[Thing], passage: Passage, *, held_out: bool) -> Ask | None:
    """A question that the passage does not answer: of another thing, or of a fact not told."""
    thing = rng.choice(things)
    told = {fact for name, fact in passage.used if name == thing.name}
    if rng.random() < 0.4:
        thing = make_thing(rng, letter=thing.letter, held_out=held_out)
        told = set()
        if any(thing.name in sentence for sentence in passage.sentences):
            return None
    close = set().union(*(group for group in _CLOSE if group & told)) | told
    if rng.random() < 0.4:
        nouns = [n for n in nouns_of(thing.letter, held_out) if n[0] not in close]
        if not nouns:
            return None
        attribute, slot = rng.choice(nouns)
        name = asked_name(rng, thing, alone=False)
        return Ask(noun_question(rng, attribute, slot, name), "", NONE_OF_IT)
    facts = [f for f in facts_of(thing.letter, held_out) if f.name not in close]
    if not facts:
        return None
    wording = rng.choice(rng.choice(facts).questions)[2]
    name = asked_name(rng, thing, alone=False)
    return Ask(capital(fill(rng, wording).replace("{X}", name)), "", NONE_OF_IT)


def generated_example(
    rng: Random,
    *,
    num_sentences: int,
    num_documents: int = 1,
    num_asks: int = 4,
    held_out: bool = False,
    unanswerable: float = UNANSWERABLE,
) -> Example:
    """Passages of about `num_sentences` sentences in all, and at most `num_asks` questions.

    `held_out` draws kinds, facts and attributes that no training example has.
    """
    documents, asks, things, whole = [], [], [], Passage()
    for _ in range(num_documents):
        share = max(2, num_sentences // num_documents)
        text, answered, about, passage = make_passage(rng, num_sentences=share, held_out=held_out)
        documents.append(text)
        asks += answered
        things += about
        whole.sentences += passage.sentences
        whole.used |= passage.used
    asks = unambiguous(asks)
    chosen = rng.sample(asks, min(num_asks, len(asks)))
    for index in range(len(chosen)):
        if rng.random() < unanswerable:
            other = missing(rng, things, whole, held_out=held_out)
            chosen[index] = other or chosen[index]
    return Example(tuple(documents), tuple(chosen))


def unambiguous(asks: list[Ask]) -> list[Ask]:
    """The questions that are asked once only (two things can share a name, or a fact a wording)."""
    wordings = [ask.question for ask in asks]
    return [ask for ask in asks if wordings.count(ask.question) == 1]


def random_words(rng: Random, count: int) -> str:
    """Words in no order, which the student must repeat."""
    lists = list(word_lists().values())
    return " ".join(
        coined(rng) if rng.random() < 0.4 else rng.choice(rng.choice(lists)) for _ in range(count)
    )
