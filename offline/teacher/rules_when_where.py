"""Questions after a time, a place or a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from offline.teacher import english as en
from offline.teacher import phrases as ph
from offline.teacher.drafting import PREP, Draft, ask, noun_phrase, without
from offline.teacher.grammar import Clause

_PLACE = re.compile(
    rf"\b(?P<value>(?:in|at|near|on|off|outside|beside|behind|opposite) (?:(?P<plain>(?:the|a|an) "
    rf"(?:[\w’'-]+ ){{0,3}}?(?:{'|'.join(sorted(en.PLACE_NOUNS))})s?"
    rf"(?: (?:of|at|in|on|near) (?:the )?{ph.NAME})?(?=$|,| (?:{PREP}|and|where)\b))"
    rf"|(?P<name>(?:the )?{ph.NAME}(?:, {ph.NAME})?)))(?![\w’'-])"
)

_SPOT = re.compile(
    r"(?P<prep>in|at|on|near|under|behind|beneath|beside|above|below|inside|outside|off|between|"
    r"opposite|aboard|along|against) (?P<inner>(?:the|a|an|[A-Z]).*)"
)

_LOCATIVE = frozenset(
    "hang stand lie keep store find moor bury display preserve bear base situate locate cast "
    "exhibit anchor live dwell sit house show hide print repair train wreck meet end "
    "begin start".split()
)

_NOWHERE = frozenset(
    "have become result depend rely focus vote target specialise specialize call know base".split()
)

_SAID = frozenset("announce say state reveal confirm report claim explain note".split())

_EVENTS = frozenset(
    "open close sink retire arrive collapse fail end die disappear burn cease founder capsize "
    "fall strike vanish explode freeze erupt graduate emigrate marry".split()
)


def when(clause: Clause) -> Iterator[Draft]:
    """`in 1890` · `on 3 May 1877` · `since 2012` · `from 1861 until 1902` · `at 07:40`"""
    if clause.voice == "be" and not clause.rest[:1].islower():
        return
    if clause.voice == "active" and clause.rest.startswith("by "):
        return
    bare = re.match(rf"(?:{PREP}) ", clause.rest)
    if clause.lemma in _SAID and bare and not clause.complete:
        return  # "announced in May [that …]"
    for match in ph.WHEN.finditer(clause.rest):
        kind = match.lastgroup
        answer = match.group(kind or 0)
        rest = without(clause.rest, match.start(), match.end())
        if re.match(r" and (?:again|in|on|\d)", clause.rest[match.end() :]) or re.search(
            r"\b(?:since|after|before|until) ", clause.rest[: match.start()]
        ):
            continue
        if clause.core and match.start() > len(clause.core) + 1:
            continue  # "despite its success during the 1980s, …": not when it happened
        if ", and " in clause.rest[: match.start()]:
            continue  # "…, and a coin dropped in 1990 is said to be falling"
        been = kind == "limit" and clause.aux == "has"
        if (
            clause.voice == "be"
            and not been
            and not re.match(r"(?:in|at|on|open|closed) ", f"{rest} ")
        ):
            continue
        if clause.voice == "active" and not rest and not _datable(clause):
            continue
        habit = clause.aux in {"do", "does"} or (
            clause.voice == "passive" and clause.aux in {"is", "are"}
        )
        if habit and kind == "date" and not clause.rest.startswith("since"):
            continue
        if kind == "limit":
            word, _, answer = answer.partition(" ")
            wh = "Since when" if word == "since" else "Until when"
            yield Draft(ask(wh, clause, rest), answer, 2.2)
        else:
            yield Draft(ask("When", clause, rest), answer, 3.0)
    if clock := ph.CLOCK.search(clause.rest):
        rest = without(clause.rest, clock.start(), clock.end())
        yield Draft(ask("At what time", clause, rest), clock.group("clock"), 3.0)


def _datable(clause: Clause) -> bool:
    """The verb alone is an event: `When did the Tern sink?`"""
    begun = clause.lemma in {"begin", "start", "move"} and not ph.is_person(clause.subject)
    return clause.lemma in _EVENTS or begun


def where(clause: Clause) -> Iterator[Draft]:
    """in a workshop · at Skarvik · on the north pier · behind the church"""
    clause = replace(clause, rest=re.sub(r"\bonly (?=(?:in|at|on) )", "", clause.rest))
    # "based on the shape of a fish" says no place.
    idea = clause.lemma == "base" and clause.rest.startswith(("on ", "upon "))
    if re.match(r"(?:if|when|unless|once|while) ", clause.rest.removeprefix(clause.core).strip()):
        return  # "If the unit stands outside the room, …"
    if clause.lemma in _LOCATIVE and not idea and (match := _SPOT.match(clause.rest)):
        inner = match.group("inner")
        region = re.match(rf"{ph.NAME}, {ph.NAME}(?=,|$| (?:{PREP})\b)", inner)
        whole = region.group() if region else inner.partition(",")[0].strip()
        short = len(whole.split()) <= 7 and not re.search(
            r"\d| (?:by|for|with|since|to|as) ", whole
        )
        value = noun_phrase(whole if not short else "") or (whole if short else "")
        dated = re.search(
            rf"\b(?:(?:{en.WEEKDAYS})s?|{en.MONTHS}|(?:day|week|month|year|time|hour|basis)s?)\b",
            value,
        )
        if (
            value
            and not dated
            and not value.endswith(" close")
            and value not in {"the island", "the area", "the region", "the country", "the site"}
            and not ph.WHEN.match(match.group())
            and not re.search(rf"^{ph.NUMBER} ", value)
        ):
            rest = without(clause.rest, 0, len(match.group("prep")) + 1 + len(value))
            yield Draft(ask("Where", clause, rest), f"{match.group('prep')} {value}", 2.4)
            return
    for match in _PLACE.finditer(clause.rest):
        named = match.group("name")
        phrase = match.group("value").split()
        if any(word.lower().strip(",.").removesuffix("s") in en.NOT_PLACE for word in phrase):
            continue
        on = match.group().startswith("on ") and clause.voice == "active"
        if on and clause.lemma not in _LOCATIVE:
            continue  # "notes on GDB"
        if named and re.search(r"(?:ans|ese)$", named):
            continue  # "in the Hawaiians"
        if named and (ph.is_person(named) or ph.is_organisation(named)):
            continue
        before = clause.rest[: match.start()].strip()
        if clause.core and clause.aux in {"do", "does"} and match.start() > len(clause.core):
            continue  # "At the club, talks help …": not where they do it
        if clause.voice == "be":
            if before or clause.head:
                continue
            yield Draft(ask("Where", clause, ""), match.group("value"), 2.4)
            continue
        # "the mayor of Lathe in 1890": a place inside a longer phrase may belong to that phrase.
        if re.search(r"\b(?:of|between|from|than|and|or|only)$", before) or len(before.split()) > 7:
            continue
        if before and re.search(
            r"\b(?:in|at|on|near|to|for|by|with|as|into|from|under|off)\b", before
        ):
            continue
        if clause.lemma in _NOWHERE:
            continue
        rest = without(clause.rest, match.start(), match.end())
        where_score = 2.6 if named else 2.0
        yield Draft(ask("Where", clause, rest), match.group("value"), where_score)


def why(clause: Clause) -> Iterator[Draft]:
    """`X is popular because of its speed` · `X fell due to rot` → "Why …?\""""
    rest, reason = clause.rest, clause.reason
    if (
        not reason
        and clause.complete
        and (match := re.search(r",? (?P<why>(?:due to|because of) .+)$", rest))
    ):
        rest, reason = rest[: match.start()], match.group("why")
    if re.search(r" and \w+$", reason) or not 3 <= len(reason.split()) <= 20 or "," in reason:
        return
    long = len(reason.split()) > 13 or not clause.reason
    yield Draft(ask("Why", clause, rest), reason, 2.6, titled=long and bool(clause.reason))
