"""Questions after what or who something is, and after a subject by its sort: which fins."""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline.teacher import english as en
from offline.teacher import phrases as ph
from offline.teacher.drafting import PREP, Draft
from offline.teacher.grammar import Clause

# What only judges its subject, and subjects that name nothing.
_JUDGED = re.compile(
    r"\b(?:advanced|great|good|important|popular|key|common|new|newer|difficult|essential|useful|"
    r"major|challenging|convenient)\b"
)
_UNSAID = re.compile(
    r"an? (?:\w+er|other|typical|common|recent|new|major|key) |learning$|training$"
)


def copula(clause: Clause) -> Iterator[Draft]:
    """`is the oldest light in …` · `is a reef of black slate` · `is of timber` · `is Petra Voss`"""
    rest = re.sub(r"^(?:at present|currently|in fact) ", "", clause.rest)
    subject = clause.subject
    if clause.voice != "be" or " and " in subject or re.match(r"\w+ing \w|the usual ", subject):
        return
    person = ph.is_person(subject)
    judged = re.match(
        rf"the (?:most|least) \w+ (?:{PREP})\b|an? (?:\w+ )?(?:mistake|idea) to\b", rest
    )
    if clause.head or judged:
        return
    if re.match(
        r"the (?:\w+ )?(?:only|first|last|capital|\w+est|most|least|highest|second|third)\b", rest
    ):
        if ph.has_name(subject) and len(subject.split()) <= 6 and clause.complete:
            human = re.match(
                r"the (?:[\w-]+ ){1,4}?(?:man|woman|person|rider|surfer|athlete|player|president|"
                r"king|queen|author|composer|democrat)\b",
                rest,
            )
            wh = "Who" if person or human else "What"
            everywhere = bool(re.search(r"\w \w+ to [a-z]+ \w+ \w", rest)) or bool(
                re.search(r"\b(?:in|of) (?:all )?the (?:islands|world|country|kingdom)\b", rest)
            )
            yield Draft(f"{wh} {clause.aux} {rest}?", subject, 2.8, everywhere)
        return
    named = re.match(rf"(?:the )?(?:(?!{PREP}|of)[a-z]+ ){{0,2}}{ph.NAME}$", rest)
    if (
        named
        and re.match(r"the |[A-Z]", subject)
        and " " in subject
        and re.search(r"\b[a-z]{3,}", subject[3:])
        and clause.aux not in {"are", "were"}
    ):
        wh = "Who" if ph.is_person(rest) else "What"
        yield Draft(f"{wh} {clause.aux} {subject}?", rest, 2.8)
        return
    if re.match(r"(?:a|an|one of the) ", rest):
        answer = _kind_of(rest)
        if re.match(r"a (?:little|lot|bit|good deal|few) ", answer) or (
            not ph.has_name(subject) and (_JUDGED.search(answer) or _UNSAID.match(subject))
        ):
            return
        if answer and clause.aux in {"is", "was"} and len(answer.split()) >= 3:
            generic = bool(re.match(r"(?:a|an) (?:[a-z-]+ )?[a-z-]+$|[a-z]+ing$", subject))
            generic = generic and not re.match(
                r"an? (?:\w+er|other|typical|common|recent) ", subject
            )
            alone = generic and clause.aux == "is"
            yield Draft(
                f"{'Who' if ph.who_is(subject, answer) else 'What'} {clause.aux} {subject}?",
                answer,
                2.0,
                alone,
            )


def _kind_of(rest: str) -> str:
    """`a chain of rocks with a light` → "a chain of rocks", at most 12 words."""
    # "a sport in", cut before "which": the preposition belongs to what was cut.
    rest = re.sub(r" (?:in|by)$", "", rest.rstrip(" ,"))
    if re.search(r" (?:on|at|for|with|to|from|of|through)$", rest):
        return ""
    words = rest.split()
    if len(words) <= 12:
        return rest
    phrase = rest.partition(",")[0]
    return phrase if "," in rest and len(phrase.split()) <= 8 else ""


# Modifiers that tell no kind from another.
_PLAIN = frozenset(
    "latter former default modern new other different common ideal most many such early recent "
    "current various last next first second third final main same similar certain good own "
    "following typical basic several single subsequent excellent few some popular traditional "
    "classic special specific additional average regular usual standard normal general major "
    "minor important original more further later earlier well best better great greater big "
    "large small young old top real true actual whole entire resulting remaining key primary "
    "another previous international world higher lower appropriate unusual home show "
    "available".split()
)
# Heads that "which" asks nothing about.
_LOOSE_HEADS = frozenset(
    "way ways thing things part parts number kind kinds type types form forms case cases example "
    "examples advantage reason result results people year years time times day days goal idea "
    "person end side rest amount place choice use lot one ones act work man woman men women name "
    "members available".split()
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
        head in _LOOSE_HEADS | en.ADVERBS | en.DO | en.PERSON_NOUNS
        or head.endswith(("ing", "ed"))
        or mods[0] in en.ONLY_VERBS
        or (head in en.BASES and not re.match(r"(?:the|an?) ", clause.subject))
        or set(mods) & (set(en.NUMBER_WORDS) | en.ADVERBS | en.AUXILIARIES | en.DETERMINERS)
        or any(word.endswith(("ed", "ly", "’s", "'s")) and "-" not in word for word in mods)
    ):
        return
    if (
        mods[0].endswith("ing")
        or re.match(r"\w+s \w+ing ", f"{' '.join(mods)} ")
        or mods[0].endswith("est")
        or head in _PLAIN
        or re.match("fewer|own|only", mods[0])
    ):
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
    if {head, head.rstrip("s"), *mods} & set(rest.lower().split()):
        return
    yield Draft(f"Which {head} {clause.finite} {rest}?", clause.subject, 2.2, field=True)
