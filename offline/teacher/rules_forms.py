"""What a predicate says, asked in the words of its own verb: by what means, what for, which object.

`The crane is used to lift boats.` → "What is the crane used for?" – "to lift boats"
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from offline.teacher import english as en
from offline.teacher import statement_words as said
from offline.teacher.drafting import PREP, Draft
from offline.teacher.grammar import Clause
from offline.teacher.phrases import LENGTH_UNITS, NUMBER, is_person

Form = tuple[str, str, str]  # the rule, the question with a place for its subject, the answer

_ING = r"(?!(?:(?:every|any|some|no)?thing|string|king|ring|morning|evening)\b)[a-z]{2,}ing"
_BASE = r"(?!be\b)[a-z]+"
_BOUND = (
    "(?:designed|intended|meant|required|expected|allowed|permitted|entitled|obliged|authori[sz]ed|"
    "encouraged|able|unable|likely|willing|ready|free)"
)
_TIED = (
    r"(?:responsible for|accountable (?:to|for)|liable (?:to|for)|available (?:for|to|from|on|as)|"
    r"based on|similar to|different from|famous for|known (?:for|as)|noted for|subject to|equal to|"
    r"dependent on|independent of|(?:in)?compatible with|limited to|restricted to|"
    r"(?:un)?suitable for|useful for|necessary for|essential (?:for|to)|important (?:for|to)|"
    r"ideal for|relevant to|related to|open to|home to|native to|capable of|full of|composed of|"
    r"consistent with|identical to|(?:in)?eligible (?:for|to)|exempt from|separate from|close to|"
    r"adjacent to|bound by|popular with|visible to|accessible to|valid for|required (?:for|by)|"
    r"prone to|sensitive to|vulnerable to|resistant to|divided into|derived from|replaced (?:by|"
    r"with)|converted (?:to|into)|associated with|connected to|attached to|defined (?:as|by)|"
    r"applied to|caused by|affected by|followed by|determined by|controlled by|reserved for|"
    r"treated as|used (?:for|as|with)|intended for|designed for|named after|filled with|"
    r"(?:made|built|formed|constructed) (?:up )?(?:of|from)|kept in|housed in|"
    r"(?:re|nick)?named(?= [A-Z])|(?:called|christened)(?= [A-Z])|"
    r"covered (?:by|with)|protected by|stored (?:in|on|as)|sent to|added to|assigned to)"
)
_NO_NOUN = en.PREPOSITIONS | en.ADVERBS | en.SUBORDINATORS | {"to", "of"}
_TELLS = frozenset(
    "argue say report explain reply note state mention believe find show claim suggest propose "
    "announce warn recommend agree decide require mean estimate discover conclude".split()
)
_LETS = frozenset("allow enable permit let help require encourage invite".split())
# Behind these, what looks like an object is none, or says little alone.
_NO_OBJECT = frozenset(
    "make let help keep leave give get have take put become seem remain last weigh work go "
    "come look feel appear play want try say think know believe see do begin start stop end "
    "happen live place number lead bear tie mark classify stay call consider render turn grow "
    "run stand pay sit lie show tell ask continue".split()
)
_TIMED = re.compile(
    r"\S+ (?:\w+ )?(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|times?)\b"
    rf"|(?:hundreds|thousands|dozens) of |{NUMBER} {LENGTH_UNITS}\b"
)


def form(clause: Clause, rest: str) -> Form | None:
    """The narrowest question that the predicate answers; None: only a broad one."""
    if "not" in clause.head.split():
        if clause.voice != "passive" or clause.aux not in en.MODALS:
            return None
        found = _relation(replace(clause, head=clause.head.replace("not ", "")), rest)
        return found and (found[0], found[1].replace("{}", "{} not"), found[2])
    if clause.lemma in _TELLS and rest.startswith("that ") and clause.voice == "active":
        return "object", f"What {clause.aux.lower()} {{}} {clause.head}", rest
    return _manner(clause, rest) or _relation(clause, rest) or _object(clause, rest)


def tied(clause: Clause) -> Iterator[Draft]:
    """`is made of oak` → "What is … made of?\""""
    found = _relation(clause, clause.rest) if clause.voice == "passive" else None
    if found is None or not clause.complete or clause.core:
        return
    _, asked, answer = found
    if len(answer.split()) <= 8 and not said.LOOSE.search(answer):
        yield Draft(f"{asked.format(clause.subject)}?", answer, 2.6)


def joined(rest: str) -> set[str]:
    """The words behind each "and"."""
    return set(re.findall(r"\b(?:and|or|but) (?:\w+ly |then |also )*([\w’']+)", rest))


def _manner(clause: Clause, rest: str) -> Form | None:
    """`is renewed by paying the fee` → "How is … renewed?", "by paying the fee\""""
    how = rf"(?P<what>[^,]*?) ?\b(?P<how>(?:by (?:[a-z]+ly )?{_ING}|using|via) .+)"
    match = re.match(how, rest)
    if match is None or clause.voice == "be" or clause.aux in en.HAVE:
        return None
    if match["how"].startswith("using") and not match["what"] and clause.voice == "active":
        return None  # "considered using ropes"
    asked = f"{clause.head} {match['what']}"
    other = (
        rf"\b(?:and|or|that|which|who|if|when|only|followed|caused|[a-z]+ing)\b| (?:of|to|{PREP})$"
    )
    if re.search(other, asked):
        return None
    return "manner", f"How {clause.aux.lower()} {{}} {asked}".strip(), match["how"]


def _relation(clause: Clause, rest: str) -> Form | None:
    """`is responsible for the quay`, `is used to lift boats`, `allows you to moor`: what for?"""
    aux, head = clause.aux.lower(), clause.head
    if clause.voice == "active":
        return _let(clause, rest) if aux in en.DO | en.MODALS else None
    if aux not in en.BE | en.MODALS:
        return None
    said_of = f"{head} {rest}".strip()
    if match := re.fullmatch(rf"(?P<is>(?:be )?(?:\w+ly )?used) (?P<what>to {_BASE} .+)", said_of):
        return "relation", f"What {aux} {{}} {match['is']} for", match["what"]
    match = re.fullmatch(rf"(?P<is>(?:be )?{_BOUND}) to (?P<what>{_BASE} .+)", said_of)
    if match and match["what"].split()[0] in en.BASES:
        return "relation", f"What {aux} {{}} {match['is']} to do", match["what"]
    tied = _TIED if clause.voice == "be" else rf"(?:{_TIED}|[a-z]+ (?:as|with|from|into|by|to))"
    match = re.fullmatch(rf"(?P<is>(?:be )?(?:[a-z]+ly )?{tied}) (?P<what>.+)", said_of)
    if match is None:
        return None
    what, tie = match["what"], match["is"]
    loose_to = tie.endswith(" to") and not re.search(rf"\b{_TIED}$", tie)
    if loose_to and not re.match(r"(?:the|an?|your|all|any|each|every|[A-Z]\w*) ", what):
        return None
    made = re.match(r"(?:made|built|formed|constructed|powered|driven|cut|lit|covered) ", tie)
    material = made and re.fullmatch(r"[a-z]+(?: (?:and|or) [a-z]+)?", what)
    if not (material or said.OPENS_NOUN.match(what) or re.match(_ING, what)):
        return None
    if " because " in what or (tie.endswith("from") and " to " in what):
        return None  # "is found from Brazil to Peru"
    last = re.split(rf" (?:{PREP}|of|who|that) ", what)[0].split()[-1]
    someone = said.DOERS.fullmatch(last.lower()) or is_person(what)
    if tie.endswith(" by") and (someone or re.match(r"(?:the |an? )?[A-Z]", what)):
        # "by Ida Holm [in 1902]"
        whole = not re.search(rf" (?:{PREP}) ", what)
        return ("relation", f"By whom {aux} {{}} {tie[:-3]}", what) if whole else None
    who = someone and re.search(" (?:to|by|after)$", tie) and not re.match(_ING, what)
    return "relation", f"{'Who' if who else 'What'} {aux} {{}} {tie}", what


def _let(clause: Clause, rest: str) -> Form | None:
    """`allows skippers to plan ahead` → "What does … allow skippers to do?\""""
    to = "" if clause.lemma in {"let", "help"} else " to"
    whom = r"(?!up )(?:[\w’'-]+ ){0,3}[\w’'-]+" if to else "you|us|users"
    match = re.match(rf"(?P<whom>{whom}){to} (?P<what>{_BASE} .+)", rest)
    if (
        match is None
        or match["what"].split()[0] in en.OPENERS
        or clause.lemma not in _LETS
        or match["whom"] == "up"
        or said.points(match["whom"])
    ):
        return None
    asked = f"What {clause.aux.lower()} {{}} {clause.head} {match['whom']}{to} do"
    return "relation", asked, match["what"]


def _object(clause: Clause, rest: str) -> Form | None:
    """`records the tide` → "What does … record?\""""
    aux, first = clause.aux.lower(), rest.split()[0]
    if clause.voice != "active" or aux not in en.DO | en.MODALS | en.HAVE:
        return None
    became = clause.lemma == "become" and re.match(r"(?:an?|the|part of|one of) ", rest)
    verbs = en.PRESENT if aux == "does" else en.PAST if aux == "did" else en.BASES
    bare = re.fullmatch(r"the \w+|[a-z]{4,}ly .*", rest)  # which one? an adverb
    noun = said.OPENS_NOUN.match(rest) and first not in _NO_NOUN and not _TIMED.match(rest)
    if not became and (
        clause.lemma in _NO_OBJECT
        or clause.head.startswith("be ")
        or bare
        or not noun
        or first in en.PRONOUNS
        or set(verbs) & joined(rest)
    ):
        return None
    asks_who = clause.lemma in {"contact", "notify", "inform", "consult"}
    asks_who = asks_who or (rest[0].isupper() and is_person(rest))
    wh = "Who" if asks_who else "What"
    return "object", f"{wh} {aux} {{}} {clause.head}", rest


def there_are(text: str) -> Iterator[Draft]:
    """`There are two ways of mooring.` → "How many ways of mooring are there?\""""
    match = re.match(
        rf"There (?P<are>are|were) (?P<num>{NUMBER}) (?P<what>[a-z][^,:;]+?)(?:[,:;].*)?[.]?$", text
    )
    if match is None or len(match["what"].split()) > 12 or said.points(f"the {match['what']}"):
        return
    tails = rf"(?P<noun>.+?)(?P<tail> (?:{PREP}|that|which|who|\w+ing) .+|)$"
    thing = re.match(tails, match["what"])
    general = re.search(
        r"\b(?:types|kinds|ways|options|parts|groups|steps|forms|reasons)$", match["what"]
    )
    if thing and not general:
        there = "" if re.match(r" \w{2,}ing ", thing["tail"]) else " there"
        asked = f"How many {thing['noun']} {match['are']}{there}{thing['tail']}?"
        yield Draft(asked, match["num"], 2.0, titled=True, rule="there")
