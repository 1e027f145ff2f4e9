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
from offline.teacher.rules_is import JUDGED
from offline.teacher.standing import joins_noun


def predicates(clause: Clause, text: str) -> Iterator[Draft]:
    """What a clause says, when it ends its sentence and its subject names something."""
    if not names_something(clause.subject) or clause.rest.startswith(","):
        return  # "may not copy, modify or sell it": the next verb of a list
    lead = clause.rest.removeprefix(clause.core) if clause.core else ""
    behind = (clause.core or clause.rest).strip(" ,")
    if said.points(lead.strip()):
        return
    body = text.rstrip(" .!")
    rest = _whole(behind, body, whole=clause.complete)
    if not rest and clause.lemma in said.TOLD:
        told = re.search(rf"\b{re.escape(clause.finite)} (that [a-z].+)$", body)
        rest = told.group(1) if told else ""
    made: list[Draft] = []
    if clause.subject in {AUTHORS, "you"} and clause.voice == "active":
        negated = " not" if clause.head.startswith("not") else ""
        made += done_to(f"{clause.aux}{negated}", clause.lemma, rest)
    if clause.subject != AUTHORS or not made:
        made += _said(clause, rest)
    # What it is said of belongs into the question.
    if len(lead.split()) > 4 or re.match(r"\s*(?:when|if|unless|while|for|after|until)\b", lead):
        made = [replace(d, text=f"{d.text[:-1]}{lead}?") for d in made]
    yield from made


def _said(clause: Clause, rest: str) -> Iterator[Draft]:
    if not rest or said.SECOND.search(rest) or said.LOOSE.search(rest):
        return
    yield from _means(clause, rest)
    if len(rest.split()) > said.LONGEST or said.points(rest.removeprefix("that ")):
        return
    if clause.voice == "active":
        yield from _object(clause, rest)
    elif clause.voice == "passive" and clause.subject != "you":
        yield from _passive(clause, rest)
    elif all(word in {"be", "not"} or is_manner(word) for word in clause.head.split()):
        yield from _relation(clause, rest)


def _whole(rest: str, body: str, *, whole: bool = False) -> str:
    """The words behind the verb with what belongs to them; "" where they are cut."""
    place = body.rfind(rest) if rest else -1
    behind = body[place + len(rest) :]
    if (
        place < 0
        or said.ASIDE.match(behind)
        or (whole and re.match(",? (?:and|but) ", behind) and not joins_noun(behind))
    ):
        return rest if place >= 0 else ""
    relative = re.match(r" (?:that|who) ", behind)
    belongs = relative or (said.BELONGS.match(behind) and "," not in behind)
    return rest + behind if belongs else ""


def _is_noun(phrase: str) -> bool:
    first = phrase.partition(" ")[0]
    bare = first.islower() and first not in _NO_OBJECT | en.BASES
    return bool(said.OPENS_NOUN.match(phrase)) or (bare and not re.search("(?:ly|ing|ed)$", first))


def names_something(subject: str) -> bool:
    words = subject.split()
    if not words or len(words) > 12 or said.UNNAMED.search(subject) or "," in subject:
        return False
    if re.fullmatch(said.ANY_OF_ITS_SORT, subject):
        return False
    bare = words[1:] if words[0] in en.DETERMINERS else words
    return subject == "you" or bool(bare and re.match(r"[\w.-]{3,}", bare[-1]))


def done_to(aux: str, base: str, rest: str) -> Iterator[Draft]:
    """`We track errors on Sentry` → "What is tracked on Sentry?": nobody need know who "we" are."""
    match = said.TREATED.match(rest)
    if match is None or base in said.WEAK_VERBS | said.TOLD | said.NOT_DONE:
        return
    thing, tail = match.group("thing").strip(), match.group("tail")
    if (
        not said.OPENS_NOUN.match(thing)
        or said.PEOPLE.search(thing)
        or said.points(rest)
        or said.SECOND.search(rest)
    ):
        return
    if any(verb in en.BASES for verb in re.findall(r" (?:and|or) (\w+)", thing)):
        return
    if re.search(rf" {ph.NUMBER} {ph.TIME_UNITS}$", thing):
        return
    last = thing.split()[-1]
    if (
        last in en.PARTICIPLE
        or last.endswith("ly")
        or " without " in thing
        or re.match("as (?!an? |the )", tail)
    ):
        return
    if any(verb in en.BASES for verb in re.findall(r" and (\w+) (?:the|an?|your|our)\b", tail)):
        return
    if re.match(r"\w+ (?:which|whom|whose)\b", tail):
        return
    if said.LOOSE.search(tail) or not 2 <= len(tail.split()) <= 14:
        return
    if tail.startswith("to ") and tail.split()[1] in en.BASES and base not in said.FOR_A_PURPOSE:
        return
    be = {"do": "is", "did": "was", "have": "has been"}.get(
        aux, f"{aux} be" if aux.split()[0] in en.MODALS else ""
    )
    if be:
        yield _draft(f"What {be} {en.participle_of(base)} {tail}?", thing)


def _object(clause: Clause, rest: str) -> Iterator[Draft]:
    """`The parser returns a list of tokens` → "What does the parser return?\""""
    word, _, behind = rest.partition(" ")
    if (
        clause.lemma in said.RESOLVED
        and word == "to"
        and behind.partition(" ")[0] not in en.OPENERS | {"be"}
        and not re.match(r"\w+s\b|[A-Z]", behind)
    ):
        yield _draft(ask("What", clause, "to do"), behind)
        return
    led = f"{clause.lemma} {word}" in said.PREPOSITIONAL
    if led and _is_noun(behind) and not re.match(said.ADVERBIAL, rest):
        yield _draft(ask(_who_or_what(behind), clause, word), behind)
        return
    if clause.lemma in said.TOLD and re.match(r"that [a-z]", rest):
        yield _draft(ask("What", clause, ""), rest)
    owned = clause.lemma in {"have", "get", "need", "offer"} and len(rest.split()) >= 4
    owned = owned and clause.subject != "you"
    if not owned and clause.lemma in said.WEAK_VERBS | said.TOLD - {"require", "specify", "mean"}:
        return
    if clause.lemma == "have" and (word in en.PARTICIPLE or word in {"done", "been"}):
        return
    if clause.subject == AUTHORS and clause.lemma in {"have", "use", "mean"}:
        return  # one of many things
    duty = clause.aux in {"may", "must", "should", "shall", "do"} or clause.head[:4] == "not "
    if clause.subject == "you" and (not duty or len(rest.split()) < 4 or _AIMED.fullmatch(rest)):
        return
    if (
        given := _GIVEN.fullmatch(rest)
        if clause.lemma in {"grant", "give", "send", "offer"}
        else None
    ):
        yield _draft(ask("What", clause, given["to"].lower()), given["what"])
        return
    purpose = re.match(r"(?P<who>(?:[\w’'-]+ ){1,5}?)to (?P<what>[a-z]+ .+)$", rest)
    if purpose and clause.lemma in said.MAKES_DO:
        if purpose.group("what").split()[0] in en.BASES:
            asked = ask("What", clause, f"{purpose.group('who')}to do")
            yield _draft(asked, purpose.group("what"))
        return
    aimed = _AIMED.fullmatch(rest) if word not in _NO_OBJECT else None
    if re.fullmatch(r"the [a-z]+", rest):
        return
    if aimed and re.search(r"\w+ing |\band [a-z]+ (?:it|the|an?|them)\b", aimed["what"]):
        return
    aimed = None if clause.lemma in {"choose", "select", "elect", "appoint", "hire"} else aimed
    if aimed and _to_verb(aimed["to"]) and not said.NO_AIM.search(aimed["what"]):
        yield _draft(ask(_who_or_what(aimed["what"]), clause, aimed["to"]), aimed["what"])
        return
    if word not in _NO_OBJECT and not re.match(
        r"[a-z]+(?:ly|(?<!spe)ed|ing)\b|\w+ (?:of|to|by)\b.{0,3}$", rest
    ):
        if re.match(rf"{ph.NUMBER} {ph.TIME_UNITS}", rest) or " to be " in rest:
            return
        inner = re.split(r" (?:that|which|who|whose|where|when|if|how|what) ", rest)[0].split()
        if set(inner) & (en.AUXILIARIES | en.DO):
            return  # "estimates the club will close": a statement, not a thing
        thing = clause.subject == "you" or clause.lemma == "have"
        who = "What" if thing else _who_or_what(rest)
        who = "Who" if clause.lemma in {"thank", "appoint", "elect", "congratulate"} else who
        yield _draft(ask(who, clause, ""), rest)


def _to_verb(phrase: str) -> bool:
    """`to consistently scan`; not "to line managers"."""
    return re.sub(r"^to (?:[a-z]+ly )?", "", phrase).partition(" ")[0] in en.BASES - {"be"}


_AIMED = re.compile(
    r"(?P<what>(?!to\b)(?:[\w’'./-]+ ){0,7}[\w’'./-]+) (?P<to>to (?:[a-z]+ly )?[a-z]+ .+)"
)
_GIVEN = re.compile(
    r"(?P<to>[Yy]ou|(?:the|each|every|an?) [\w-]+) (?P<what>(?:the|an?|any|all) .+)"
)
_NO_OBJECT = (
    en.PREPOSITIONS
    | en.ADVERBS
    | en.SUBORDINATORS
    | en.CONJUNCTIONS
    | en.PRONOUNS
    | en.AUXILIARIES
    | set(
        "ourselves themselves itself yourself to up out off down back away together forward "
        "further well better more less much "
        "most".split()
    )
) - {"one"}


def _passive(clause: Clause, rest: str) -> Iterator[Draft]:
    """`is sent to the clerk of the court` → "What is … sent to?\""""
    verb = re.match(r"to (?P<what>[a-z]+\b.*)", rest)
    bound = clause.head.rpartition(" ")[2] in said.BOUND
    noun = re.search(r"(?:limited|restricted|confined)$", clause.head)
    if verb and not noun and verb.group("what").split()[0] in en.BASES | {"do", "be"}:
        if len(verb.group("what").split()) < 2:
            return
        if bound:
            yield _draft(ask("What", clause, "to do"), verb.group("what"))
        elif not re.search(r"\bnot\b|(?:sent|added|moved|linked)$", clause.head):
            yield _draft(ask("Why", clause, ""), rest)
        return
    match = re.match(rf"(?P<prep>{said.ENDS_ON}) (?P<what>.+)$", rest)
    if match is None or re.search(r" (?:once|if|when|until|unless|while) ", rest):
        return
    prep, what = match.group("prep"), match.group("what")
    if re.match(said.ADVERBIAL, rest) or ph.WHEN.match(rest):
        return
    if prep == "by" and (ph.is_person(what) or ph.is_organisation(what)):
        return
    if prep in {"by", "for", "through"} and re.match(r"\w+ing ", what):
        if prep == "for":
            yield _draft(ask("What", clause, "for"), what)
        return
    # What follows a second preposition may belong to the verb: "sent to X by Y".
    if re.search(r" (?:by|in|on|at|when|during|to|as) ", what) and len(what.split()) > 6:
        return
    if _is_noun(what) and not re.match(rf"{ph.NUMBER} {ph.TIME_UNITS}", what):
        yield _draft(ask(_who_or_what(what), clause, prep), what)


_NEXT_PHRASE = "of|who|that|in|at|on|from|for|with|to|per|between|shared|by|until|if|when|unless|"
"before|after|and"


def _who_or_what(phrase: str) -> str:
    """`the volunteers who dug the trench`, `Ida Holm and Alan Brenn` → "Who\""""
    first = re.split(rf" (?:{_NEXT_PHRASE}) ", phrase)[0]
    head = first.split()[-1]
    people = said.PEOPLE.fullmatch(head) or head.lower().rstrip("s") in en.PERSON_NOUNS
    each = [part for part in re.split(r",? and |, ", first) if part]
    return "Who" if people or all(ph.is_person(part) for part in each) else "What"


def _relation(clause: Clause, rest: str) -> Iterator[Draft]:
    """`is responsible for the keys` → "What is … responsible for?\""""
    if able := said.ABLE.match(rest):
        if rest[able.end() :].split()[0] in en.BASES - {"be"}:
            yield _draft(ask("What", clause, f"{able['head']} to do"), rest[able.end() :])
        return
    match = said.RELATION.fullmatch(rest)
    why = re.fullmatch(r"(?P<so>essential|necessary|important|useful|vital) (?P<to>to .+)", rest)
    if why and _to_verb(why["to"]):
        yield _draft(ask("Why", clause, why["so"]), why["to"])
    aim = re.match(r"the (?:\w+ ){1,3}(?:of|for|to|in) \w", clause.subject)
    if aim and re.match(r"to [a-z]+ \w", rest) and rest.split()[1] in en.BASES:
        yield _draft(ask("What", clause, ""), rest)
    identity = re.match(r"the (?:[\w-]+ ){1,7}[\w-]+$", clause.subject)
    plural = clause.aux in {"are", "were"}
    if (
        plural == ph.is_plural(rest)
        and ph.has_name(f"- {clause.subject}")
        and re.match(r"the (?:[\w-]+ ){1,5}[\w-]+$", rest)
    ):
        who = "Who" if ph.is_person(clause.subject) else _who_or_what(rest)
        yield _draft(ask(who, replace(clause, subject=rest), ""), clause.subject)
    if (
        identity
        and not JUDGED.search(rest)
        and "-specific" not in rest
        and not clause.subject.startswith("the only")
        and re.match(said.THING, rest)
    ) and not re.match(r"(?:the (?:same|most|least|first|last|only|one)\b|an? \w+$)", rest):
        yield _draft(ask("What", clause, ""), rest)
    if match and not re.match(r"[a-z]+ing$", match.group("what")):
        yield _draft(ask("What", clause, match.group("head")), match.group("what"))


def _means(clause: Clause, rest: str) -> Iterator[Draft]:
    """`… can be changed by editing the file` → "How can … be changed?\""""
    match = re.search(r"(?:^| )(?P<how>(?:by|using) (?:[a-z]+ly )?(?:\w+ing |the |an? )?.+)$", rest)
    if match is None:
        return
    how, before = match.group("how"), rest[: match.start("how")].strip(" ,")
    if not re.match(r"by (?:[a-z]+ly )?\w+ing \w|using (?:the|an?|[A-Z]|[a-z]+s\b)", how):
        return
    if len(how.split()) > said.LONGEST or len(before.split()) > 10 or said.points(how):
        return
    if said.points(before) or said.LOOSE.search(how) or said.LOOSE.search(before):
        return
    if clause.voice != "be" and (before or clause.voice == "passive"):
        yield _draft(ask("How", clause, before), how)


def _draft(question: str, answer: str) -> Draft:
    return Draft(question, answer, 1.2, titled=True)
