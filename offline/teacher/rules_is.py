"""Questions after what or who something is."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
