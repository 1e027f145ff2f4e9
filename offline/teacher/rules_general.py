"""Questions on what holds of a kind of thing: what for, what it lets one do, what it means, why."""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline.teacher import english as en
from offline.teacher import phrases as ph
from offline.teacher.drafting import PREP, Draft, ask, is_kind, noun_phrase, plural_noun
from offline.teacher.grammar import Clause
from offline.teacher.leads import is_imperative
from offline.teacher.statement_words import points

_CRUDE = frozenset({"shit", "o-shit"})


def called(clause: Clause) -> Iterator[Draft]:
    """`A rounded rail is called soft` → "What is a rounded rail called?\""""
    match = re.match(
        r"(?P<how>called|termed|known as|referred to as|nicknamed) ",
        f"{clause.head.rpartition(' ')[2]} {clause.rest} ",
    )
    if clause.voice != "passive" or match is None:
        return
    how = match.group("how")
    behind = how.partition(" ")[2]
    answer = noun_phrase(clause.rest[len(behind) :].strip())
    first = answer.partition(" ")[0]
    if answer and first not in en.ADVERBS | {"back", "up", "out", "off", "away", "for", "upon"}:
        yield Draft(ask("What", clause, behind), answer.strip("\"“”'"), 2.5)


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
        or points(f"{rest} the thing {reason}")
        or not 3 <= len(reason.split()) <= 20
        or "," in reason
    ):
        return
    if clause.voice == "be" and not rest:
        return
    long = len(reason.split()) > 13 or not clause.reason
    yield Draft(ask("Why", clause, rest), reason, 2.6, titled=long and bool(clause.reason))


def there_are(text: str) -> Iterator[Draft]:
    """`There are 3 ocean marathons in the world` → "How many ocean marathons are there …?\""""
    match = re.match(
        rf"(?:There|there) (?P<be>are|were) (?P<num>{ph.NUMBER}) "
        rf"(?P<noun>(?:[a-z’'-]+ ){{0,4}}?[a-z-]+s)(?P<where> (?:{PREP}|of) [^,:;]+)?[.,:;]",
        f"{text.rstrip('.')}.",
    )
    if match is None or not plural_noun(match.group("noun")):
        return
    where = match.group("where") or ""
    if len(where.split()) > 10 or re.search(r"\b(?:and|that|which|who|this|these)\b", where):
        return
    yield Draft(
        f"How many {match.group('noun')} {match.group('be')} there{where}?",
        match.group("num"),
        2.6,
        field=True,
    )


_ENTRY = re.compile(
    r"(?P<term>[A-Z`\w][\w’'./()-]*(?: [\w’'./()-]+){0,4})(?: ?: | [–—-] )(?P<what>[A-Za-z][^;:]+)"
)
_OPTION = re.compile(
    r"^(?P<indent>[ \t]*)(?P<term>-{1,2}[A-Za-z?][^\n]{0,60})\n+(?P=indent)[ "
    r"\t]+(?P<what>[A-Z](?:[^.\n]|"
    r"\.(?=\w)|\n(?!\s*(?:\n|-)))+\.)(?=\s|$)",
    re.MULTILINE,
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


def options(text: str) -> Iterator[tuple[Draft, str]]:
    """`--force`, and below it "Overwrite the file." → "What does the option “--force” do?\""""
    for match in _OPTION.finditer(text):
        quote = " ".join(match.group("what").split())
        answer = quote.rstrip(".")
        first, _, rest = answer.partition(" ")
        does = first.lower() in en.PRESENT or is_imperative(
            re.sub("^Only ", "", answer).capitalize()
        )
        names = re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", match.group("term"))
        if names and does and rest and len(answer.split()) <= 16:
            option = max(names, key=len)
            yield Draft(f"What does the option “{option}” do?", answer, 1.4, titled=True), quote


def generic(subject: str) -> bool:
    """`most kitesurfers`, `a rounded rail`, `bat tails`: true of all of that kind."""
    if match := re.match(r"(?:most|many|an?|all) (.+)$", subject):
        words = match.group(1).split()
        return 1 <= len(words) <= 4 and subject.islower() and not set(words) & en.PREPOSITIONS
    return is_kind(subject)
