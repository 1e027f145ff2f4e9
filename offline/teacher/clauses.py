"""Simple clauses of a sentence, from which questions are made.

"Quarle Light, which was put up in 1854, has a crew of 3 and stands in the bay." gives three
clauses about Quarle Light. What cannot be read with confidence gives none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from offline.teacher import english as en
from offline.teacher.clause_ends import rest_of
from offline.teacher.grammar import Clause, Reader
from offline.teacher.leads import is_imperative, split_lead, without_marker
from offline.teacher.phrases import NAME, WHEN, has_name, is_person, is_plural, referent
from offline.teacher.subjects import UNRESOLVED, Unreadable, read_subject

_ONCE = frozenset("built designed founded invented launched completed wrecked discovered".split())
_OWNERS = frozenset({"its", "her", "his", "their"})
_LAST_NAME = re.compile(
    rf"(?:^|\b(?:by|in|at|on|to|from|for|with|was|is|are|were) )"
    rf"((?:the )?(?:[a-z-]+ ){{0,2}}{NAME})$"
)
_PROPER = rf"(?:the )?{NAME}(?: (?:of|in|at) (?:the )?{NAME})?"


@dataclass(frozen=True)
class Reading:
    """What one sentence says."""

    clauses: tuple[Clause, ...] = ()
    subject: str | None = None  # of the main clause: whom a following pronoun means


def read_sentence(
    text: str,
    *,
    antecedent: str | None,
    names: frozenset[str],
    topic: str | None = None,
) -> Reading:
    """The clauses of one sentence; an empty reading where the rules do not reach.

    antecedent is the main subject of the sentence before, names the words known as proper names,
    topic the named thing that the paragraph is about.
    """
    body = without_marker(text)
    because = re.match(r"(?P<why>Because [^,;:]+), (?P<body>[^;:]+)", body)
    lead, participial, body = split_lead(because["body"] if because else body)
    if not body:
        return Reading()
    if is_imperative(body):
        body = f"You should {body[0].lower()}{body[1:]}"
    words = Reader(body[0].upper() + body[1:], subject=antecedent, names=names, topic=topic)
    words.lowered = body[0].islower()
    reader = _SentenceReader(words)
    try:
        subject = reader.full_clause(0)
    except Unreadable:
        return Reading()
    clauses = reader.clauses
    if because and clauses:
        clauses[0] = replace(clauses[0], reason=because["why"])
    if lead and clauses:
        clauses[0] = replace(
            clauses[0], rest=f"{clauses[0].rest} {lead}".strip(), core=clauses[0].rest
        )
    if participial and has_name(subject):
        past = clauses and clauses[0].aux in {"was", "did", "had", "were"}
        was = "was" if past or WHEN.search(participial) else "is"
        extra = _SentenceReader(Reader(f"X {was} {participial}", subject=None, names=names))
        try:
            extra.full_clause(0)
            clauses += [replace(c, subject=subject) for c in extra.clauses if c.voice == "passive"]
        except Unreadable:
            pass
    return Reading(tuple(clauses), subject)


class _SentenceReader:
    """Collects the clauses of one sentence."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.clauses: list[Clause] = []
        self.owner: str | None = None  # whom the "its" of the subject means

    def full_clause(self, first: int) -> str:
        """Read subject and predicates from the word at `first`; give the subject.

        Raises:
            Unreadable: the words do not fit.
        """
        reader = self.reader
        subject, verb, inserted = read_subject(reader, first)
        self.owner = reader.antecedent if reader.low(first) in _OWNERS else None
        # "Its rival, the Sleeve Company, was …": the name says it better than the role.
        if inserted and (subject == UNRESOLVED or not has_name(subject)):
            description = reader.slice(*inserted[0])
            name = is_person(description) or re.fullmatch(_PROPER, description)
            told = reader.low(inserted[0][0]) in en.PARTICIPLE | {"according": ""}
            if name and not told:
                subject = description
        if subject == UNRESOLVED:
            raise Unreadable("its")
        before = len(self.clauses)
        self._predicate(subject, verb, first)
        past = len(self.clauses) > before and self.clauses[before].aux in {"was", "did", "were"}
        for start, end in inserted:
            if reader.slice(start, end) != subject:
                self._insertion(subject, start, end, past=past)
        return subject

    def _insertion(self, subject: str, start: int, end: int, *, past: bool) -> None:
        """`, which was built in 1890,` · `, designed by X,` · `, the keeper of Y,`"""
        reader = self.reader
        low = reader.low(start)
        if low in {"which", "who"}:
            verb = reader.before_verb(start + 1)
            if reader.is_verb_at(verb, start):
                self._predicate(subject, verb, start, limit=end)
        elif low in en.PARTICIPLE and low not in en.BASES - {"found"}:
            rest, complete, _ = rest_of(reader, start + 1, limit=end)
            dated = WHEN.search(rest) and "since" not in rest
            plural = is_plural(subject)
            past = (past and "since" not in rest) or bool(dated) or low in _ONCE
            was = ("were" if plural else "was") if past else "are" if plural else "is"
            clause = Clause(
                subject, was, low, f"{was} {low}", en.PARTICIPLE[low], "passive", rest, complete
            )
            self.clauses.append(clause)
        else:
            description = reader.slice(start, end)
            be = "was" if past and "present" not in description else "is"
            role = f"the {description.removeprefix('the ')}"
            if description[:1].isdigit():
                self.clauses.append(Clause(subject, be, "", be, "be", "be", description))
            elif is_person(subject) and re.match(r"the (?!an? |one )(?:[a-z-]+ )+of ", role):
                self.clauses.append(Clause(role, be, "", be, "be", "be", subject))

    def _predicate(self, subject: str, verb: int, first: int, limit: int | None = None) -> None:
        reader = self.reader
        group = reader.verb_group(verb, first)
        if group is None:
            raise Unreadable("verb")
        clause, place = group
        rest, complete, stop = rest_of(reader, place, limit=limit)
        reason = ""
        why = stop + (reader.low(stop) == ",")
        so = reader.low(why) == "so" and reader.low(why + 1) == "that"
        # "closed since the fire" tells a time, "closed, since it rains" a reason.
        since = reader.low(why) == "since" and why > stop
        if limit is None and (so or since or reader.low(why) == "because"):
            reason, whole, end = rest_of(reader, why + 1 + so)
            whole = whole and reader.low(end) in {"", ",", ";", "."}
            reason = f"{reader.slice(why, why + 1 + so)} {reason}" if whole else ""
        new = replace(clause, subject=subject, rest=rest, complete=complete, reason=reason)
        self.clauses.append(new)
        reader.antecedent = self.owner or subject
        if limit is None and stop < len(reader.words):
            self._coordinate(self.clauses[-1], stop)
            self._relative(rest, stop)

    def _relative(self, rest: str, stop: int) -> None:
        """`… by the baker Ida Holm, who …` · `… in the Salt Store, which …`: on the last name."""
        reader = self.reader
        if reader.low(stop) != "," or reader.low(stop + 1) not in {"who", "which"}:
            return
        match = _LAST_NAME.search(rest)
        name = match.group(1) if match else ""
        people = any(is_person(part) for part in name.split(" and "))
        if not name or people != (reader.low(stop + 1) == "who"):
            return
        verb = reader.before_verb(stop + 2)
        if set(name.lower().split()) & en.PREPOSITIONS or not reader.is_verb_at(verb, stop):
            return
        try:
            self._predicate(name, verb, stop + 1)
        except Unreadable:
            return

    def _coordinate(self, clause: Clause, stop: int) -> None:
        """Go on behind the cut: `and carries …`, `, and it was lit …`, `; the Tern has …`"""
        reader = self.reader
        place, joined = stop, False
        while reader.low(place) in {",", ";", "and", "but", "then"}:
            joined = joined or reader.low(place) in {"and", "but", ";"}
            place += 1
        if not joined or place >= len(reader.words):
            return
        low, subject = reader.low(place), clause.subject
        if low in {"it", "he", "she", "they"} and (meant := referent(low, subject)):
            clause = replace(clause, subject=meant)
            place = reader.before_verb(place + 1)
            low = ""
        place = reader.before_verb(place)
        try:
            if low == "":
                self._predicate(clause.subject, place, place - 1)
            elif reader.is_verb_at(place, stop):
                self._same_subject(clause, place)
            else:
                self.full_clause(place)
        except Unreadable:
            return

    def _same_subject(self, clause: Clause, place: int) -> None:
        reader = self.reader
        low = reader.low(place)
        if clause.voice == "passive" and low in en.PARTICIPLE and low in en.PAST | en.PARTICIPLE:
            if reader.low(place + 1) in en.DETERMINERS - {"each", "every"}:
                return self._predicate(clause.subject, place, place - 1)
            rest, complete, stop = rest_of(reader, place + 1)
            be = " ".join(word for word in clause.head.split()[:-1] if word in {"be", "been"})
            head = f"{be} {low}".strip()
            finite = f"{clause.aux} {head}"
            lemma = en.PARTICIPLE[low]
            new = Clause(clause.subject, clause.aux, head, finite, lemma, "passive", rest, complete)
            self.clauses.append(new)
            if stop < len(reader.words):
                self._coordinate(new, stop)
                self._relative(rest, stop)
            return None
        return self._predicate(clause.subject, place, place - 1)
