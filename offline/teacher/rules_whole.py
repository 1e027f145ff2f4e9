"""Questions whose answer is all that a sentence says of its subject: little can be misread.

`The pump stops after an hour.` → "What does the pump do?" – "stops after an hour"
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from offline.teacher import english as en
from offline.teacher import statement_words as said
from offline.teacher.drafting import PREP, Draft
from offline.teacher.grammar import Clause, Reader, two_subjects
from offline.teacher.leads import is_imperative, split_lead, without_marker
from offline.teacher.phrases import agrees, who_is
from offline.teacher.rules_forms import form, joined

_ASIDE = re.compile(
    r"[;:]| [-–—] |, (?:but|(?:\w+ of )?(?:which|whom)|who|where|whose|although|"
    r"though|while|whereas|so|because|even|since)\b| (?:while|only if) "
)
# "… and the rest is sold", ", and Chapter 6 explains …": a statement of its own.
NEXT_STATEMENT = re.compile(
    r",? and (?:then )?(?:the|its?|they|we|you|an?|he|she|there|their|all|"
    r"each|every|[a-z]+s|[A-Z]\w+)"
    r" (?:[\w’'-]+ ){0,6}?"
    rf"(?:{'|'.join(sorted(en.AUXILIARIES | en.DO))})\b|"
    r", and (?:[A-Z]|it|they|we|you|the)|, links\b|[;:]"
)
_SECOND = re.compile(
    r" and (?:the|our|said|its|their|your|an?|[A-Z]\w+) (?:[\w’'-]+ ){0,3}?"
    rf"(?:{'|'.join(sorted(en.AUXILIARIES))}) "
)
_NEXT_PREDICATE = re.compile(
    rf",? (?:and|but) (?:\w+ly |also )?(?:{'|'.join(sorted(en.AUXILIARIES))}) "
)
_LOOSE = re.compile(
    r"(?:since|because|with|as|to be|for the purpose|in (?:rare|some|most) cases)\b"
)


@dataclass(frozen=True)
class Statement:
    """One sentence: its lead, subject and predicate."""

    lead: str  # "in 1890"
    subject: str
    clause: Clause
    rest: str  # what follows the verb
    speaker: str  # "we" or "you", where one of them speaks


def read_statement(text: str, names: frozenset[str], antecedent: str | None) -> Statement | None:
    """The subject and predicate of a sentence that can be read with confidence.

    antecedent: whom an opening "it" or "they" means.
    """
    body = without_marker(text)
    pronoun = re.match(r"(It|They|He|She) (?=[a-z])", body)
    if pronoun and antecedent and agrees(pronoun[1].lower(), antecedent):
        body = f"{antecedent[0].upper()}{antecedent[1:]} {body[pronoun.end() :]}"
    named = re.match(r"Th(?:is|ese) ([a-z]+) (?=[a-z])", body)
    if named and antecedent and antecedent.lower().endswith(f" {named[1]}"):
        body = f"{antecedent[0].upper()}{antecedent[1:]} {body[named.end() :]}"
    if re.search(r"[?…]|\.\.|\w[.!?] [A-Z]", body):
        return None
    lead, opening, main = split_lead(body)
    pointing = re.search(r",|\b(?:th(?:is|ese|at|ose)|it|they|he|she|him|her|his)\b", lead)
    if opening or is_imperative(main) or pointing or _LOOSE.match(lead):
        return None
    reader = Reader(main, subject=None, names=names)
    found = _verb(reader)
    if found is None:
        return None
    place, clause, behind = found
    speaker = main[:3].strip().lower() if re.match("(?:We|You) ", main) else ""
    subject = speaker or _subject(reader, place, names)
    rest = main[reader.words[behind].start :] if behind < len(reader.words) else ""
    rest = _ASIDE.split(rest)[0].rstrip(" ,.!")
    bare = joined(rest) & en.ONLY_VERBS & en.BASES if clause.aux == "does" else set()
    if bare and not re.search(r"\b(?:to|not|help|let)\b", f"{clause.finite} {rest}"):
        return None  # "fungi supply plants … [and receive …]": the noun was taken for the verb
    turned = {reader.low(index) for index in range(place, behind)} & (_TURNS - {"not"})
    if not subject or len(rest.split()) < 2 or turned or two_subjects(subject):
        return None
    return Statement(lead, subject, clause, rest, speaker)


def whole_predicates(
    text: str, names: frozenset[str], antecedent: str | None = None
) -> Iterator[Draft]:
    """What a sentence says of its subject, asked in the words of its first verb."""
    found = read_statement(text, names, antecedent)
    if found is None:
        return
    lead, subject, clause, speaker = found.lead, found.subject, found.clause, found.speaker
    rest = found.rest
    rest = rest if rest.startswith("that ") else _NEXT_PREDICATE.split(f" {rest}")[0].strip()
    if len(rest.split()) < 2:
        return
    end = f" {lead}" if lead else ""
    rule, question, answer = form(clause, rest) or ("whole", *_asked(clause, rest))
    finite = en.AUXILIARIES | (en.ONLY_VERBS & en.PRESENT.keys() - en.BASES)
    second = bool(finite & joined(answer)) or re.search(r", and \w+ed ", answer) is not None
    second = second and not question.endswith(" do")
    also = rule == "object" and (clause.aux in en.MODALS or speaker) and " also " in text
    little = clause.voice == "be" and re.match(r"\w+ing (?:an?|the|that) ", subject)
    # Without a condition, the document says more than one such thing: of a short subject even
    # "What must a clerk not do?" and "What did the Board approve?"
    other = subject.lower().startswith("other ")
    positive = re.search(r"(?<!not) do$", question) is not None
    broad = rule == "whole" and question.endswith(" do")
    broad = broad or (rule == "object" and clause.aux not in {"do", "does"})
    broad = broad and not lead and (positive or len(subject.split()) < 4)
    spoken = (speaker == "you" and rule != "manner") or (speaker and rule == "whole")
    if second or also or little or other or broad or spoken or _SECOND.search(answer):
        return
    held = not NEXT_STATEMENT.search(answer)
    if held and question and len(answer.split()) <= said.LONGEST and not said.LOOSE.search(answer):
        asked = question.format(subject)
        if clause.voice == "be" and rule == "whole" and who_is(subject, answer):
            asked = asked.replace("What", "Who")
        score = 0.5 if rule == "whole" else 1.5
        yield Draft(f"{asked}{end}?", answer, score, titled=True, rule=rule, subject=subject)


def _verb(reader: Reader) -> tuple[int, Clause, int] | None:
    """The first finite verb behind a subject, and the place behind its group."""
    inner = False  # inside "that you use"
    for place in range(1, min(len(reader.words), 16)):
        low = reader.low(place)
        if low in {"that", "which", "who"} and not inner:
            inner = True
            continue
        if inner and reader.verb_group(
            place, place - 1 if reader.low(place - 1) in {"that", "which", "who"} else 0
        ):
            inner = False
            continue
        if inner:
            continue
        if not (low[0].isalnum() or low in {"-", "'", "’", "`", "(", ")"}):
            return None
        if low in en.SUBORDINATORS or (low in _NEEDS and reader.low(place + 1) in _NEEDED):
            return None
        if group := reader.verb_group(place, 0) or _unlisted(reader, place):
            return None if reader.is_reduced(place) else (place, *group)
    return None


def _unlisted(reader: Reader, place: int) -> tuple[Clause, int] | None:
    """`The program pipes the output`: a verb that no list holds, between noun and determiner."""
    word, before, after = reader.low(place), reader.low(place - 1), reader.low(place + 1)
    verb = re.fullmatch(r"[a-z]{3,}[^siu]s", word) and after in en.DETERMINERS - {"all", "both"}
    if word in en.PREPOSITIONS | en.ADVERBS:
        return None
    if not verb or before in en.OPENERS | en.PREPOSITIONS or not re.search(r"\w{2}[^s\W]$", before):
        return None
    base = word[:-1]
    return Clause("", "does", base, word, base, "active", ""), place + 1


# "needs to", "the need for": no object follows.
_NEEDS = frozenset({"need", "needs"})
_NEEDED = en.PREPOSITIONS | {"to", "not", "of", "be"}
_TURNS = frozenset(
    "never hardly rarely seldom barely almost nearly only not hence however likewise thus "
    "otherwise".split()
)
_TELLING = frozenset("suggest suggests believe believes say says state states argue argues".split())
_NO_SUBJECT = (
    en.PRONOUNS - {"anyone", "everyone"}
    | en.POSSESSIVES - {"your", "our"}
    | en.SUBORDINATORS
    | en.CONJUNCTIONS
    | en.PREPOSITIONS
    | en.ADVERBS
    | en.BASES & en.ONLY_VERBS
    | {"to", "not", "please"}
)


def _subject(reader: Reader, place: int, names: frozenset[str]) -> str:
    end = place
    while end > 1 and reader.is_adverb(end - 1):
        end -= 1
    if {reader.low(index) for index in range(end, place)} & (_TURNS | {"once", "twice"}):
        return ""
    subject = reader.slice(0, end)
    words = subject.split()
    first = words[0].lower()
    compared = r"the (?:form|latt|young|old|larg|small|great|low|upp|bett)er"
    one_word = re.fullmatch(
        rf"{compared}|[a-z]+ly|(?!early|daily|only)[a-z]+ly \w+", subject.lower()
    )
    if first in _NO_SUBJECT | _TURNS or one_word or said.UNNAMED.search(subject):
        return ""
    verbal = (
        len(words) == 1 and first in en.BASES | en.PRESENT.keys() and first not in en.PERSON_NOUNS
    )
    cut = len(words) > 2 and words[-1] in en.PARTICIPLE.keys() - en.BASES
    # "Identifies and negotiates …", "Is aware of …": an item of a list, without its subject.
    item = first in en.PRESENT and (first in en.AUXILIARIES or words[1:2] in (["and"], ["with"]))
    loose = _TURNS | en.AUXILIARIES | {"helps", "does"} | en.CONJUNCTIONS | en.PREPOSITIONS
    if verbal or cut or item or first in en.AUXILIARIES or words[-1].lower() in loose:
        return ""
    inner = [word.lower() for word in re.split(r" (?:who|that|which) ", subject)[0].split()[1:]]
    if (
        set(inner) & _TELLING
        or re.search(r"\d{4} [A-Z]|\d0s$", subject)
        or re.search(r"\b(?:the|an?) \w+(?:ing|ed)$", subject)
    ):
        return ""  # "Early accounts suggest [that] people", "the delay of the returning [echoes]"
    if re.search(r" (?:who|that|which) ", subject) and words[-1] in en.PRESENT:
        return ""  # "skippers who sail provides [ropes]"
    plain = first in en.OPENERS or (len(words) > 1 and words[1].islower())
    plain = plain and words[0] not in names and bool(re.fullmatch("[A-Za-z][a-z-]*", words[0]))
    return subject[0].lower() + subject[1:] if plain else subject


def _asked(clause: Clause, rest: str) -> tuple[str, str]:
    """The question with a place for the subject, and its answer."""
    aux, said_of = clause.aux.lower(), f"{clause.finite} {rest}"
    if clause.voice == "active" and "be" in clause.head.split():
        return "", ""
    if "not" in clause.head.split():
        asks = clause.voice == "active" and (aux in en.MODALS or aux in {"do", "does"})
        return (f"What {aux} {{}} not do", f"{clause.lemma} {rest}") if asks else ("", "")
    if clause.voice == "be":
        if rest.startswith("for ") and not clause.head and aux in en.BE:
            return f"What {aux} {{}} for", rest[4:]
        if rest.split()[0] in en.PREPOSITIONS | {"to", "of"}:
            return "", ""
        if clause.head not in {"", "be"} or aux not in en.BE | en.MODALS:
            return "", ""
        noun = re.match(r"(?:an?|the|one) ", rest) or (
            aux in {"are", "were"}
            and re.match(
                rf"(?!best |well )(?:(?!(?:{PREP}|to|\w+ed) )[\w’'-]+ ){{0,4}}?\w+[^siu]s"
                rf"(?: (?:{PREP}|of|that)\b|$)",
                rest,
            )
        )
        return (f"What {aux} {{}} {clause.head}".strip(), rest) if noun else ("", "")
    if clause.voice == "passive" or aux in en.BE | en.HAVE:
        return "", ""
    if aux in en.MODALS:
        return f"What {aux} {{}} do", f"{clause.head} {rest}"
    first, _, behind = rest.partition(" ")
    opens = rest.split()[0].lower() in en.OPENERS
    if aux == "did" and clause.finite in en.PARTICIPLE and not opens:
        return "", ""
    if first == "from" and " to " in behind:
        return "", ""  # "range from Iceland to Norway"
    tied = first in {"from", "into", "as", "with"} and said.OPENS_NOUN.match(behind)
    if first == "to" and behind.partition(" ")[0] in en.BASES:
        return "", ""
    if behind and (tied or f"{clause.lemma} {first}" in said.PREPOSITIONAL):
        return f"What {aux} {{}} {clause.lemma} {first}", behind
    return f"What {aux} {{}} do", said_of
