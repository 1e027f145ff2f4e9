"""How likely a question is good: a logistic regression on what can be counted in it.

offline/build/quality.py fits its weights (quality.json) on questions that were read by eye.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from pathlib import Path

from offline.teacher import english as en
from offline.teacher import statement_words as said
from offline.teacher.drafting import PREP, Draft
from offline.teacher.leads import ITSELF
from offline.teacher.phrases import is_plural

LEAST_GOOD = 0.8  # of the probability
_PREFIX = re.compile(r"^(?:According to “.*?”|In [a-z ]+), ")
_CONDITION = re.compile(r"\b(?:if|when|after|before|once|while|unless|until|to [a-z]+ing?)\b")
_POINTS = (
    en.PRONOUNS - {"you", "who", "which", "what", "one"} | en.POSSESSIVES - {"your"} | {"such"}
)
_VERBS = en.AUXILIARIES | en.DO


def features(draft: Draft, quote: str, text: str) -> dict[str, float]:
    """What the model sees of a question, its answer, their sentence and the chunk's text."""
    question = _PREFIX.sub("", draft.text).rstrip("?")
    words = re.findall(r"[\w’'./-]+", question)
    low = [word.lower() for word in words]
    answer = draft.answer
    said_of = re.findall(r"[\w’'./-]+", answer)
    after = quote.rpartition(answer)[2] if answer in quote else quote
    rule = draft.rule or "instruction"
    subject = _subject(question)
    head = subject.split()[-1].lower() if subject else ""
    bare = re.sub(r"^(?:the|an?) ", "", subject)
    times = len(re.findall(rf"\b{re.escape(bare)}", text, re.IGNORECASE)) if bare else 0
    opening = " ".join(low[:2]) if low[0] in {"what", "how", "who"} else low[0]
    quoted = re.findall(r"[\w’'-]+|[,;:()]", quote.lower())
    found = {
        f"rule {rule}": 1.0,
        f"asks {opening}": 1.0,
        f"subject {_kind(subject)}": 1.0,
        "question words": len(words) / 10,
        "short question": float(len(words) <= 5),
        "answer words": len(said_of) / 10,
        "short answer": float(len(said_of) <= 2),
        "sentence words": len(quoted) / 20,
        "sentence verbs": sum(word in _VERBS for word in quoted) / 3,
        "sentence commas": sum(word in {",", ";", ":"} for word in quoted) / 3,
        "answer ends sentence": float(not re.search(r"\w", after)),
        "answer goes on": float(bool(re.match(r",? (?:and|or) ", after))),
        "comma behind answer": float(after.startswith(",")),
        "answer comma": float("," in answer),
        "answer holds a statement": float(
            bool(
                re.search(
                    r"(?:,|,? and|;) (?:\w+ ){1,6}(?:is|are|was|were|has|have|can|will)\b|"
                    r",? and (?:we|they|it|you|the|an?|its?) ",
                    answer,
                )
            )
        ),
        "answer verbs": sum(w.lower() in _VERBS for w in said_of) / 2,
        "answer points": float(any(w.lower() in _POINTS - {"that"} for w in said_of)),
        "answer those": float(bool(re.search(r"\b(?:th(?:is|ese|ose)|there|such)\b", answer))),
        "question points": float(any(word in _POINTS for word in low[1:])),
        "condition": float(bool(_CONDITION.search(question))),
        "number": float(bool(re.search(r"\d", answer))),
        "capital in question": float(any(w[:1].isupper() for w in words[1:])),
        "code": float(bool(re.search(r"[_().]|--", question))),
        "subject words": len(subject.split()) / 5,
        "subject often": float(times > 2),
        "subject is general": float(head in _GENERAL),
        "subject opens with a verb": float(
            bool(subject) and subject.split()[0].lower() in en.BASES
        ),
        "subject participle": float(
            any(w in en.PARTICIPLE or w.endswith("ed") for w in subject.split())
        ),
        "subject in -ing": float(any(w.endswith("ing") for w in subject.split())),
        "subject holds a clause": float(bool(re.search(r" (?:that|which|who) ", subject))),
        "past active": float(" did " in f" {question} "),
        "you": float("you" in low),
        "authors": float(
            "authors" in low or "organisation" in low or bool(re.search(r"\b[Ww]e\b", quote))
        ),
        "sentence is no list": float(quote[:1].isupper() and quote.rstrip()[-1:] in {".", "!"}),
        "unknown verb": float(
            not any(w in en.PRESENT or w in en.PAST or w in _VERBS for w in quoted)
        ),
        "asks vaguely": float(len(words) <= 6 and low[-1] in _VAGUE),
        f"before the subject {_before(subject, quote)}": 1.0,
        "subject repeated in the answer": float(
            bool(head) and len(head) > 3 and head in answer.lower()
        ),
        "sentence opens with a pronoun": float(
            bool(re.match(r"(?:It|Its|He|She|His|Her|They|Their|This|These|Such) ", quote))
        ),
        "sentence links back": float(
            bool(
                re.match(
                    _LINKS,
                    quote,
                )
            )
        ),
        "title": float(draft.text.startswith("According")),
        "no name at all": float(not re.search(r"[A-Z`_\d]", question[1:] + answer)),
        "score": draft.score / 3,
    }
    return {name: value for name, value in found.items() if value}


_GENERAL = frozenset(
    "thing things way part file value list name type result output option method function program "
    "example limit implementation path section programs users user people group number company "
    "danger others terms order system process variable object page".split()
)
_VAGUE = frozenset(
    "do have offer provide include use add contain issue support allow need require receive show "
    "finish make create see get load dump".split()
)
_LINKS = (
    r"(?:However|But|So|Then|Also|Therefore|Instead|In contrast|Because|Finally|Note|Otherwise|"
    r"Moreover|In addition|Additionally|And|For example|For instance)\b"
)
_OUTSIDE = re.compile(
    rf"\b(?:th(?:is|ese)(?! {ITSELF})|those(?! (?:who|that|which|of|in|for|with)\b)|such(?! as)|"
    r"another|(?:above|below)(?! \w)|the (?:above|below|following|other)|following$|remaining|"
    r"previous|newer|"
    r"that (?:first|way|too|well)|same (?:way|time|thing|reason)|"
    r"(?:all|the|both) (?:two|three|four)|"
    r"(?:to|of|in|for|with|on|at|from|by|and|or|as|when|than|do|follow) that)\b(?! of)|\bthat$|"
    r"\bthat (?:time|case|point|kind|sort|schedule|[a-z]+(?:tion|ment|ance|ity|ory))\b",
    re.IGNORECASE,
)
_UNGRAMMATICAL = re.compile(
    r"^\w+ (?:do|are|were|have) (?:an?|each|every|the only) |"
    r"\b(?:and|or|the|a|an) (?:do|be|mean|have|use|described)\b|\b(?:of|for) (?:do|described)$|"
    r"\bhowever\b|\b(?:by|in) contrast\b|\bin addition$|\bfor (?:now|the time being)$|"
    r"\b(?:if|when) (?:at|in|on|by) |"
    r"\b(?:if|when) (?:not|so|true|false|given|set|omitted|successful|done|present)$|"
    r"\bof$| -+ | --|\b(?-i:[A-Z/]{4,} [A-Z]{4,})|"
    r"\bthe (?:more|less|\w+er) (?:an?|the|you) |\b(?:now|please|let['’]s) ",
    re.IGNORECASE,
)


def stands(draft: Draft, quote: str, text: str) -> bool:
    """No clear sign that the question is bad."""
    question = _PREFIX.sub("", draft.text).rstrip("?")
    words, answer = question.lower().split(), draft.answer
    if _OUTSIDE.search(question) or _OUTSIDE.search(answer) or _UNGRAMMATICAL.search(question):
        return False
    behind = quote.rpartition(answer)[2]
    if re.match(r"(?: [a-z]+)? (?:which|whom|whose|where|whereby)\b", behind) or _WEAK.search(
        answer
    ):
        return False
    if re.match(r"(?:an?|the) \S+$", answer) and re.match(
        r" (?:to|for|of|that|against|between|as|on)\b", behind
    ):
        return False  # "a pattern [to match against]"
    if not draft.rule and behind.startswith(" to ") and len(answer.split()) < 6:
        return False  # "Create a branch [to add the fix]"
    if " and " in answer and draft.rule == "whole" and _runs_on(answer):
        return False
    first = answer.split()[0].lower()
    if words[:2] == ["what", "happens"] and first in en.BASES - en.PREPOSITIONS:
        return False
    subject = _subject(question)
    whole = subject.split(" ")[0].lower() in en.OPENERS | {"you"}
    if _before(subject, quote) == "joined" and not whole:
        return False
    if re.match(r"\d+\.\d", subject) or re.search(r" [a-z]$", answer):
        return False
    if subject and not _agrees(words[1], subject):
        return False
    verb, *others = subject.lower().split(" ")
    if (others[:1] and others[0] in en.OPENERS and verb not in {"all", "both", "half", "even"}) or (
        re.fullmatch(r"[a-z]+ly", verb) and others
    ):
        return False
    if subject.lower() == "you" and len(words) < 7 and not _CONDITION.search(question):
        return False
    if verb in en.PRESENT and (verb in en.ONLY_VERBS or subject.split(" ")[1:2] == ["the"]):
        return False
    if re.match(r"\w+ be ", answer) or re.search(r"[\w)]\. \W?\w", answer):
        return False
    if words[1] in en.BE and re.search(rf" and (?:also )?(?:{'|'.join(en.AUXILIARIES)}) ", answer):
        return False
    if misread(question, answer, quote):
        return False
    if _unknown_thing(subject, draft.text, text):
        return False
    # "documenting business processes that …": the verb is a noun.
    if words[-1] == "do" and re.match(r"[a-z]+s (?:that|or|which|who|are|is|for) ", answer):
        return False
    if words[-1] == "do" and len(answer.split()) < 2:
        return False
    if words[-1] == "described" and (len(answer.split()) < 4 or first in {"that", "where"}):
        return False
    if re.search(r"\bto [a-z]+ the [a-z]+$", question):
        return False
    short = len(words) < 7 and words[-1] in _VAGUE and not _CONDITION.search(question)
    if short and re.fullmatch(r"(?:all|any|an?|most|many|some) [a-z]+", subject):
        return False
    one = len(subject.split()) == 1 or subject.lower() in _ACTORS
    return not (one and words[-1] in _VAGUE and not _CONDITION.search(question) and len(words) < 7)


_WEAK = re.compile(
    r"\b(?:instead|therein|thereof|somehow|accordingly|respectively|not only)\b"
    r"|^(?:take a look|find out|see|the (?:name|term)) |^(?:mind|place|order|effect)$",
    re.IGNORECASE,
)


def _runs_on(answer: str) -> bool:
    """`start at $18, and normal rates start at $30`: a statement of its own behind the "and"."""
    words = re.findall(r"[\w’'$.-]+", answer.rpartition(" and ")[2].lower())
    verbs = en.BASES | en.PRESENT.keys() | en.PAST.keys() | en.PARTICIPLE.keys() | _VERBS
    if re.search(r"['’](?:re|s|ll|ve)\b", words[0]) and words[0][:2] in {"it", "th", "yo", "we"}:
        return True
    if words[0] in verbs or words[0].endswith("ly"):
        return False
    for verb, after in zip(words[1:6], [*words[2:7], ""], strict=False):
        if verb in en.SUBORDINATORS | en.PREPOSITIONS | {"to", "of"}:
            return False
        opens = after in en.OPENERS | en.PREPOSITIONS | en.SUBORDINATORS | {"to", "that"}
        if verb in _VERBS or (verb in verbs and (opens or after[:1] in "$0123456789")):
            return True
    return False


def _agrees(aux: str, subject: str) -> bool:
    """`what does changes`, `what do the only app`: one of the two was misread."""
    if " and " in subject or " or " in subject or subject.lower() == "you":
        return True
    head = re.split(rf" (?:{PREP}|of|that|which|who) ", subject)[0]
    if aux in {"do", "are", "were", "have"}:
        return (
            is_plural(head)
            or re.match(r"(?:the (?:majority|rest)|most|all|some|any) ", subject) is not None
            or not head.islower()
        )
    last = head.split()[-1]
    return aux not in {"does", "is", "was", "has"} or not (
        last.islower()
        and re.search(r"[^siu]s$", last)
        and last not in {"always", "news", "series", "means", "perhaps", "sometimes"}
    )


def misread(question: str, answer: str, quote: str) -> bool:
    """A verb too many: a noun or a participle was taken for the verb.

    `objects or other boats is minimal`; "did" of a sentence that tells no past.
    """
    said_of = answer.lower().replace(",", " ,").split()
    clause = re.match(r"what happen|why ", question)
    for place, word in enumerate(said_of[2:] if not clause else [], 2):
        joins = en.SUBORDINATORS | en.CONJUNCTIONS | en.PRONOUNS | {",", "than", "as"}
        if word in _VERBS - {"do"} and not joins & set(said_of[1:place]):
            return True
    present = {"is", "are", "has", "have", "can", "may", "must", "will", "should", "takes", "does"}
    past = re.search(r"\bdid\b", question)
    return bool(past and present & set(quote.lower().split()))


def _unknown_thing(subject: str, asked: str, text: str) -> bool:
    """`the callback`: which one, only the text before would tell; not where the title names it."""
    match = re.fullmatch(
        r"(?:the|an?|each|similar|valid) (?:[a-z][a-z-]* )?([a-z][a-z-]*)", subject
    )
    person = match is not None and (match[1] in en.PERSON_NOUNS or said.PEOPLE.fullmatch(match[1]))
    if match is None or person or _CONDITION.search(asked):
        return False
    prefix = _PREFIX.match(asked)
    title = prefix.group().lower() if prefix else ""
    head = match[1].removesuffix("s")
    if len(head) > 3 and head[:6] in title:
        return False
    if subject.startswith(("a ", "an ")):
        return head in _GENERAL
    two = " " in subject.partition(" ")[2]
    often = len(re.findall(rf"\b{re.escape(head)}", text, re.IGNORECASE))
    return head in _GENERAL or (often < 3 if title.startswith("in ") else not two)


_ACTORS = frozenset(
    "the company|the organisation|the team|the program|the project|the file".split("|")
)


def _before(subject: str, quote: str) -> str:
    """What stands in front of the subject: a word there may belong to it."""
    place = quote.lower().find(subject.lower().removeprefix("the ")) if subject else -1
    words = quote[: max(place, 0)].split()
    if place < 0:
        return "unseen"
    if words and words[-1].lower() in {"the", "this", "a", "an", "our", "its"}:
        words.pop()
    if not words:
        return "start"
    last = words[-1].lower()
    if last[-1] in ",;:":
        return "comma"
    sorts = {"joined": {"and", "or", "but"}, "preposition": en.PREPOSITIONS | {"of", "to"}}
    sorts |= {"clause": en.SUBORDINATORS}
    return next((name for name, those in sorts.items() if last in those), "other")


def _subject(question: str) -> str:
    """`what may the name of the holder not be used to do` → "the name of the holder\""""
    match = re.match(
        r".*? (?:be done with|happens to|happened to) (?P<np>.+)$", question
    ) or re.match(
        r"(?:.*?)\b(?:is|are|was|were|do|does|did|can|could|may|must|should|will|would|shall|has|"
        r"have|had) (?P<np>.+)$",
        question,
    )
    words: list[str] = []
    for word in match["np"].split() if match else ():
        low = word.lower()
        if low in en.SUBORDINATORS or (words and low in (en.PREPOSITIONS - {"of"}) | {"to"}):
            break
        words.append(word)
    while len(words) > 1 and words[-1] in _LAST_VERBS:
        words.pop()
    return " ".join(words)


_LAST_VERBS = (
    en.BASES | en.PARTICIPLE.keys() | en.ADVERBS | {"not", "be", "do", "described", "doing"}
)


def _kind(subject: str) -> str:
    words = subject.split()
    if not words:
        return "none"
    first = words[0].lower()
    size = "one" if len(words) == 1 else "two" if len(words) == 2 else "more"
    if first in {"the", "a", "an", "each", "you"}:
        return f"{'a' if first == 'an' else first} {size}"
    if any(word[0].isupper() or word[0] in "“`-" for word in words):
        return f"name {size}"
    return f"plural {size}" if words[-1].endswith("s") else f"bare {size}"


@cache
def _weights() -> dict[str, float]:
    return dict(json.loads((Path(__file__).parent / "quality.json").read_text("utf-8")))


def probability(draft: Draft, quote: str, text: str) -> float:
    """That the question is good, 0–1."""
    weights = _weights()
    logit = sum(
        weights.get(name, 0.0) * value for name, value in features(draft, quote, text).items()
    )
    return 1 / (1 + math.exp(-logit - weights["constant"]))
