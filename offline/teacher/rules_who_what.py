"""Questions after who did something, and after what was done, made or used."""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline.teacher import english as en
from offline.teacher import phrases as ph
from offline.teacher.drafting import PREP, Draft, ask, noun_phrase
from offline.teacher.grammar import Clause

_AGENT = re.compile(
    r"(?:^|(?<= ))by (?P<value>.+?)(?= (?:in|on|at|for|from|to|after|before|with|during|as|near|"
    r"until|since|between|under)\b|,|$)"
)

# Participle → the prepositions that introduce its answer ("made of"); "" for none ("called").
_PREPOSITIONAL = {
    participle: prepositions.split()
    for entry in (
        "made:of from|built:of|constructed:of from|composed:of|formed:of from|powered:by|"
        "driven:by|covered:with in|coated:with|filled:with|lined:with|fitted:with|"
        "equipped:with|used:for as|based:on|named:after|replaced:by|known:as|dedicated:to|"
        "connected:to|linked:to|devoted:to|attached:to|derived:from|cut:from|carved:from|"
        "converted:into to|turned:into|renamed:|called:|nicknamed:|christened:|roofed:with|"
        "clad:in with|lit:by|fuelled:by|heated:by with|stored:in|kept:in|housed:in|served:with|"
        "sold:as|caused:by|protected:by|steered:by with|marked:by with|registered:as"
    ).split("|")
    for participle, _, prepositions in [entry.partition(":")]
}

_ACTIVE_PREPOSITIONAL = frozenset(
    "run on|consist of|depend on|belong to|lead to|serve as|refer to|connect to|rely on|"
    "turn into|result in|specialise in|specialize in|deal in|begin with|end with".split("|")
)

_HUMAN = frozenset(
    "found design build write lead invent discover command establish paint compose carve pilot "
    "own manage direct sell buy donate win survey chart name rescue teach run develop create "
    "launch pour compile draw edit publish record organise open commission make start train "
    "supply repair restore give bake brew sew weave captain coach set introduce produce coin "
    "break".split()
)

_DOERS = en.PERSON_NOUNS | set(
    "team committee board council office department members group club union staff "
    "volunteers".split()
)

_STATES = frozenset("involve contain include consist".split())

# What happens to things, not to people: "Bullet Fins were invented by …" asks for no "who".
_NO_DEED = {"invent", "build", "make", "design", "construct", "develop", "manufacture"}

_PEOPLE_DO = frozenset("invite marry become feature appear buy order win sell visit join".split())


def agent(clause: Clause) -> Iterator[Draft]:
    """`was built by Ida Holm in 1902` → `Who built … in 1902?`"""
    if clause.voice != "passive":
        return
    match = _AGENT.search(clause.rest)
    if (
        match is None
        or clause.rest.startswith("to as ")
        or re.search(r" and \w+ed\b", match.group("value"))
        or re.search(r"\bby(?: \w+)?ing\b", clause.rest)
    ):
        return
    answer = match.group("value")
    who = (
        ph.is_person(answer)
        or ph.is_organisation(answer)
        or bool(re.match(r"(?:the|a|an) ", answer) and answer.split()[-1].lower() in _DOERS)
        or bool(re.match(r"the (?:brothers|sisters|engineer|architect|captain) ", answer))
    )
    rest = (
        f"{clause.rest[: match.start()].strip()} {_date_free(clause.rest[match.end() :])}".strip()
    )
    participle = clause.head.split()[-1]
    past = en.PAST_OF.get(participle)
    adverbs = " ".join(clause.head.split()[:-1])
    if not who:
        if (
            ph.has_name(answer)
            or not re.match(r"(?:a|an|the|[a-z]+s\b)", answer)
            or clause.rest[match.end() :]
        ):
            return
        if noun_phrase(answer) or len(answer.split()) > 2:
            answer = re.sub(r" (?:over|in|on|at|to|with|for|of|from|by)$", " ?", answer)
            asked = ask("What", clause, f"{clause.rest[: match.start()].strip()} by")
            yield Draft(asked, answer, 1.8)
    elif clause.aux in {"was", "were"} and past and "been" not in adverbs:
        words = (adverbs, past, clause.subject, rest)
        yield Draft("Who " + " ".join(w for w in words if w) + "?", answer, 3.2)
    elif clause.aux in {"is", "are"} and participle in en.PARTICIPLE:
        verb = en.third_person(en.PARTICIPLE[participle])
        words = (adverbs, verb, clause.subject, rest)
        yield Draft("Who " + " ".join(w for w in words if w) + "?", answer, 2.6)


def _date_free(rest: str) -> str:
    """The words behind an agent, unless they only date the event."""
    rest = rest.strip(" ,")
    return "" if ph.WHEN.match(rest) or len(rest.split()) > 6 else rest


def prepositional(clause: Clause) -> Iterator[Draft]:
    """`is made of oak` → "What is … made of?"; `runs on diesel` → "What does … run on?\""""
    if not clause.complete and "," not in clause.rest:
        return
    if clause.voice == "active":
        word = clause.rest.split(" ")[0]
        answer = noun_phrase(clause.rest[len(word) :].strip())
        if f"{clause.lemma} {word}" in _ACTIVE_PREPOSITIONAL and not re.match(r"$|\d", answer):
            yield Draft(ask("What", clause, word), answer, 2.2)
    if clause.voice != "passive":
        return
    participle = clause.head.split()[-1]
    for preposition in _PREPOSITIONAL.get(participle, ()) or [""]:
        if participle not in _PREPOSITIONAL or not f"{clause.rest} ".startswith(preposition):
            continue
        answer = noun_phrase(clause.rest[len(preposition) :].strip())
        cut = re.search(rf"{re.escape(answer)} (?:and|or) | since ", clause.rest)
        loose = re.match(r"(?:far|much|many|soon|long|well)\b", answer)
        answer = "" if cut or loose or answer.endswith(" time") else answer
        behind = clause.rest[len(preposition) :][:1]
        if not answer or (preposition and behind != " "):
            continue
        person = ph.is_person(answer)
        if (not preposition and not ph.has_name(answer)) or (person and preposition == "by"):
            continue
        wh = "Who" if person and preposition == "after" else "What"
        yield Draft(ask(wh, clause, preposition), answer, 2.6)


def of_subject(clause: Clause) -> Iterator[Draft]:
    """`Ida Holm built the Tern` → `Who built the Tern?`; the rest must hold a name."""
    subject = clause.subject
    if clause.voice == "be" or clause.aux in en.MODALS or not clause.rest:
        return
    if not clause.complete or len(subject.split()) > 8 or not ph.has_name(clause.rest):
        return
    if clause.lemma in _STATES or (clause.voice == "active" and clause.rest.startswith("by ")):
        return
    person = ph.is_person(subject) and clause.aux not in {"is", "are"}
    if person and clause.voice == "passive" and clause.lemma in _NO_DEED:
        return
    group = ph.is_organisation(subject) and clause.lemma in _HUMAN and clause.voice == "active"
    if (person or group) and not re.search(r"\b(?:his|her|their|its)\b", clause.rest):
        yield Draft(f"Who {clause.finite} {clause.rest}?", subject, 2.4)
    elif clause.aux in {"is", "was", "did", "does", "has"} and not ph.is_person(subject):
        sort = subject.split()[-1].lower()
        thing = sort in en.THINGS | en.PLACE_NOUNS | en.PARTS
        if clause.voice == "active" and not (thing or re.match(r"(?:a|an|one) ", subject)):
            return  # it may be a body of people
        if (clause.rest.startswith("by ") and clause.voice == "active") or " and " in subject:
            return
        if not re.match(r"(?:the|a|an|one) ", subject):
            kinds = en.THINGS | en.PLACE_NOUNS
            if not (re.search(r"\d", subject) or subject.split()[-1].lower() in kinds):
                return
        if clause.voice == "passive" and clause.rest.split()[0] not in en.PREPOSITIONS | {"up"}:
            return
        if ph.is_plural(subject) and not subject.split()[-1][0].isupper():
            return
        head = re.split(rf" (?:of|{PREP})\b", subject)[0].split()[-1]
        if clause.voice == "active" and (clause.lemma in _PEOPLE_DO or ph.is_role(head)):
            return
        if (
            ph.is_organisation(subject)
            or subject.split()[-1].lower() in en.ORGANISATION | en.PERSON_NOUNS
        ):
            return
        indefinite = bool(re.match(r"(?:a|an|one) ", subject))
        if " since " in f" {clause.rest}" and clause.aux in {"is", "does"}:
            return
        specific = len(clause.rest.split()) >= 4 and ph.has_name(subject)
        if set(subject.split()) & en.POSSESSIVES or not (indefinite or specific):
            return
        if (4 if indefinite else 2) <= len(clause.rest.split()) <= 12:
            yield Draft(f"What {clause.finite} {clause.rest}?", subject, 1.9 if indefinite else 1.5)
