"""A question put together from the words of one statement."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from offline.teacher import lexicon as lx
from offline.teacher.clauses import Clause
from offline.teacher.tree import after_comma, child, children, phrase, span, words

if TYPE_CHECKING:
    from spacy.tokens import Token


@dataclass(frozen=True)
class Draft:
    """A question, its answer as it stands in the sentence, and how good the rule usually is."""

    text: str
    answer: str
    score: float
    rule: str
    asked: tuple[Token, ...] = ()  # the sentence's tokens in the question
    told: tuple[Token, ...] = ()  # and in the answer


class Unreadable(Exception):
    """A phrase whose end is not clear."""


_SHORT = {
    "n't": "not", "n’t": "not", "ca": "can", "wo": "will", "'ll": "will", "’ll": "will",
    "'re": "are", "’re": "are", "'ve": "have", "’ve": "have",
}  # fmt: skip
_SINGULAR = {"are": "is", "were": "was", "have": "has", "do": "does"}
# Of these, a question needs more than the subject.
_UNFINISHED = frozenset("know call consider name see use say make regard think".split())
_ASIDES = frozenset(
    "for example|in fact|in general|for instance|in addition|in contrast|of course|as a result|"
    "in turn|in practice|in particular|in theory|at present|by contrast|in short".split("|")
)


def lead(tokens: Sequence[Token], names: frozenset[str]) -> str:
    """The tokens' text where it no longer opens the sentence."""
    text, first = words(tokens), tokens[0]
    named = (
        first.text in names
        or first.tag_ in {"NNP", "NNPS"}
        or not (first.text[1:].islower() or len(first.text) == 1)
        or first.text == "I"
        or (first.dep_ in {"compound", "amod"} and first.head.text in names)
    )
    opens = first.i == first.doc[0].i and not named
    return text[:1].lower() + text[1:] if opens else text


def marked(part: Token) -> str:
    """`if` of "if the fan fails", `to` of "to test a pot"; "" without such a word."""
    first = part.left_edge
    opens = first.dep_ in {"mark", "advmod"} or first.lower_ in {"to", "in"}
    return first.lower_ if part.dep_ in {"advcl", "advmod"} and opens else ""


class Wording:
    """The words of a statement as its questions need them."""

    def __init__(self, clause: Clause, names: frozenset[str]) -> None:
        self.clause, self.names = clause, names

    def is_person(self) -> bool:
        head = self.clause.head
        return self.clause.names_person or (head is not None and self.who_or_what(head) == "Who")

    def who_or_what(self, noun: Token, *, acts: bool = False) -> str:
        """The question word for a noun; "" for what may be a person's name or a thing's."""
        wh, named = lx.who_or_what(noun, acts=acts), noun.text in self.names
        if noun.pos_ == "PROPN":
            doubtful = wh == "Who" and not named  # "Input Shaping" beside "input shaping"
        else:
            doubtful = wh == "What" and named and not list(noun.lefts)  # "Blackburn oversees …"
        return "" if doubtful else wh

    def subject(self) -> str:
        head = self.clause.head
        return self.clause.subject if head is None else lead(phrase(head), self.names)

    def inverted(self) -> tuple[str, str]:
        """`has`, `been sold`; `does`, `carry`: the auxiliary, and the verb's other words."""
        verb, group = self.clause.verb, self.clause.group
        if group[0] != verb:
            return self._said(group[0]), " ".join(map(self._said, group[1:]))
        if verb.lemma_ == "be":
            return self._said(verb), ""
        # "Paper bags cost five cents": now or then?
        now = verb.tag_ == "VBP" or (verb.lower_ == verb.lemma_ and self.clause.plural)
        does = "does" if verb.tag_ == "VBZ" else "do" if now else "did"
        return does, verb.lemma_

    def finite(self, *, single: bool) -> str:
        """The verb's words as they stand, or as "What" and "Who" want them: in the singular."""
        said = [self._said(token) for token in self.clause.group]
        if single and self.clause.first.tag_ == "VBP" and said[0] not in _SINGULAR:
            said[0] = third_person(said[0])
        if single:
            said[0] = _SINGULAR.get(said[0], said[0])
        return " ".join(said)

    def _said(self, token: Token) -> str:
        if token.lower_ in {"'s", "’s"}:
            verb = self.clause.verb
            return "has" if verb.tag_ == "VBN" and not self.clause.passive else "is"
        return _SHORT.get(token.lower_, token.text)

    def rest(self, gone: Sequence[Token] = ()) -> tuple[str, list[Token]]:
        """What the question repeats of the words behind the verb, then of those before it.

        Raises:
            Unreadable: a part has no clear end, or belongs to nothing that the question holds.
        """
        texts: list[str] = []
        used: list[Token] = []
        for part in self.clause.after:
            tokens = phrase(part)
            comma = after_comma(part)
            aside = part.dep_ == "advcl" and comma and marked(part) not in lx.OCCASIONS
            if aside or any(token in gone for token in span(part)):
                continue
            if comma and gone and part.dep_ in {"prep", "advmod", "npadvmod"}:
                continue  # an afterthought: ", ahead of two others"
            later = [t for t in children(part, "conj") if child(t, "nsubj", "nsubjpass")]
            if later and part.dep_ != "prep" and re.search(", (?:and|but|or) ", words(tokens)):
                raise Unreadable  # "if a test fails, and the line is stopped": a new statement?
            if part.dep_ == "advcl" and part.tag_ == "VBN" and not marked(part):
                raise Unreadable  # "in a sphere [designed to ease it]"
            if re.search(r"\bof (?:which|whom)\b", words(tokens)):
                raise Unreadable  # "copies of which"
            if not tokens or _cut(tokens) or (comma and gone and part.dep_ != "advcl"):
                raise Unreadable
            asks = tokens[0].tag_ in {"WP", "WDT", "WRB"} or tokens[0].lower_ in {"whether", "if"}
            if gone and part.dep_ == "ccomp" and asks:
                raise Unreadable  # "What can you choose what you want?"
            if comma and texts:
                texts[-1] += ","
            texts.append(words(tokens))
            used += tokens
        for part in self.clause.before:
            tokens = span(part)
            text = words(tokens)
            if len(tokens) == 1 and part.dep_ == "advmod":
                if part.pos_ != "ADV":
                    raise Unreadable  # "Slow, starved fires …"
                continue  # "Historically, …"
            if text.lower() in _ASIDES or any(token in gone for token in tokens):
                continue
            timed = part.dep_ == "npadvmod" and lx.is_time(text)
            topic = part.lower_ == "on" and len(tokens) == 2  # "On staffing, …"
            topic = topic and not lx.is_time(text)
            if topic or (part.dep_ != "prep" and not marked(part) and not timed):
                raise Unreadable  # "Grim, remote, yet fascinating, the country …"
            texts.append(lead(tokens, self.names))
            used += tokens
        return " ".join(texts), used

    def ask(
        self, wh: str, rule: str, score: float, answer: list[Token], *,
        extra: Sequence[Token] = (), tail: str = "",
    ) -> Iterator[Draft]:  # fmt: skip
        """`When`, the answer `[1875]` → "When was the Tern built in Lathe?"

        extra: tokens that the question already holds or leaves out; tail: words behind the verb.
        """
        if not answer or (answer[0].i and answer[0].nbor(-1).lower_ == "not"):
            return
        try:
            rest, used = self.rest([*answer, *extra])
        except Unreadable:
            return
        head = self.clause.head
        anybody = head is not None and head.lower_ in lx.ANYBODY
        if not used and (anybody or (self.clause.verb.lemma_ in _UNFINISHED and not tail)):
            return  # "What can you reserve?", "When was the shore known?"
        auxiliary, verb = self.inverted()
        particle = child(self.clause.verb, "prt")
        if particle is not None and rest.startswith(particle.text):
            verb, rest = f"{verb} {particle.text}", rest[len(particle.text) :].strip()
        if tail and any(part in used for part in self.clause.end("dobj")):
            return  # "submit a claim [within two months] of the expense"
        parts = (wh, auxiliary, self.subject(), verb, tail, rest)
        asked = " ".join(part for part in parts if part)
        whom = phrase(head) if head is not None else []
        yield Draft(f"{asked}?", words(answer), score, rule, (*whom, *extra, *used), tuple(answer))


def _cut(tokens: list[Token]) -> bool:
    """A phrase that ends before its noun: "having a lightweight"."""
    last, text = tokens[-1], words(tokens)
    adjective = last.tag_ == "JJ" and re.search(r"\b(?:an?|the) [\w-]+$", text)
    return bool(adjective or lx.LOOSE_END.search(text) or (last.pos_ == "ADP" and len(tokens) > 1))


def third_person(base: str) -> str:
    if re.search(r"(?:s|x|z|ch|sh|o)$", base):
        return f"{base}es"
    return re.sub(r"(?<=[^aeiou])y$", "ie", base) + "s"
