"""Questions after what a plain statement says of its subject, asked of the named document.

The answer runs to the end of the sentence, so that it is a whole phrase whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from offline.teacher import english as en
from offline.teacher import phrases as ph
from offline.teacher import statement_words as said
from offline.teacher.drafting import Draft, ask
from offline.teacher.grammar import Clause, is_manner
from offline.teacher.leads import AUTHORS
from offline.teacher.rules_instruction import JOIN, TELLS
from offline.teacher.rules_is import JUDGED
from offline.teacher.rules_object import (
    GIVES,
    SHOWS,
    is_noun,
    of_object,
    told,
    who_or_what,
)
from offline.teacher.wholeness import second_predicate, to_the_end


def predicates(clause: Clause, text: str) -> Iterator[Draft]:
    """What a clause says, when it ends its sentence and its subject names something."""
    if not names_something(clause.subject) or clause.rest.startswith(","):
        return  # "may not copy, modify or sell it": the next verb of a list
    if clause.subject == AUTHORS and clause.lemma not in GIVES:
        return  # one of many things that "we" do
    lead = clause.rest.removeprefix(clause.core) if clause.core else ""
    behind = (clause.core or clause.rest).strip(" ,")
    if said.points(lead.strip()) or (re.match(rf" *(?:{JOIN}) ", lead) and not TELLS.search(lead)):
        return
    body = text.rstrip(" .!")
    rest = to_the_end(behind, body, whole=clause.complete)
    if not rest and clause.lemma in said.TOLD | SHOWS:
        told = re.search(
            rf"\b{re.escape(clause.finite)} ((?:that|what|how|which|whether|where|who) [a-z].+)$",
            body,
        )
        rest = told.group(1) if told else ""
    for draft in _said(clause, rest):
        if second_predicate(draft):
            continue
        # What it is said of belongs into the question.
        yield replace(draft, text=f"{draft.text[:-1]}{lead}?") if lead else draft


def _said(clause: Clause, rest: str) -> Iterator[Draft]:
    if not rest or said.SECOND.search(rest) or said.LOOSE.search(rest):
        return
    yield from _means(clause, rest)
    # "their own rules" are the subject's; what "it" or "them" means, it does not tell.
    said_of = "" if re.search(r"\b(?:it|them|they|her|him)\b", rest) else f"the {clause.subject} "
    stated = f"{said_of}{rest.removeprefix('that ')}"
    if len(rest.split()) > said.LONGEST or said.points(stated):
        return
    if clause.voice == "active":
        yield from of_object(clause, rest)
    elif clause.voice == "passive" and clause.subject != "you":
        yield from _passive(clause, rest)
    elif all(word in {"be", "not"} or is_manner(word) for word in clause.head.split()):
        yield from _relation(clause, rest)


def names_something(subject: str) -> bool:
    words = subject.split()
    stated = re.search(r"(\w+) that ", subject)
    if stated and en.PRESENT.get(stated.group(1), "") in said.TOLD:
        return False  # "the club hopes that the air [will clear]"
    if (
        not words
        or len(words) > 12
        or subject.lower() in en.POSSESSIVES
        or said.UNNAMED.search(subject)
        or "," in subject
    ):
        return False
    if re.fullmatch(said.ANY_OF_ITS_SORT, subject):
        return False
    bare = words[1:] if words[0] in en.DETERMINERS else words
    return subject == "you" or bool(bare and re.match(r"[\w.-]{3,}", bare[-1]))


def _passive(clause: Clause, rest: str) -> Iterator[Draft]:
    """`is sent to the clerk of the court` → "What is … sent to?\""""
    verb = re.match(r"to (?P<what>[a-z]+\b.*)", rest)
    bound = clause.head.rpartition(" ")[2] in said.BOUND
    noun = re.search(r"(?:limited|restricted|confined)$", clause.head)
    if verb and not noun and verb.group("what").split()[0] in en.BASES | {"do", "be"}:
        if len(verb.group("what").split()) < 2:
            return
        if bound:
            yield told(ask("What", clause, "to do"), verb.group("what"))
        elif not re.search(
            r"\bnot\b|(?:sent|added|moved|linked|exposed|opposed|thought|held|seen|assumed|presumed|considered|believed|known|said|shown)$",
            clause.head,
        ):
            yield told(ask("Why", clause, ""), rest)
        return
    match = re.match(rf"(?P<prep>{said.ENDS_ON}) (?P<what>.+)$", rest)
    if clause.aux in en.HAVE and re.fullmatch(r"the \w+", clause.subject):
        return  # a case that is not told
    if match is None or re.search(r" (?:once|if|when|until|unless|while) ", rest):
        return
    if re.search(
        r"(?<!^by) by |^as (?:\w+ly|far|much|long|soon) |^in the context |"
        r"^in an? \w+ (?:way|manner)$|^\w+ (?:your|our|this) \w+$| since ",
        f" {rest}"[1:],
    ):
        return
    prep, what = match.group("prep"), match.group("what")
    if prep == "to" and bound and not noun and not clause.head.endswith("assigned"):
        return
    if prep in {"in", "on", "under"} and clause.lemma not in _HELD:
        return  # "reported on the northern edge": where, not what
    if re.match(said.ADVERBIAL, rest) or ph.WHEN.match(rest):
        return
    if prep == "by" and (ph.is_person(what) or ph.is_organisation(what)):
        return
    if prep in {"by", "for", "through"} and re.match(r"\w+ing ", what):
        if prep == "for":
            yield told(ask("What", clause, "for"), what)
        return
    # What follows a second preposition may belong to the verb: "sent to X by Y".
    if re.search(r" (?:by|in|on|at|when|during|to|as) ", what) and len(what.split()) > 6:
        return
    if is_noun(what) and not re.match(rf"{ph.NUMBER} {ph.TIME_UNITS}", what):
        wh = who_or_what(what) if prep in {"by", "to", "for", "from", "against"} else "What"
        yield told(ask(wh, clause, prep), what)


_HELD = frozenset(
    "base host run focus write store record log publish place keep include involve enter express "
    "measure find mount install post list fix hang display house print deliver hold document put "
    "embed build describe define license cover model tolerate make".split()
)


def _relation(clause: Clause, rest: str) -> Iterator[Draft]:
    """`is responsible for the keys` → "What is … responsible for?\""""
    if able := said.ABLE.match(rest):
        if rest[able.end() :].split()[0] in en.BASES - {"be"}:
            yield told(ask("What", clause, f"{able['head']} to do"), rest[able.end() :])
        return
    match = said.RELATION.fullmatch(rest)
    aim = re.match(r"the (?:\w+ ){1,3}(?:of|for|to|in) \w", clause.subject)
    if aim and re.match(r"to [a-z]+ \w", rest) and rest.split()[1] in en.BASES:
        yield told(ask("What", clause, ""), rest)
    # "the oldest light", "session types", "a review phase", "Quarle Light": what it is.
    identity = re.match(
        r"(?:the |an? )?(?:[\w’'-]+ ){1,7}[\w-]+$|[A-Z]{2,}$|[a-z]{5,}s$", clause.subject
    )
    identity = None if re.match(r"\w+ing |the only |an? \w+er ", clause.subject) else identity
    plural = clause.aux in {"are", "were"}
    if (
        plural == ph.is_plural(rest)
        and ph.has_name(f"- {clause.subject}")
        and re.match(r"the (?!.*\b(?:its|their|his|her) )(?:[\w-]+ ){1,5}[\w-]+$", rest)
    ):
        who = "Who" if ph.is_person(clause.subject) else who_or_what(rest)
        yield told(ask(who, replace(clause, subject=rest), ""), clause.subject)
    if (
        identity
        and not JUDGED.search(rest)
        and "-specific" not in rest
        and re.match(r"(?:the|an?|one) |[A-Z]" if clause.subject[:4] == "the " else r"an? ", rest)
    ) and not re.match(r"(?:the (?:same|most|least|first|last|only|one)\b|an? \w+$)", rest):
        yield told(ask("What", clause, ""), rest)
    if match and not re.match(r"[a-z]+ing$", match.group("what")):
        yield told(ask("What", clause, match.group("head")), match.group("what"))


def _means(clause: Clause, rest: str) -> Iterator[Draft]:
    """`… can be changed by editing the file` → "How can … be changed?\""""
    match = re.search(r"(?:^| )(?P<how>(?:by|using) (?:[a-z]+ly )?(?:\w+ing |the |an? )?.+)$", rest)
    if match is None:
        return
    how, before = match.group("how"), rest[: match.start("how")].strip(" ,")
    if not re.match(
        r"by (?:[a-z]+ly )?\w+ing \w|using (?:the|an?|[A-Z]|[a-z]+s\b)|"
        r"by [a-z]+(?: [a-z]+)?, .+ (?:and|or) ",
        how,
    ):
        return
    if len(how.split()) > said.LONGEST or len(before.split()) > 10 or said.points(how):
        return
    if said.points(before) or said.LOOSE.search(how) or said.LOOSE.search(before):
        return
    if clause.voice != "be" and (before or clause.voice == "passive"):
        yield told(ask("How", clause, before), how)
