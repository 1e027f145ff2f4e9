"""From a statement to questions with their answers, by rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from offline.teacher import amounts
from offline.teacher import lexicon as lx
from offline.teacher.clauses import Clause
from offline.teacher.tree import after_comma, child, children, phrase, span, words
from offline.teacher.wording import Draft, Unreadable, Wording

if TYPE_CHECKING:
    from spacy.tokens import Token

_WEAK_OBJECTS = frozenset(
    "part place account advantage care note effect way step steps role use turn time decision "
    "sense look lot example effort attention shape form charge number action".split()
)
_WEAK_NOUNS = frozenset(
    "example reason way thing part problem one idea case matter place time fact result kind sort "
    "type point goal aim number lot exception".split()
)
_ANY_PERSON = frozenset({"person", "individual"})
_DEADLINES = frozenset({"date", "deadline", "time"})
_TELL = frozenset("ask invite remind urge tell".split())
_OWNED = frozenset({"its", "their", "his", "her"})
_PURPOSELESS = frozenset("use require need allow expect ask design suppose".split())
_REPORTS = frozenset("mean require state show suggest report say".split())


def drafts(clause: Clause, names: frozenset[str]) -> Iterator[Draft]:
    """Every question that the rules make of one statement."""
    wording = Wording(clause, names)
    if clause.negated:
        if clause.first.tag_ != "VBD":  # "was not built in 1921" says little
            yield from subject(wording)
        return
    for rule in (
        subject, amounts.times, amounts.numbers, amounts.prices, amounts.extents, objects, tied,
        agents, reasons, definitions, places, reports,
    ):  # fmt: skip
        yield from rule(wording)


def subject(wording: Wording) -> Iterator[Draft]:
    """`Guns are often used in big waves.` → "What is often used in big waves?" – "Guns\""""
    clause = wording.clause
    head = clause.head
    if head is None or (head.pos_ == "PRON" and head.lower_ not in {"anyone", "everyone"}):
        return
    wh = wording.who_or_what(head, acts=not clause.passive)
    if not wh or head.lower_ in _WEAK_NOUNS or clause.verb.lemma_ == "include":
        return
    answer = phrase(head)
    if (head.lower_ in _ANY_PERSON and len(answer) < 3) or (wh == "Who" and child(head, "nummod")):
        return  # how many, not who
    attr = child(clause.verb, "attr")
    if attr is not None and (
        wh == "Who"
        or attr.pos_ in {"PRON", "PROPN"}
        or attr.lower_ in _WEAK_NOUNS
        or head.lemma_ in lx.RELATIVE  # "The difference is the shape of the board"
        or lx.determiner(attr) in {"a", "an", ""}
        or lx.determiner(head) in {"every", "each"}
        or lx.is_somebody(attr)
    ):
        return  # "What is a distributed company?", "What is Ida Holm?"
    try:
        rest, used = wording.rest()
    except Unreadable:
        return
    telling = [t for t in used if t.pos_ in {"NOUN", "PROPN", "NUM", "VERB", "ADJ", "ADV"}]
    if len(telling) + (clause.verb.lemma_ not in lx.LIGHT_VERBS) < 3:
        return
    finite = wording.finite(single=attr is None or attr.tag_ != "NNS")
    score = 1.5 if wh == "Who" else 0.9
    yield Draft(
        f"{wh} {finite} {rest}?", words(answer), score, "subject", tuple(used), tuple(answer)
    )


def objects(wording: Wording) -> Iterator[Draft]:
    """`Munn & Company owns the mill.` → "What does Munn & Company own?" – "the mill\""""
    clause = wording.clause
    parts = clause.end("dobj")
    if len(parts) != 1 or clause.verb.lemma_ in lx.LIGHT_VERBS:
        return
    part, tokens = parts[0], phrase(parts[0])
    if not tokens or part.lower_ in _WEAK_OBJECTS or part.pos_ == "PRON" or part.tag_ == "CD":
        return
    # "carries the crates [through three zones]": of the verb or of the noun?
    inner = [t for t in tokens if t.dep_ == "prep" and t.i > part.i and t.lower_ != "of"]
    own = [t for t in inner if t.head == part]
    loose = [t for t in inner if t.lower_ not in {"for", "about", "between"}]
    if own or (loose and child(part, "relcl", "acl") is None):
        return
    behind = next((p for p in clause.after if p.i > part.i), None)
    if behind is not None and (
        behind.lower_ == "with"
        or (behind.dep_ in {"advcl", "xcomp"} and behind.left_edge.lower_ == "to")
    ):
        return  # "serve people [with a visa]", "a list of people [to meet]"
    later = [p for p in clause.end("prep") if p.i > part.i]
    if any(p.lower_ == "to" and lx.is_time(words(span(p))) for p in later):
        return  # "the report [to 29 February]"
    if (lx.determiner(part) in _OWNED and len(tokens) < 3) or lx.determiner(part) == "no":
        return
    said = clause.end("ccomp") or any(t.tag_ == "TO" for t in tokens)
    if clause.verb.lemma_ in _TELL and said:
        return  # "reminded the members [that …]", "asked members who were worried [to come]"
    if wh := wording.who_or_what(part):
        yield from wording.ask(wh, "object", 1.2, tokens)


def tied(wording: Wording) -> Iterator[Draft]:
    """`The wash is made from kaolin.` → "What is the wash made from?" – "kaolin\""""
    clause = wording.clause
    part = next(iter(clause.after), None)
    noun = child(part, "pobj") if part is not None else None
    if part is None or noun is None or not _adjoins(part, clause) or part.dep_ != "prep":
        return
    pair = f"{clause.verb.lemma_} {part.lower_}" in lx.PAIRS
    if not pair and not (clause.passive and part.lower_ in lx.TIED):
        return
    if clause.end("dobj", "xcomp", "ccomp") or children(part, "conj", "cc"):
        return
    tokens = phrase(noun)
    inner = [
        t for t in tokens if t.dep_ == "prep" and t.i > noun.i and t.lower_ not in {"of", "for"}
    ]
    if inner or lx.is_time(words(tokens)) or noun.pos_ not in {"NOUN", "PROPN"}:
        return
    if lx.determiner(noun) in _OWNED and len(tokens) < 3:
        return
    if wh := wording.who_or_what(noun):
        yield from wording.ask(wh, "tied", 1.3, tokens, extra=[part], tail=part.text)


def agents(wording: Wording) -> Iterator[Draft]:
    """`Packet House was designed by Ida Holm.` → "By whom was Packet House designed?\""""
    clause = wording.clause
    for part in clause.end("agent"):
        noun = child(part, "pobj")
        other = part.lower_ != "by" or children(part, "conj", "cc", "neg")
        if noun is None or not clause.passive or other or noun.lemma_ in _DEADLINES:
            continue
        wh = wording.who_or_what(noun, acts=True)
        if wh == "Who":
            yield from wording.ask("By whom", "agent", 1.9, phrase(noun), extra=[part])
        elif wh == "What" and _adjoins(part, clause):
            yield from wording.ask("What", "agent", 1.5, phrase(noun), extra=[part], tail="by")


def reasons(wording: Wording) -> Iterator[Draft]:
    """`…, as foam makes the sensor fail.` → "Why …?" – "as foam makes the sensor fail\""""
    clause = wording.clause
    last = max((part.i for part in clause.after), default=0)
    for part in clause.end("advcl", "prep"):
        tokens = span(part)
        opening = words(tokens[:2]).lower()
        because = opening.startswith("because") or opening == "so that"
        since = opening.startswith(("since ", "as ")) and after_comma(part) and len(tokens) > 3
        since = since and child(part, "nsubj", "nsubjpass", "expl") is not None  # "as specified"
        since = since and (part.lemma_ != "be" or child(part, "attr", "acomp", "prep") is not None)
        purpose = part.dep_ == "advcl" and part.tag_ == "VB" and part.i == last and clause.passive
        purpose = purpose and opening.startswith("to ") and clause.verb.lemma_ not in _PURPOSELESS
        if clause.verb.lemma_ == "be" and not clause.end("acomp", "attr"):
            continue  # "part of the reason is because …"
        if (because or (since and part.dep_ == "advcl")) and part.i == last:
            yield from wording.ask("Why", "why", 1.7, tokens)
        elif re.match(r"in order (?:to|that) ", words(tokens).lower()) or purpose:
            yield from wording.ask("Why", "why", 1.5, tokens)


def definitions(wording: Wording) -> Iterator[Draft]:
    """`Quarle Roads is an anchorage.` → "What is Quarle Roads?" – "an anchorage\""""
    clause = wording.clause
    coded = (t for t in clause.end("advmod") if t.pos_ == "PROPN")  # "is BU-263"
    part, head = child(clause.verb, "attr") or next(coded, None), clause.head
    if part is None or clause.verb.lemma_ != "be" or len(clause.group) > 1:
        return
    if part.lower_ in _WEAK_NOUNS or part.pos_ not in {"NOUN", "PROPN"} or child(part, "nummod"):
        return
    if part.lemma_ in lx.RELATIVE and not any(t.lower_ == "of" for t in children(part, "prep")):
        return  # "a common cause in autumn"
    if child(clause.verb, "expl") or (
        lx.determiner(part) not in {"a", "an", "the"} and part.tag_ not in {"NNS", "NNP", "NNPS"}
    ):
        return
    if head is not None and (lx.determiner(head) in {"every", "each"} or child(head, "nummod")):
        return
    named = head is None or child(head, "prep") or any(t.pos_ == "PROPN" for t in phrase(head))
    if not named and lx.determiner(head) == "the" and lx.determiner(part) != "the":
        return  # "the root directory is an exception"
    if head is not None and head.pos_ in {"VERB", "PRON"} and words(phrase(head)) != head.text:
        return
    if head is None or head.pos_ != "PRON":
        kind = wording.who_or_what(part)
        # "the picture is a baby", but not "the model was Ida Holm"
        common = head is not None and part.pos_ != "PROPN"
        thing = common and wording.who_or_what(head) == "What"
        who = wording.is_person() or (kind == "Who" and not thing)
        if wording.is_person() and kind == "What":
            return  # "Who is Project Gutenberg?" – "a registered trademark"
        yield from wording.ask("Who" if who else "What", "definition", 1.4, phrase(part))


def places(wording: Wording) -> Iterator[Draft]:
    """`Packet House stands on Lantern Street.` → "Where does Packet House stand?\""""
    clause = wording.clause
    for part in clause.end("prep"):
        noun = child(part, "pobj")
        if noun is None or part.lower_ not in lx.PLACE or not _adjoins(part, clause):
            continue
        if f"{clause.verb.lemma_} {part.lower_}" in lx.PAIRS:
            continue  # "is based on"
        tokens = phrase(part)
        for behind in clause.end("prep"):  # "in the church [at Skarvik]"
            if behind.i == part.right_edge.i + 1 and behind.lower_ in lx.PLACE:
                tokens += phrase(behind) if not lx.is_time(words(span(behind))) else []
        text = words(tokens)
        if clause.verb.lemma_ in lx.STAYS and not lx.is_time(text) and not lx.NO_PLACE.search(text):
            yield from wording.ask("Where", "where", 1.5, tokens)


def reports(wording: Wording) -> Iterator[Draft]:
    """`Alarm 14 means that …` → "What does Alarm 14 mean?" – "that …\""""
    for part in wording.clause.end("ccomp"):
        if part.left_edge.lower_ == "that" and wording.clause.verb.lemma_ in _REPORTS:
            yield from wording.ask("What", "report", 1.3, span(part))


def _adjoins(part: Token, clause: Clause) -> bool:
    """It follows the verb directly, so it belongs to no noun in between."""
    return part.i == clause.verb.i + 1
