"""Questions after who did something, and after what was done, made or used."""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline.teacher import english as en
from offline.teacher import phrases as ph
from offline.teacher import statement_words as said
from offline.teacher.drafting import Draft
from offline.teacher.grammar import Clause

_AGENT = re.compile(
    r"(?:^|(?<= ))by (?P<value>.+?)(?= (?:in|on|at|for|from|to|after|before|with|during|as|near|"
    r"until|since|between|under)\b|,|$)"
)


def agent(clause: Clause) -> Iterator[Draft]:
    """`was built by Ida Holm in 1902` → `Who built … in 1902?`"""
    if clause.voice != "passive":
        return
    match = _AGENT.search(clause.rest)
    stranded = match and clause.rest[: match.start()].strip() in en.PREPOSITIONS  # "paid for by"
    if match is None or stranded or re.search(r"\band \w+ed\b", clause.rest):
        return
    answer = match.group("value")
    last = answer.split()[-1].lower()
    doer = last in en.ORGANISATION or said.DOERS.fullmatch(last) is not None
    who = ph.is_person(answer) or ph.is_organisation(answer)
    who = who or (doer and answer.startswith(("the ", "a ", "an ")))
    rest = (
        f"{clause.rest[: match.start()].strip()} {_date_free(clause.rest[match.end() :])}".strip()
    )
    *adverbs, participle = clause.head.split()
    past = clause.aux in {"was", "were"}
    verb = None
    if past and "been" not in adverbs:
        verb = en.PAST_OF.get(participle)
    elif clause.aux in {"is", "are"} and participle in en.PARTICIPLE:
        verb = en.third_person(en.PARTICIPLE[participle])
    if who and verb:
        words = ("Who", *adverbs, verb, clause.subject, rest)
        yield Draft(" ".join(word for word in words if word) + "?", answer, 3.2 if past else 2.6)


def _date_free(rest: str) -> str:
    """The words behind an agent, unless they only date the event."""
    rest = rest.strip(" ,")
    return "" if ph.WHEN.match(rest) or len(rest.split()) > 6 else rest


def of_subject(clause: Clause) -> Iterator[Draft]:
    """`Ida Holm built the Tern` → `Who built the Tern?`; the rest must hold a name."""
    subject, rest = clause.subject, clause.rest
    if clause.voice == "be" or clause.aux in en.MODALS or not clause.complete:
        return
    if len(subject.split()) > 8 or not ph.has_name(rest) or rest.startswith("by "):
        return
    person = ph.is_person(subject) and clause.aux not in {"is", "are"}
    if person and clause.voice != "passive" and not re.search(r"\b(?:his|her|their|its)\b", rest):
        yield Draft(f"Who {clause.finite} {rest}?", subject, 2.4)
