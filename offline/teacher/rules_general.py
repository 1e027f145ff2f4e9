"""Questions on what holds of a kind of thing: what for, what it lets one do, what it means, why."""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline.teacher import english as en
from offline.teacher import phrases as ph
from offline.teacher.drafting import Draft, ask, is_kind
from offline.teacher.grammar import Clause
from offline.teacher.statement_words import points

_CRUDE = frozenset({"shit", "o-shit"})


def why(clause: Clause) -> Iterator[Draft]:
    """`X is popular because of its speed` · `X fell due to rot` → "Why …?\""""
    rest, reason = clause.rest, clause.reason
    if (
        not reason
        and clause.complete
        and (match := re.search(r",? (?P<why>(?:due to|because of) .+)$", rest))
    ):
        rest, reason = rest[: match.start()], match.group("why")
    if (
        re.search(r" and \w+$", reason)
        or re.search(r"\bit\b", rest)
        or points(f"{rest} the thing {reason.removeprefix('so that ')}")
        or not 3 <= len(reason.split()) <= 20
        or "," in reason
    ):
        return
    if clause.voice == "be" and not rest:
        return
    long = len(reason.split()) > 13 or not clause.reason
    yield Draft(ask("Why", clause, rest), reason, 2.6, titled=long and bool(clause.reason))


_ENTRY = re.compile(
    r"(?P<term>[A-Z`\w][\w’'./()-]*(?: [\w’'./()-]+){0,4})(?: ?: | [–—-] )(?P<what>[A-Za-z][^;:]+)"
)


def glossary(text: str) -> Iterator[Draft]:
    """`Lofted: to get lifted by the kite.` → "What does “lofted” mean?\""""
    match = _ENTRY.fullmatch(text.rstrip("."))
    if match is None or ". " in match.group("what"):
        return
    answer, term = match.group("what"), match.group("term").strip("`")
    term = term if any(c.isupper() for c in term[1:]) else term.lower()
    if _CRUDE & set(term.lower().split()) or re.match(r"[A-Z]\w+ [A-Z]", term):
        return
    if (
        not term.strip()
        or set(term.lower().split()) & (en.PREPOSITIONS | en.OPENERS | {"of"})
        or term.split()[0].lower() in {"big", "note", "present", "example"}
    ):
        return
    first = answer.partition(" ")[0].lower()
    verbs = en.AUXILIARIES | en.DO
    says = any(w in verbs for w in re.split(r" (?:that|which|who|when|where) ", answer)[0].split())
    says = says or bool(
        re.match(
            r"(?:the|an?|any) (?:(?!that|which|who|in)\w+ ){1,7}\w+s (?:the|an?|your|our|their|"
            r"it)\b",
            answer.lower(),
        )
    )
    if re.search(rf"\b{re.escape(term)}\b", answer, re.IGNORECASE) or ph.has_name(answer[1:]):
        return
    if not 3 <= len(answer.split()) <= 16 or (first == "when" and "," in answer):
        return
    if first in {"to", "a", "an", "the", "when", "any"} and not (says and first != "when"):
        yield Draft(f"What does “{term}” mean?", answer, 2.0, field=True)
    elif first in en.PRESENT and not says and re.search(r"[_.()/-]|^[A-Z]{2,}", term):
        yield Draft(f"What does “{term}” do?", answer, 1.4, titled=True)


def generic(subject: str) -> bool:
    """`most kitesurfers`, `a rounded rail`, `bat tails`: true of all of that kind."""
    if match := re.match(r"(?:most|many|an?|all) (.+)$", subject):
        words = match.group(1).split()
        return 1 <= len(words) <= 4 and subject.islower() and not set(words) & en.PREPOSITIONS
    return is_kind(subject)
