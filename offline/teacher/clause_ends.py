"""Where a clause ends: before the next predicate, a subordinate clause or an aside."""

from __future__ import annotations

import re

from offline.teacher import english as en
from offline.teacher.grammar import Reader, is_manner

_CUT = frozenset({";", ":", "–", "—", "-", "(", ")", '"', "“", "”"})
_OF_THE_PHRASE = frozenset("that which who whose whom how what why whether".split())
_RELATIVE = frozenset("which who where when but while so although because with whose".split())


def rest_of(reader: Reader, place: int, limit: int | None = None) -> tuple[str, bool, int]:
    """The words behind the verb, whether their last phrase is whole, and where they stop."""
    end = len(reader.words) if limit is None else limit
    for index in range(place, end):
        low = reader.low(index)
        if low in _CUT:
            return reader.slice(place, index), low in {";", "–", "—"}, index
        if low == "," and (cut := _comma(reader, index, end)) is not None:
            return reader.slice(place, index), cut, index
        if low in {"and", "but", "or"} and _starts_predicate(reader, index + 1, place):
            return reader.slice(place, index), low != "or", index
        if low == "that" and reader.low(index - 1) in en.PREPOSITIONS:
            continue  # "on that branch"
        if low in en.SUBORDINATORS and _opens_clause(reader, index, end):
            whole = low not in _OF_THE_PHRASE
            # "to which it pertains": the preposition is the relative clause's.
            pied = not whole and reader.low(index - 1) in en.PREPOSITIONS | {"of"}
            return reader.slice(place, index - pied), whole, index
    return reader.slice(place, end), True, end


def _starts_predicate(reader: Reader, index: int, place: int) -> bool:
    """Behind "and": another verb of the same subject, or a new clause."""
    if index >= len(reader.words):
        return False
    if reader.low(index) in {"it", "he", "she", "they"}:
        return True
    after = reader.before_verb(index)
    if reader.low(after) in en.PARTICIPLE and reader.low(after) not in en.BASES:
        # "gifts given or received", "repositories and paid services": no predicate
        of_noun = reader.low(index - 2) in en.PARTICIPLE and index - 2 > place
        behind = reader.low(after + 1)
        goes_on = en.OPENERS | en.PREPOSITIONS | en.PRONOUNS | en.ADVERBS | en.SUBORDINATORS
        return not of_noun and (
            behind in goes_on | set(en.NUMBER_WORDS) | {"to", "and", "no", "of", ""}
            or not behind[0].islower()
            or reader.words[after + 1].text[0].isupper()
            or is_manner(behind)
        )
    if reader.low(after) in en.AUXILIARIES:
        return True
    owned = en.DETERMINERS | en.POSSESSIVES
    if reader.low(after) in en.BASES and reader.low(after + 1) in owned:
        return True
    if reader.is_verb_at(after, index) and reader.words[after].text.islower():
        base = reader.low(after) in en.BASES and reader.low(after) not in en.PAST
        following = reader.low(after + 1)
        opens = following in en.DETERMINERS | en.PREPOSITIONS | en.POSSESSIVES
        return opens or not base or following[:1].isdigit()
    for later in range(index + 1, min(index + 8, len(reader.words))):
        low = reader.low(later)
        if low in {",", ";", "and", "or"} | en.SUBORDINATORS:
            return False
        if low in en.AUXILIARIES or (
            low in en.PAST and low not in en.PARTICIPLE and reader.finite_base(later, index)
        ):
            return True
        reduced = low in en.PARTICIPLE and reader.low(later + 1) in en.PREPOSITIONS
        # "or session types.": what ends its sentence behind a bare noun is a noun.
        bare = later == index + 1 and reader.low(index) not in en.OPENERS
        behind = reader.low(later + 1)
        if bare and (behind[:1] in {"", ",", ";"} or behind in en.PARTICIPLE):
            continue
        if reader.finite_base(later, index) and not reduced and not reader.is_reduced(later):
            return True
    return False


def _opens_clause(reader: Reader, index: int, end: int) -> bool:
    """Not the "after" of "after the war", nor the "since" of "since 1999"."""
    if reader.low(index) not in {"after", "before", "since", "until", "once", "where"}:
        return True
    for later in range(index + 2, min(index + 9, end)):
        if reader.low(later) in {",", ";", "and"}:
            return False
        if reader.low(later) in en.AUXILIARIES or reader.finite_base(later, index):
            return True
    return False


def _comma(reader: Reader, index: int, end: int) -> bool | None:
    """None: the clause runs on behind the comma; else whether its last phrase is whole."""
    following = reader.words[index + 1].text if index + 1 < end else ""
    low = following.lower()
    if re.fullmatch(r"\d{4}", following) and reader.low(index - 1).isdigit():
        return None
    if low == "and" and reader.low(index + 2) in en.POSSESSIVES:
        return True
    if low in {"and", "or"}:
        listed = any(reader.low(index - gap) == "," for gap in range(2, 6))
        cut = _starts_predicate(reader, index + 2, index) or (low == "or" and not listed)
        return True if cut else None
    listed = low.endswith("ing") and reader.low(index + 2) in {",", "and", "or"}
    if listed and reader.low(index - 1).endswith("ing") and _is_list(reader, index, end):
        return None
    if low in _RELATIVE or low.endswith("ing") or low in en.PARTICIPLE:
        return True
    if low in en.DETERMINERS | en.POSSESSIVES and not _is_list(reader, index, end):
        return True
    if _is_list(reader, index, end):
        return None
    place = following[:1].isupper() and reader.words[index - 1].text[:1].isupper()
    if place and (index + 2 >= end or reader.low(index + 2) in en.PREPOSITIONS | {",", "and"}):
        return None
    return low in en.PREPOSITIONS | en.ADVERBS | {"then"}


def _is_list(reader: Reader, index: int, end: int) -> bool:
    """`, oak, elm and larch`: short phrases up to an "and" or "or"."""
    gap = 0
    for later in range(index + 1, min(index + 16, end)):
        low = reader.low(later)
        if low in {"and", "or"}:
            return not _starts_predicate(reader, later + 1, index)
        if low in en.AUXILIARIES | en.SUBORDINATORS | _CUT:
            return False
        gap = 0 if low == "," else gap + 1
        if gap > 4:
            return False
    return False
