"""Questions after the subject: the sentence's own words behind it, so nothing is turned around.

`Guns are often used in big waves.` → "What are often used in big waves?" – "Guns"
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline.teacher import english as en
from offline.teacher import statement_words as said
from offline.teacher.drafting import PREP, Draft
from offline.teacher.grammar import Clause
from offline.teacher.phrases import is_person, is_role
from offline.teacher.rules_whole import NEXT_STATEMENT, read_statement
from offline.teacher.signs import VAGUE, number_agrees

_SUBORDINATE = re.compile(rf"\b(?:{'|'.join(sorted(en.SUBORDINATORS))})\b")
_FINITE = re.compile(rf"(?<!to )\b(?:{'|'.join(sorted(en.AUXILIARIES | en.ONLY_VERBS))})\b")
_NEXT_SUBJECT = re.compile(
    r" (?:and|but) (?!(?:is|are|was|were|has|have|had|can|may|must|will|[a-z]+ed|[a-z]+s) )"
    r"(?:[\w’'-]+ ){1,6}?(?:was|were|is|are|has|have|will) "
)
_MORE = re.compile(r"\b(?:slightly|much|even|far|significantly|considerably) (?:more|less|\w+er)\b")
_JUDGES = re.compile(
    r"(?<!the )\b(?:good|better|best|more|less|common|important|difficult|popular|useful|easy|"
    r"easier|possible|lower|higher|greater|larger|smaller|faster|deeper|lighter|stronger|longer)\b"
)
_WEAK_VERBS = VAGUE | set("be take give become help come go know say begin start".split())
_SAYS_NOTHING = re.compile(
    r"(?:other|further|additional|various|certain|different) |the$", re.IGNORECASE
)
# "…, and in 2017 it was …": the predicate before it is whole.
_OTHER_SUBJECT = re.compile(r",? and (?:[^,]{3,20},? )?(?:it|they|he|she|we|you|there) ")
_SELDOM_ACTIVE = frozenset(
    "based located situated dated titled entitled born used involved made held given known found "
    "required provided contained described listed shown related".split()
)
_SAYS_LITTLE = (
    en.PREPOSITIONS
    | en.DETERMINERS
    | en.POSSESSIVES
    | en.PRONOUNS
    | en.CONJUNCTIONS
    | en.ADVERBS
    | en.AUXILIARIES
    | set("to of not very more most many much other own same well".split())
)
# No word of these tells one sort from another, or is one.
_NO_SORT = (
    en.PREPOSITIONS
    | set(en.NUMBER_WORDS)
    | set(
        "most many some few several both no more other such these those early similar certain ways "
        "things types kinds parts people members".split()
    )
)


def subjects(text: str, names: frozenset[str]) -> Iterator[Draft]:
    """`Guns are often used in big waves.` → "What are often used in big waves?" – "Guns\""""
    found = read_statement(text, names, None)
    if found is None or found.speaker or "not" in found.clause.head.split():
        return
    clause, subject, lead = found.clause, found.subject, found.lead
    rest = _predicate(re.sub(r"^also ", "", found.rest))
    telling = [word for word in re.findall(r"[\w’'-]+", rest) if word.lower() not in _SAYS_LITTLE]
    telling += [clause.lemma] if clause.lemma not in _WEAK_VERBS else []
    wh = _who_or_what(subject, clause)
    if len(telling) < 2 + bool(_JUDGES.search(rest)) or len(rest.split()) > 24 or not wh:
        return
    if not number_agrees(clause.aux, subject):
        return
    if lead and ("," in rest or re.search(r"\b(?:its|their)\b", lead)):
        return
    if _SAYS_NOTHING.match(subject) or re.search(r"\bexceptions?\b", f"{subject} {rest}"):
        return
    if re.match(r"and (?:the|its|their) ", rest) or (clause.voice == "be" and rest[:3] == "to "):
        return  # "The cells swell [and their membranes …]", "what should be to post it?"
    if clause.voice == "be" and is_person(rest):
        return  # "what is Ida Holm?"
    if "them" in rest.split() and not re.search(r"[^siu]s\b.* them\b", rest):
        return
    compared = _MORE.search(f"{clause.finite} {rest}") and " than " not in rest
    if compared or _NEXT_SUBJECT.search(f" {rest}") or _misread(clause, rest):
        return
    rest += '"' if rest.count('"') % 2 else ""
    single = clause.aux == "do" and not wh.startswith("Which")
    finite = en.third_person(clause.lemma) if single else clause.finite
    asked = f"{wh} {finite} {rest}{f' {lead}' if lead else ''}?"
    yield Draft(asked, subject, 0.8, titled=True, rule="subject", subject=subject)


def _predicate(rest: str) -> str:
    """The words behind the verb, without the next predicate or statement; "" = cannot stand."""
    last = re.search(r", and ([^,]*)$", rest)
    told = last and _FINITE.search(_SUBORDINATE.split(last[1].lower())[0])
    if last and (told or "," not in rest[: last.start()]):
        rest, last = rest[: last.start()], None  # no item of a list
    if second := _OTHER_SUBJECT.search(rest):
        rest = rest[: second.start()]
    elif NEXT_STATEMENT.search(rest[: last.start()] if last else rest):
        return ""
    owned = re.sub(r"\b(?:its|their|his|her) (?=\w)", "the ", rest)  # of the one asked for
    return "" if said.points(owned) or said.LOOSE.search(rest) else rest


def _misread(clause: Clause, rest: str) -> bool:
    """`echoes [allow the bat …]`, `found in 1902 [told …]`: the verb was a noun or a participle."""
    words = rest.lower().replace(",", " ,").split()
    if not words[0][0].isalnum() and words[0][0] not in "\"“‘'$£€":
        return True
    does = clause.aux in {"do", "does"}
    verbs = (en.BASES | en.PRESENT.keys()) - en.PREPOSITIONS
    if does and words[0] in verbs | en.PAST.keys() and clause.finite not in en.ONLY_VERBS:
        return True  # "the Sandry pilots [charge …]", "cheap imports [brought …]"
    ends = en.SUBORDINATORS if does else en.SUBORDINATORS | {"and", "or", "but", ",", "than", "as"}
    reduced = clause.aux == "did" and words[0] in en.PREPOSITIONS | {"to"}
    behind = re.search(r" , ([a-z]+) (?:the|an?|its|their|your) ", " ".join(words))
    if reduced and (clause.finite in _SELDOM_ACTIVE or (behind and behind[1] in en.BASES)):
        return True  # "lined up along the pool, [propel the boats]"
    if reduced and en.AUXILIARIES & set(_SUBORDINATE.split(" ".join(words))[0].split()):
        return True  # "used for boats or nets [must be dry]"
    ends -= {","} if reduced else set()
    for place, word in enumerate(words):
        if word in ends:
            return False
        later = word in en.AUXILIARIES or (
            word in en.ONLY_VERBS and words[place - 1 : place] != ["to"]
        )
        past = word in en.PAST.keys() - en.BASES or (word in en.PARTICIPLE and "ed" in word)
        if later and not (does and place > 1 and word in en.ONLY_VERBS):
            return True
        after = words[place + 1 : place + 2]
        now = word in en.PRESENT.keys() - en.BASES and en.OPENERS & set(after)
        if reduced and (past or now) and clause.finite in en.PARTICIPLE:
            return True  # "built in 1911 [collects the water]"
    return False


def _who_or_what(subject: str, clause: Clause) -> str:
    """The question word of a subject; "" for a single name, which may be a person's."""
    head = re.split(
        rf" (?:{PREP}|of|that|which|who|known|called) | \w+ing (?=(?:the|an?|its|their|{PREP}) )",
        subject,
    )[0]
    last = head.split()[-1]
    named = re.search(r"\b([a-z]+) ([A-Z]\S+ [A-Z]\S+)$", subject)
    if named and is_role(named[1]) and not re.search(rf" (?:{PREP}) [a-z]+ [A-Z]", subject):
        return "Who"
    acts = clause.voice == "active" and last.lower() in en.ORGANISATION | {"chair"}
    if acts or all(map(is_person, head.split(" and "))):
        return "Who"
    if said.DOERS.fullmatch(last.lower()):
        return "Who" if head != last or not is_role(last.lower()) else ""
    if is_role(last.lower().removesuffix("s")) or last.endswith("selves"):
        return ""  # "kiters", "accelerometers"
    sort = re.fullmatch(r"([A-Za-z-]+) (?:(?!and |or )[a-z-]+ )?([a-z]{3,}[^siu]s)", head)
    if sort and sort[1].lower() not in _NO_SORT | en.OPENERS and sort[2] not in _NO_SORT:
        return f"Which {sort[2]}"
    opened = head.split()[0].lower() in en.OPENERS
    return "What" if opened or last.islower() else ""
