"""Questions whose answer is all that a sentence says of its subject: little can be misread.

`The pump stops after an hour.` → "What does the pump do?" – "stops after an hour"
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline.teacher import english as en
from offline.teacher import statement_words as said
from offline.teacher.drafting import Draft
from offline.teacher.grammar import Clause, Reader
from offline.teacher.leads import is_imperative, split_lead, without_marker
from offline.teacher.phrases import agrees, is_person

_ASIDE = re.compile(
    r"[;:]|, (?:but|which|who|where|whose|although|though|while|whereas|so|because|even|since)\b"
)
# "… and the rest is sold", ", and Chapter 6 explains …": a statement of its own.
_NEXT_STATEMENT = re.compile(
    r",? and (?:then )?(?:the|its?|they|we|you|an?|he|she|there|their|all|"
    r"each|every|[a-z]+s|[A-Z]\w+)"
    r" (?:[\w’'-]+ ){0,6}?"
    rf"(?:{'|'.join(sorted(en.AUXILIARIES | en.DO))})\b|"
    r", and (?:[A-Z]|it|they|we|you|the)|, links\b|[;:]"
)
_ENTRY = re.compile(r"(?P<term>[\"“]?[A-Z`][\w’'./() -]{2,40}?)(?: ?: | [–—-] )(?P<what>[^:]+)")
_NO_TERM = re.compile(r"(?i)\b(?:note|example|warning|tip|see|today|caution|and|the|an?)\b")


def whole_predicates(
    text: str, names: frozenset[str], antecedent: str | None = None
) -> Iterator[Draft]:
    """What a sentence says of its subject, asked in the words of its first verb.

    antecedent: whom an opening "it" or "they" means.
    """
    body = without_marker(text)
    pronoun = re.match(r"(It|They) (?=[a-z])", body)
    if pronoun and antecedent and agrees(pronoun[1].lower(), antecedent):
        body = f"{antecedent[0].upper()}{antecedent[1:]} {body[pronoun.end() :]}"
    if re.search(r"[?…]|\.\.|\w[.!?] [A-Z]", body):
        return
    lead, opening, main = split_lead(body)
    if opening or is_imperative(main) or re.search(r",|\b(?:th(?:is|ese|at|ose)|it|they)\b", lead):
        return
    reader = Reader(main, subject=None, names=names)
    found = _verb(reader)
    if found is None:
        return
    place, clause, behind = found
    subject = _subject(reader, place, names)
    rest = main[reader.words[behind].start :] if behind < len(reader.words) else ""
    rest = _ASIDE.split(rest)[0].rstrip(" ,.!")
    if not subject or len(rest.split()) < 2:
        return
    question, answer = _asked(clause, rest)
    end = f" {lead}" if lead else ""
    held = not said.points(f"{subject} {answer}") and not _NEXT_STATEMENT.search(answer)
    if held and question and len(answer.split()) <= said.LONGEST and not said.LOOSE.search(answer):
        asked = question.format(subject)
        if clause.voice == "be" and is_person(subject):
            asked = asked.replace("What", "Who")
        yield Draft(f"{asked}{end}?", answer, 0.5, titled=True, rule="whole")


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
        if low in en.SUBORDINATORS:
            return None
        if group := reader.verb_group(place, 0) or _unlisted(reader, place):
            return None if reader.is_reduced(place) else (place, *group)
    return None


def _unlisted(reader: Reader, place: int) -> tuple[Clause, int] | None:
    """`The program pipes the output`: a verb that no list holds, between noun and determiner."""
    word, before, after = reader.low(place), reader.low(place - 1), reader.low(place + 1)
    verb = re.fullmatch(r"[a-z]{3,}[^siu]s", word) and after in en.DETERMINERS - {"all", "both"}
    if not verb or before in en.OPENERS | en.PREPOSITIONS or not re.search(r"\w{2}[^s\W]$", before):
        return None
    base = word[:-1]
    return Clause("", "does", base, word, base, "active", ""), place + 1


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
    subject = reader.slice(0, end)
    words = subject.split()
    first = words[0].lower()
    one_word = re.fullmatch(r"the \w+er|[a-z]+ly", subject.lower())
    if first in _NO_SUBJECT or one_word or said.UNNAMED.search(subject):
        return ""
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
        if clause.head == "be" and aux in en.MODALS:
            return f"What {aux} {{}} be", rest
        if clause.head or aux not in en.BE:
            return "", ""
        noun = re.match(r"(?:an?|the|one) ", rest)
        return f"What {aux} {{}}" if noun else f"How {aux} {{}} described", rest
    past = aux in {"was", "were", "did", "had"}
    if clause.voice == "passive":
        if clause.lemma in _UNASKED:
            return "", ""
        if aux in en.MODALS:
            return f"What {aux} be done with {{}}", f"{clause.head} {rest}".removeprefix("be ")
        return f"What {'happened' if past else 'happens'} to {{}}", said_of
    if aux in en.MODALS:
        return f"What {aux} {{}} do", f"{clause.head} {rest}"
    if aux in en.BE:
        return f"What {aux} {{}} doing", f"{clause.head} {rest}"
    if aux in en.HAVE:
        return f"What {aux} {{}} done", f"{clause.head} {rest}"
    first, _, behind = rest.partition(" ")
    opens = rest.split()[0].lower() in en.OPENERS
    if aux == "did" and clause.finite in en.PARTICIPLE and not opens:
        return "", ""
    if clause.lemma in _STATES and said.OPENS_NOUN.match(rest):
        return f"What {aux} {{}} {clause.lemma}", rest
    if behind and f"{clause.lemma} {first}" in said.PREPOSITIONAL:
        return f"What {aux} {{}} {clause.lemma} {first}", behind
    return f"What {aux} {{}} do", said_of


_UNASKED = frozenset("require see intend derive mean find need give".split())
_STATES = frozenset(
    "mean require need contain include represent provide support offer use specify describe "
    "define cover have hold cost resemble involve receive return".split()
)


def described(text: str) -> Iterator[Draft]:
    """`Snap: Turning along the top of the wave.` → "How is “Snap” described?\""""
    match = _ENTRY.fullmatch(text.rstrip(" ."))
    if match is None:
        return
    term, what = match["term"].strip('`"“ '), match["what"]
    if len(term.split()) > 4 or _NO_TERM.search(term) or not re.search(r"[a-z]{3}", term):
        return
    # "Antoine: we can add a label" is a speech.
    opens = re.match(r"(?:an?|the|to|any|when|used|\w+ing|\w+ed) ", what.lower())
    if opens and 3 <= len(what.split()) <= said.LONGEST and not said.points(f"the {what}"):
        yield Draft(f"How is “{term}” described?", what, 0.5, titled=True, rule="described")
