"""Questions after what a plain statement says of its subject, asked of the named document.

The answer runs to the end of the sentence, so that it is a whole phrase whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline.teacher import english as en
from offline.teacher import phrases as ph
from offline.teacher import statement_words as said
from offline.teacher.drafting import Draft, ask
from offline.teacher.grammar import Clause
from offline.teacher.rules_is import JUDGED


def predicates(clause: Clause, text: str) -> Iterator[Draft]:
    """What a clause says, when it ends its sentence and its subject names something."""
    if clause.subject in {"we", "you"} and clause.voice == "active":
        rest = _whole(clause.rest.strip(" ,"), text.rstrip(" .!"))
        negated = " not" if clause.head.startswith("not") else ""
        yield from done_to(f"{clause.aux}{negated}", clause.lemma, rest)
    if not _named(clause.subject):
        return
    lead = clause.rest.removeprefix(clause.core) if clause.core else ""
    if len(lead.split()) > 4 or re.match(r"\s*(?:when|if|unless|while|for|after|until)\b", lead):
        return  # what it is said of would be missing
    rest = _whole((clause.core or clause.rest).strip(" ,"), text.rstrip(" .!"))
    if not rest and clause.lemma in said.TOLD:
        told = re.search(rf"\b{re.escape(clause.finite)} (that [a-z].+)$", text.rstrip(" .!"))
        rest = told.group(1) if told else ""
    if not rest or said.SECOND.search(rest) or said.LOOSE.search(rest):
        return
    yield from _means(clause, rest)
    if len(rest.split()) > said.LONGEST or said.POINTS.search(rest):
        return
    if clause.voice == "active":
        yield from _object(clause, rest)
    elif clause.voice == "passive":
        yield from _passive(clause, rest)
    elif clause.head in {"", "be", "not"}:
        yield from _relation(clause, rest)


def _whole(rest: str, body: str) -> str:
    """The words behind the verb with what belongs to them; "" where they are cut."""
    place = body.rfind(rest) if rest else -1
    behind = body[place + len(rest) :]
    if place < 0 or said.ASIDE.match(behind):
        return rest if place >= 0 else ""
    return rest + behind if said.BELONGS.match(behind) and "," not in behind else ""


def _named(subject: str) -> bool:
    words = subject.split()
    if not words or len(words) > 12 or said.UNNAMED.search(subject) or "," in subject:
        return False
    if re.fullmatch(said.ANY_OF_ITS_SORT, subject):
        return False
    bare = words[1:] if words[0] in en.DETERMINERS else words
    return subject == "you" or bool(bare and re.match(r"[\w.]{3,}", bare[-1]))


def done_to(aux: str, base: str, rest: str) -> Iterator[Draft]:
    """`We track errors on Sentry` → "What is tracked on Sentry?": nobody need know who "we" are."""
    match = said.TREATED.match(rest)
    if match is None or base in said.WEAK_VERBS | said.TOLD | said.NOT_DONE:
        return
    thing, tail = match.group("thing").strip(), match.group("tail")
    if (
        not said.OPENS_NOUN.match(thing)
        or said.PEOPLE.search(thing)
        or said.POINTS.search(rest)
        or said.SECOND.search(rest)
    ):
        return
    if any(verb in en.BASES for verb in re.findall(r" (?:and|or) (\w+)", thing)):
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
    if f"{clause.lemma} {word}" in said.PREPOSITIONAL and said.OPENS_NOUN.match(behind):
        yield _draft(ask("What", clause, word), behind)
        return
    if clause.lemma in said.TOLD and re.match(r"that [a-z]", rest):
        yield _draft(ask("What", clause, ""), rest)
    if (
        clause.lemma in said.RESOLVED
        and word == "to"
        and behind.partition(" ")[0] in en.BASES - {"be"}
    ):
        yield _draft(ask("What", clause, "to do"), behind)
    if (
        clause.lemma in said.WEAK_VERBS | said.TOLD - {"require", "specify", "mean"}
        or clause.subject == "you"
    ):
        return
    purpose = re.match(r"(?P<who>(?:[\w’'-]+ ){1,5}?)to (?P<what>[a-z]+ .+)$", rest)
    if purpose and clause.lemma in {"allow", "enable", "cause", "require", "encourage", "permit"}:
        if purpose.group("what").split()[0] in en.BASES:
            asked = ask("What", clause, f"{purpose.group('who')}to do")
            yield _draft(asked, purpose.group("what"))
        return
    if word not in _NO_OBJECT and not re.match(
        r"[a-z]+(?:ly|ed|ing)\b|\w+ (?:of|to|by)\b.{0,3}$", rest
    ):
        if re.match(rf"{ph.NUMBER} {ph.TIME_UNITS}", rest) or " to be " in rest:
            return
        inner = re.split(r" (?:that|which|who|whose|where|when|if|how|what) ", rest)[0].split()
        if set(inner) & (en.AUXILIARIES | en.DO):
            return  # "estimates the club will close": a statement, not a thing
        yield _draft(ask(_who_or_what(rest), clause, ""), rest)


_NO_OBJECT = (
    en.PREPOSITIONS
    | en.ADVERBS
    | en.SUBORDINATORS
    | en.CONJUNCTIONS
    | en.PRONOUNS
    | en.AUXILIARIES
    | set(
        "to up out off down back away together forward further well better more less much "
        "most".split()
    )
) - {"one"}


def _passive(clause: Clause, rest: str) -> Iterator[Draft]:
    """`is sent to the clerk of the court` → "What is … sent to?\""""
    verb = re.match(r"to (?P<what>[a-z]+\b.*)", rest)
    if verb and verb.group("what").split()[0] in en.BASES - {"be", "have"}:
        if len(verb.group("what").split()) >= 2:
            yield _draft(ask("What", clause, "to do"), verb.group("what"))
        return
    match = re.match(rf"(?P<prep>{said.ENDS_ON}) (?P<what>.+)$", rest)
    if match is None or clause.subject == "you":
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
    if said.OPENS_NOUN.match(what) and not re.match(rf"{ph.NUMBER} {ph.TIME_UNITS}", what):
        yield _draft(ask(_who_or_what(what), clause, prep), what)


def _who_or_what(phrase: str) -> str:
    """`the volunteers who dug the trench`, `Ida Holm and Alan Brenn` → "Who\""""
    first = re.split(r" (?:of|who|that|in|at|on|from|for|with|to) ", phrase)[0]
    head = first.split()[-1]
    people = said.PEOPLE.fullmatch(head) or head.rstrip("s") in en.PERSON_NOUNS
    each = [part for part in re.split(r",? and |, ", first) if part]
    return "Who" if people or all(ph.is_person(part) for part in each) else "What"


def _relation(clause: Clause, rest: str) -> Iterator[Draft]:
    """`is responsible for the keys` → "What is … responsible for?\""""
    match = said.RELATION.fullmatch(rest)
    aim = re.match(r"the (?:\w+ ){1,3}(?:of|for) \w", clause.subject)
    if aim and re.match(r"to [a-z]+ \w", rest) and rest.split()[1] in en.BASES:
        yield _draft(ask("What", clause, ""), rest)
    identity = re.match(r"the (?:[\w-]+ ){1,7}[\w-]+$", clause.subject)
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
    if len(how.split()) > said.LONGEST or len(before.split()) > 10 or said.POINTS.search(how):
        return
    if said.POINTS.search(before) or said.LOOSE.search(how) or said.LOOSE.search(before):
        return
    if clause.voice != "be" and (before or clause.voice == "passive"):
        yield _draft(ask("How", clause, before), how)


def _draft(question: str, answer: str) -> Draft:
    return Draft(question, answer, 1.2, titled=True)
