"""Questions after the subject by its sort: which light, which fins, which harbour."""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline.teacher import english as en
from offline.teacher.drafting import PREP, Draft
from offline.teacher.grammar import Clause

# Modifiers that tell no kind from another.
_PLAIN = frozenset(
    "latter former default modern new other different common ideal most many such early recent "
    "current various last next first second third final main same similar certain good own "
    "following typical basic several single subsequent excellent few some popular traditional "
    "classic special specific additional average regular usual standard normal general major "
    "minor important original more further later earlier well best better great greater big "
    "large small young old top real true actual whole entire resulting remaining key primary "
    "another previous international world".split()
)
# Heads that "which" asks nothing about.
_LOOSE_HEADS = frozenset(
    "way ways thing things part parts number kind kinds type types form forms case cases example "
    "examples advantage reason result results people year years time times day days goal idea "
    "person end side rest amount place choice use lot one ones act work man woman men women name "
    "members".split()
)
_WHICH = re.compile(r"(?:(?:the|an?) )?(?P<mods>(?:[\w’'-]+ ){1,3})(?P<head>[a-z]{3,})$")
_COMPARED = re.compile(r"(?:more|less|most|least|\w+er|made|used|similar|suitable|ideal|popular)\b")


def which(clause: Clause) -> Iterator[Draft]:
    """`Bat tails provide looseness for turns` → "Which tails provide looseness for turns?\""""
    match = _WHICH.match(clause.subject)
    rest = clause.rest
    if match is None or not clause.complete or len(rest.split()) < 3 or len(rest.split()) > 14:
        return
    mods = match.group("mods").lower().split()
    head = match.group("head")
    singular = not re.search(r"[^siu]s$|^(?:people|men|women)$", head)
    if singular and (
        not re.match(r"[Tt]he ", clause.subject) or re.search(r" [a-z]+ [A-Z]", clause.subject)
    ):
        return  # "Staff member", "the rock tripe Umbilicaria esculenta"
    subject_bare = clause.subject.islower() and not re.match(r"(?:the|an?) ", clause.subject)
    if any(word[:1].isdigit() for word in mods) or (
        clause.aux == "did" and subject_bare and re.match(rf"(?:{PREP}) ", rest)
    ):
        return
    if set(mods) & (_PLAIN | en.PREPOSITIONS | en.CONJUNCTIONS | en.POSSESSIVES | {"of"}):
        return
    if (
        head in _LOOSE_HEADS | en.ADVERBS | en.PERSON_NOUNS
        or head.endswith(("ing", "ed"))
        or mods[0] in en.ONLY_VERBS
        or (head in en.BASES and not re.match(r"(?:the|an?) ", clause.subject))
        or set(mods) & (set(en.NUMBER_WORDS) | en.ADVERBS | en.AUXILIARIES | en.DETERMINERS)
        or any(word.endswith(("ed", "ly", "’s", "'s")) and "-" not in word for word in mods)
    ):
        return
    if mods[0].endswith(("ing", "est")) or head in _PLAIN or re.match("fewer|own|only", mods[0]):
        return
    if " , " in f" {rest}" or (" between " in f" {rest}" and " and " not in rest):
        return
    if re.search(r"\b(?:its|their|his|her|such|same|other|so|due|because)\b", rest):
        return
    if clause.voice == "passive" and rest.split()[0] in en.OPENERS:
        return
    if clause.voice == "be" and not _COMPARED.match(rest):
        return
    if clause.lemma in {"have", "become", "seem", "include", "come", "go"}:
        return
    if head in rest.split() or head.rstrip("s") in rest.split():
        return
    yield Draft(f"Which {head} {clause.finite} {rest}?", clause.subject, 2.2, field=True)
