"""Questions on when, how long, how often, how many and how much."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from offline.teacher import lexicon as lx
from offline.teacher.tree import child, children, phrase, span, words
from offline.teacher.wording import Draft, Unreadable, Wording

if TYPE_CHECKING:
    from spacy.tokens import Token

_DURATIONS = {"for": "For how long", "within": "Within how long", "after": "After how long"}
_ABOUT = frozenset(
    "about around roughly nearly almost over up to at least most more less than".split()
)
_COUNT = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty|hundred|"
    r"thousand|million)\b|ty-",
    re.IGNORECASE,
)
_NO_COUNT = re.compile(r"[£$€%:/]|\d[A-Za-z]|\bone of\b| or$|^(?:1[5-9]|20)\d\d$")


def times(wording: Wording) -> Iterator[Draft]:
    """`The Tern was built in 1875.` → "When was the Tern built?" – "1875\""""
    clause = wording.clause
    for part in [*clause.after, *clause.before]:
        noun = child(part, "pobj") if part.dep_ == "prep" else None
        tokens = phrase(noun if noun is not None else part)
        text, low = words(tokens), part.lower_
        if noun is None and part.dep_ in {"npadvmod", "advmod"} and lx.OFTEN.fullmatch(text):
            yield from wording.ask("How often", "often", 1.9, tokens)
        if noun is None:
            continue
        span_of_time = [t for t in tokens if t.i <= noun.i]
        if lx.DURATION.fullmatch(words(span_of_time)):
            behind = [t for t in tokens if t.i > noun.i]  # "three years [under the chapel]"
            if low in _DURATIONS:
                yield from wording.ask(
                    _DURATIONS[low], "duration", 1.8, span_of_time,
                    extra=[part, *behind], tail=words(behind),
                )  # fmt: skip
        elif _dated(noun) and not children(noun, "relcl"):
            ranges = any(other.lower_ == "from" for other in clause.after)
            if low in {"in", "on"}:
                yield from wording.ask("When", "when", 2.0, tokens, extra=[part])
            elif low == "at" and lx.CLOCK.fullmatch(text):
                yield from wording.ask("At what time", "when", 2.0, tokens, extra=[part])
            elif low in {"since", "until"} and clause.verb.tag_ != "VBD" and not ranges:
                wh = f"{low.capitalize()} when"
                yield from wording.ask(wh, "when", 1.9, tokens, extra=[part])
            elif low in {"by", "before", "after", "during", "between"}:
                yield from wording.ask("When", "when", 1.6, span(part))


def _dated(noun: Token) -> bool:
    """The date is the phrase's own, not part of a name or a relative clause."""
    if lx.DATE.fullmatch(noun.text) or (noun.like_num and lx.DATE.search(words(span(noun)))):
        return True
    return noun.lower_ in lx.SPANS and any(lx.DATE.fullmatch(t.text) for t in span(noun))


def numbers(wording: Wording) -> Iterator[Draft]:
    """`The Tern carries about 150 passengers.` → "How many passengers …?" – "about 150\""""
    clause = wording.clause
    verb = clause.verb.lemma_
    for noun, before in _counted(wording):
        number = child(noun, "nummod")
        if number is None or noun.pos_ != "NOUN":
            continue
        if children(noun, "det", "poss", "predet"):
            continue  # "the two slipways", "its three zones"
        tokens = phrase(noun)
        if children(noun, "conj"):  # "150 passengers and 12 cars"
            tokens = [t for t in tokens if t.i <= noun.i]
        amount = [t for t in tokens if t.i <= number.right_edge.i]
        things = [t for t in tokens if t.i > number.right_edge.i]
        text = words(amount)
        loose = [t for t in amount if t not in span(number) and t.lower_ not in _ABOUT]
        if loose or not things or not _COUNT.search(text) or _NO_COUNT.search(text):
            continue
        whole = [*amount, *(t for t in things if t.i <= noun.i)]
        behind = [t for t in things if t.i > noun.i]
        time = bool(lx.DURATION.fullmatch(words(whole)))
        if things[0].text in {"%", "per"} or things[0].text[0] in "-–":
            continue  # "1-3%"
        if any(t.lower_ in {"every", "each"} for t in amount) or any(t.like_num for t in things):
            continue  # "every two years", "520 cm 90 kg"
        if noun.i + 1 < len(noun.doc) and noun.nbor().lower_ in lx.EXTENT:
            continue  # "10 m long"
        if lx.DATE.search(words(things)) or (before and time):
            continue
        if re.search(r" (?:or|to|by) \S*\d", words(tokens)):
            continue
        if noun == clause.head and not children(noun, "conj"):
            yield from _of_subject(wording, amount, things)
        elif time and verb in {"take", "last"} and not behind:
            yield from wording.ask("How long", "duration", 1.9, [*amount, *things])
        elif verb == "weigh" or (
            lx.MONEY.search(noun.text) and verb in {"cost", "charge", "pay", "be"}
        ):
            tail = words(behind)
            yield from wording.ask("How much", "number", 1.9, whole, extra=behind, tail=tail)
        elif noun.dep_ == "attr" and not child(clause.verb, "expl"):
            yield from wording.ask("What", "number", 1.2, [*amount, *things])
        else:
            wh = f"{before} how many {words(things)}".strip()
            wh = wh[0].upper() + wh[1:]
            yield from wording.ask(wh, "number", 1.8, amount, extra=things)


def _counted(wording: Wording) -> Iterator[tuple[Token, str]]:
    """Nouns of the clause that a number may stand before, with their preposition."""
    clause = wording.clause
    if clause.head is not None and not clause.shared:
        yield clause.head, ""
    for part in clause.after:
        if part.dep_ in {"dobj", "attr", "npadvmod"}:
            yield part, ""
        noun = child(part, "pobj") if part.dep_ == "prep" else None
        if noun is not None and part.i == clause.verb.i + 1 and part.lower_ in lx.COUNTING:
            yield noun, part.text


def _of_subject(wording: Wording, amount: list[Token], things: list[Token]) -> Iterator[Draft]:
    try:
        rest, used = wording.rest()
    except Unreadable:
        return
    if child(wording.clause.verb, "attr"):
        return  # "Two disorders are eczema and acne"
    if len(used) + (wording.clause.verb.lemma_ not in lx.LIGHT_VERBS) < 2:
        return
    asked = f"How many {words(things)} {wording.finite(single=False)} {rest}".strip()
    yield Draft(f"{asked}?", words(amount), 1.7, "number", (*things, *used), tuple(amount))


def prices(wording: Wording) -> Iterator[Draft]:
    """`Tickets cost £9 for adults.` → "How much do tickets cost for adults?" – "£9\""""
    clause = wording.clause
    for part in clause.end("dobj", "npadvmod", "attr"):
        tokens = phrase(part)
        if clause.verb.lemma_ not in {"cost", "pay", "be", "charge"} or children(part, "conj"):
            continue
        if re.match("[£$€]", words(tokens)):
            behind = [t for t in tokens if t.i > part.i]
            price = [t for t in tokens if t.i <= part.i]
            tail = words(behind)
            yield from wording.ask("How much", "number", 1.9, price, extra=behind, tail=tail)


def extents(wording: Wording) -> Iterator[Draft]:
    """`The light is 33 metres tall.` → "How tall is the light?" – "33 metres\""""
    for part in wording.clause.end("acomp"):
        measure = child(part, "npadvmod")
        if measure is None or part.lower_ not in lx.EXTENT or children(part, "conj"):
            continue
        amount = [t for t in span(measure) if t.i < part.i]
        if any(t.like_num for t in amount):
            yield from wording.ask(f"How {part.lower_}", "extent", 2.0, amount, extra=[part])
