"""A question in the making: its words in order, and the phrases that it is built from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offline.teacher import english as en
from offline.teacher.grammar import Clause

PREP = "|".join(sorted(en.PREPOSITIONS - {"of"}))


@dataclass(frozen=True)
class Draft:
    """A question, its answer as it stands in the sentence, and how good the rule usually is."""

    text: str
    answer: str
    score: float
    alone: bool = False  # stands alone without a name: "the oldest light in all the islands"
    field: bool = False  # stands alone once it says which sport or craft it speaks of
    titled: bool = False  # stands alone once it says which document it asks about
    rule: str = ""  # which rule made it
    subject: str = ""  # whom it asks about, where the rule knows


def ask(wh: str, clause: Clause, rest: str) -> str:
    """`When`, was/the Tern/built, `in Lathe` → `When was the Tern built in Lathe?`"""
    parts = (wh, clause.aux, clause.subject, clause.head, rest.strip(" ,"))
    return " ".join(part for part in parts if part) + "?"


def without(rest: str, start: int, end: int) -> str:
    """Leave out rest[start:end], and what only qualified it or comes as an afterthought."""
    before, after = rest[:start].strip(" ,"), rest[end:].strip(" ")
    if not re.match(r"(?:to|from|by|as|into|onto|of|between|after|against|over|through) ", after):
        after = ""
    if len(after.split()) > 8 or after.startswith("of "):
        after = ""
    return f"{before} {after}".strip()


def tail_of(rest: str) -> str:
    """What may follow a number's noun in the question."""
    rest = rest.strip(" ,")
    joined = re.match(r"[^,]*?\b[a-z]+ and [a-z]+(?=$|,| and )", rest)  # "in black and white"
    rest = joined.group() if joined else re.split(r",? and |, ", rest)[0]
    if rest.endswith(" each") or rest.rpartition(" ")[2] in en.PREPOSITIONS:
        return ""
    return (
        rest
        if re.match(rf"(?:{PREP}|of|each|a|per) ", f"{rest} ") and len(rest.split()) <= 12
        else ""
    )


def noun_phrase(text: str) -> str:
    """The noun phrase that opens the text, whole; "" when it is none or longer than 8 words."""
    match = re.match(rf"(?P<np>.+?)(?= (?!per cent)(?:{PREP}|to)\b|$)", text)
    phrase = match.group("np").strip(" ,") if match else ""
    words = phrase.split()
    last = words[-1].lower() if words else ""
    weak = last in en.DETERMINERS | en.PREPOSITIONS | en.CONJUNCTIONS | en.ADVERBS | {"of"}
    inner = any(
        w.lower().strip(",") in en.PRONOUNS | en.AUXILIARIES | en.POSSESSIVES for w in words
    )
    # "a board covered [with grip]": the participle needs what was cut off.
    weak = weak or (len(words) > 1 and last in en.PARTICIPLE and last not in en.BASES)
    verbal = words and (words[0].endswith("ing") or words[0].lower() in en.PREPOSITIONS)
    weak = (
        weak
        or "using" in words
        or last in {"starting", "beginning", "including", "using", "making"}
    )
    return "" if not words or len(words) > 8 or weak or inner or verbal else phrase


_NO_KIND = frozenset(
    "some most many other others people these those several few both more all such various today "
    "things riders users learning training being".split()
)


def is_kind(subject: str) -> bool:
    """`hydrofoils`, `rip currents`, `kite surfing`: a kind of thing needs no other name."""
    words = subject.split()
    last = words[-1] if words else ""
    kind = re.search(r"[^siu]s$|ing$", last) and len(last) >= 5
    return (
        len(words) <= 3
        and bool(kind)
        and subject.islower()
        and not set(words)
        & (_NO_KIND | en.DETERMINERS | en.PREPOSITIONS | en.POSSESSIVES | set(en.NUMBER_WORDS))
    )


def generic(subject: str) -> bool:
    """`most kitesurfers`, `a rounded rail`, `bat tails`: true of all of that kind."""
    if match := re.match(r"(?:most|many|an?|all) (.+)$", subject):
        words = match.group(1).split()
        return 1 <= len(words) <= 4 and subject.islower() and not set(words) & en.PREPOSITIONS
    return is_kind(subject)
