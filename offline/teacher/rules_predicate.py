"""Questions after what a plain statement says of its subject, asked of the named document.

The answer runs to the end of the sentence, so that it is a whole phrase whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline.teacher import english as en
from offline.teacher import phrases as ph
from offline.teacher.drafting import Draft, ask
from offline.teacher.grammar import Clause
from offline.teacher.leads import ITSELF
from offline.teacher.rules_is import JUDGED

_LONGEST = 16  # words of an answer
# A subject that these words open or hold names nothing by itself.
_UNNAMED = re.compile(
    r"\b(?:this|these|those|that|such|same|others|another|following|above|below|former|"
    r"latter|previous|next|first|second|third|last|one|ones|it|its|he|she|his|her|they|their|"
    r"them|we|our|us|i|my|which|who|what|there|here|both|none|nothing|anything|something|"
    r"everything|example|reason|result|way|idea|point|problem|case|rest|thing|things|"
    r"also|not|no|above|said|particular|fact|few|many|some|most|several|people|part)\b",
    re.IGNORECASE,
)
# Which one, only the lines before would tell.
_ANY_OF_ITS_SORT = (
    r"the (?:function|method|class|callable|option|value|time|argument|parameter|result|object|"
    r"record|string|list|number|command|field|input|output|input data|instance|user|recipient|"
    r"second|item|element|name|key|other|section|step|type|flag|attribute|property|variable)s?"
)
_OPENS_NOUN = re.compile(
    r"(?!as\b|is\b|was\b)(?:the|an?|any|all|each|every|no|its|their|your|both|two|three|four|"
    r"several|many|more|only|at "
    r"least|up to|one|\d[\d.,]*|[A-Z][\w’'.-]*|[a-z][\w/-]*s|[a-z][\w/-]* (?:and|or|of) "
    r"[a-z][\w/-]*"
    r"|[a-z][\w/-]* [a-z][\w/-]*(?:s|ion|ment|ity|ness|ing|ance|ence|ance|ware|ship|time|ure|"
    r"age))\b"
)
_POINTS = re.compile(
    rf"\b(?:this(?! {ITSELF}\b)|these|those|such|same|above|below|following|former|latter|it|he|"
    rf"she|him|they|them|"
    r"i|we|us|our|me|my|here|there|so|then|one|ones|otherwise|e\.g|i\.e|etc|else)\b",
    re.IGNORECASE,
)
# Behind these, an answer would hold a second statement.
_SECOND = re.compile(
    r"[;:–—]|, (?:and|or|so|with|\w+ing|then|not|but|which|who|as|if|when) |\bbut\b"
)
# What may follow a whole phrase; and what still belongs to it.
_ASIDE = re.compile(
    r"$|;|,? (?:but|because|although|though|while|whereas|so that)\b|, (?:which|who|where|whose|if|"
    r"unless|even|as)\b"
)
_BELONGS = re.compile(
    r" (?:that|who|which|where|whose|when|if|unless|how|what|whether|before|after|until)\b"
)
_LOOSE = re.compile(
    r"\b(?:the|an?|of|to|and|or|for|with|in|on|at|by|from|as|is|are|be|into|about|like|via)$"
)
_ENDS_ON = "in|under|within|upon|of|to|by|for|from|with|as|into|through|via|against|on"
_THING = r"(?:the|an?|its|their|your|[A-Z][\w’'.-]*) ?[\w’'.-]*|[\w.-]*[_.\d/][\w.-]*$"
_ADVERBIAL = (
    r"(?:in (?:order|addition|case|general|part|fact|accordance|turn|advance|use|time|writing|"
    r"person|"
    r"full|total|parallel|practice|response|particular|this|place|good)|of (?:course|late)|to "
    r"(?:date|"
    r"some|a large|a great)|by (?:default|hand|mail|email|then|now)|for (?:example|instance|now|"
    r"free)|"
    r"under (?:way|no)|at (?:least|most|all|any)|on (?:time|top|average|behalf))\b"
)
# Adjectives with a preposition that is theirs.
_RELATION = re.compile(
    r"(?P<head>(?:responsible|eligible|available|valid|suitable|ideal|necessary|essential|useful|"
    r"known|notable|famous|liable) for|(?:entitled|subject|equal|equivalent|similar|identical|"
    r"relative|limited|specific|open|committed|prone|close|related|opposed|due|exposed|attached|"
    r"dedicated|accessible|available) to|(?:compatible|consistent|familiar|synonymous) with|"
    r"(?:capable|"
    r"aware|typical|independent|full|representative|composed) of|(?:dependent|based|reliant|"
    r"contingent) on|(?:different|absent|exempt|free|separate) from|(?:rich|interested|involved) in"
    r") (?P<what>.+)"
)
_WEAK_VERBS = frozenset(
    "be have do get go come become seem appear think know feel remain start begin continue "
    "try happen look sound stay act work help say tell consist belong result depend lead refer "
    "differ vary occur live stand lie run fall rise take make let need want keep put turn call "
    "see give bring set serve range measure weigh last cost".split()
)
_PREPOSITIONAL = frozenset(
    "apply to|consist of|depend on|rely on|refer to|belong to|lead to|result in|focus on|serve "
    "as|act as|"
    "account for|comply with|conform to|contribute to|correspond to|specialise in|specialize in|"
    "operate on|"
    "point to|relate to|respond to|stand for|expand to|default to|map to|translate to|amount to|"
    "begin with|"
    "start with|end with|deal with|work with|report to|pay for|ask for|care for|look after|"
    "connect to|"
    "adhere to|agree to|participate in|engage in|look for|wait for|vote on|vote for".split("|")
)
# An object, and the place, time, means or purpose behind it.
_TREATED = re.compile(
    r"(?P<thing>(?:(?!(?:of|that|who|which|how|what|when|if|not)\b)[\w’'./-]+ ){1,7}?(?:of "
    r"(?:[\w’'-]+ ){1,3}?)?)"
    r"(?P<tail>(?:on|in|for|with|through|via|from|at|to|by|during|using|before|after|every|once|within|"
    r"into|until|under|over|as|per|across) .+)"
)
_PEOPLE = re.compile(
    r"\b(?:employees?|customers?|users?|teammates?|people|teams?|candidates?|everyone|members?|you|staff|"
    r"managers?|students?|volunteers?|residents?|neighbou?rs?|developers?|engineers?|colleagues?|contributors?|persons?|\w+selves|yourself)\b"
)
_NOT_DONE = frozenset(
    "hope look wait rely work talk agree focus deal care invite invest like love".split()
)
_FOR_A_PURPOSE = frozenset(
    "use need offer provide create write run build hold follow take make add install open set "
    "enter "
    "complete send press click select".split()
)
_RESOLVED = frozenset("agree decide plan want intend offer promise propose refuse vote aim".split())
_TOLD = frozenset(
    "say note mention state argue claim suggest report believe propose recommend announce explain "
    "indicate ensure show find agree decide confirm mean guarantee imply require specify assume "
    "prove "
    "demonstrate conclude estimate hope consider".split()
)


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
    if not rest and clause.lemma in _TOLD:
        told = re.search(rf"\b{clause.finite} (that [a-z].+)$", text.rstrip(" .!"))
        rest = told.group(1) if told else ""
    if not rest or _SECOND.search(rest) or _LOOSE.search(rest):
        return
    yield from _means(clause, rest)
    if len(rest.split()) > _LONGEST or _POINTS.search(rest):
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
    if place < 0 or _ASIDE.match(behind):
        return rest if place >= 0 else ""
    return rest + behind if _BELONGS.match(behind) and "," not in behind else ""


def _named(subject: str) -> bool:
    words = subject.split()
    if not words or len(words) > 12 or _UNNAMED.search(subject) or "," in subject:
        return False
    if re.fullmatch(_ANY_OF_ITS_SORT, subject):
        return False
    bare = words[1:] if words[0] in en.DETERMINERS else words
    return subject == "you" or bool(bare and re.match(r"[\w.]{3,}", bare[-1]))


def done_to(aux: str, base: str, rest: str) -> Iterator[Draft]:
    """`We track errors on Sentry` → "What is tracked on Sentry?": nobody need know who "we" are."""
    match = _TREATED.match(rest)
    if match is None or base in _WEAK_VERBS | _TOLD | _NOT_DONE:
        return
    thing, tail = match.group("thing").strip(), match.group("tail")
    if (
        not _OPENS_NOUN.match(thing)
        or _PEOPLE.search(thing)
        or _POINTS.search(rest)
        or _SECOND.search(rest)
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
    if _LOOSE.search(tail) or not 2 <= len(tail.split()) <= 14:
        return
    if tail.startswith("to ") and tail.split()[1] in en.BASES and base not in _FOR_A_PURPOSE:
        return
    be = {"do": "is", "did": "was", "have": "has been"}.get(
        aux, f"{aux} be" if aux.split()[0] in en.MODALS else ""
    )
    if be:
        yield _draft(f"What {be} {en.participle_of(base)} {tail}?", thing)


def _object(clause: Clause, rest: str) -> Iterator[Draft]:
    """`The parser returns a list of tokens` → "What does the parser return?\""""
    word, _, behind = rest.partition(" ")
    if f"{clause.lemma} {word}" in _PREPOSITIONAL and _OPENS_NOUN.match(behind):
        yield _draft(ask("What", clause, word), behind)
        return
    if clause.lemma in _TOLD and re.match(r"that [a-z]", rest):
        yield _draft(ask("What", clause, ""), rest)
    if clause.lemma in _RESOLVED and word == "to" and behind.partition(" ")[0] in en.BASES - {"be"}:
        yield _draft(ask("What", clause, "to do"), behind)
    if (
        clause.lemma in _WEAK_VERBS | _TOLD - {"require", "specify", "mean"}
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
    match = re.match(rf"(?P<prep>{_ENDS_ON}) (?P<what>.+)$", rest)
    if match is None or clause.subject == "you":
        return
    prep, what = match.group("prep"), match.group("what")
    if re.match(_ADVERBIAL, rest) or ph.WHEN.match(rest):
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
    if _OPENS_NOUN.match(what) and not re.match(rf"{ph.NUMBER} {ph.TIME_UNITS}", what):
        yield _draft(ask(_who_or_what(what), clause, prep), what)


def _who_or_what(phrase: str) -> str:
    """`the volunteers who dug the trench`, `Ida Holm and Alan Brenn` → "Who\""""
    first = re.split(r" (?:of|who|that|in|at|on|from|for|with|to) ", phrase)[0]
    head = first.split()[-1]
    people = _PEOPLE.fullmatch(head) or head.rstrip("s") in en.PERSON_NOUNS
    each = [part for part in re.split(r",? and |, ", first) if part]
    return "Who" if people or all(ph.is_person(part) for part in each) else "What"


def _relation(clause: Clause, rest: str) -> Iterator[Draft]:
    """`is responsible for the keys` → "What is … responsible for?\""""
    match = _RELATION.fullmatch(rest)
    aim = re.match(r"the (?:\w+ ){1,3}(?:of|for) \w", clause.subject)
    if aim and re.match(r"to [a-z]+ \w", rest) and rest.split()[1] in en.BASES:
        yield _draft(ask("What", clause, ""), rest)
    identity = re.match(r"the (?:[\w-]+ ){1,7}[\w-]+$", clause.subject)
    if (
        identity
        and not JUDGED.search(rest)
        and "-specific" not in rest
        and not clause.subject.startswith("the only")
        and re.match(_THING, rest)
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
    if len(how.split()) > _LONGEST or len(before.split()) > 10 or _POINTS.search(how):
        return
    if _POINTS.search(before) or _LOOSE.search(how) or _LOOSE.search(before):
        return
    if clause.voice != "be" and (before or clause.voice == "passive"):
        yield _draft(ask("How", clause, before), how)


def _draft(question: str, answer: str) -> Draft:
    return Draft(question, answer, 1.2, titled=True)
