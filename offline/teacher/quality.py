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
from offline.teacher.drafting import Draft
from offline.teacher.signs import CONDITION, PREFIX, VERBS, before_subject, subject_of

LEAST_GOOD = 0.7  # of the probability
_POINTS = (
    en.PRONOUNS - {"you", "who", "which", "what", "one"} | en.POSSESSIVES - {"your"} | {"such"}
)
_THE = re.compile(
    r"\bthe [a-z-]+(?=$| (?:is|are|was|were|has|have|can|may|must|do|does|did|in|on|at|to|for|by|"
    r"with|from|as|if|when|and|or|be|[a-z]+(?:ed|es)|been)\b)"
)
_LINKS = re.compile(
    r"(?:However|But|So|Then|Also|Therefore|Instead|In contrast|Because|Finally|Note|Otherwise|"
    r"Moreover|In addition|Additionally|And|For example|For instance)\b"
)


def features(draft: Draft, quote: str, text: str) -> dict[str, float]:
    """What the model sees of a question, its answer, their sentence and the chunk's text."""
    question, answer = PREFIX.sub("", draft.text).rstrip("?"), draft.answer
    words = re.findall(r"[\w’'./-]+", question)
    low = [word.lower() for word in words]
    said_of = re.findall(r"[\w’'./-]+", answer)
    quoted = re.findall(r"[\w’'-]+|[,;:()]", quote.lower())
    after = quote.rpartition(answer)[2] if answer in quote else quote
    subject = draft.subject or subject_of(question)
    named = subject.split()
    head = named[-1].lower() if named else ""
    bare = re.escape(re.sub(r"^(?:the|an?) ", "", subject))
    times = len(re.findall(rf"\b{bare}", text, re.IGNORECASE)) if bare else 0
    opening = " ".join(low[:2]) if low[0] in {"what", "how", "who"} else low[0]
    found = {
        f"rule {draft.rule or 'instruction'}": 1,
        f"asks {opening}": 1,
        f"subject {_kind(subject)}": 1,
        f"before the subject {before_subject(subject, quote)}": 1,
        "short question": len(words) <= 5,
        "answer words": len(said_of) / 10,
        "answer verbs": sum(word.lower() in VERBS for word in said_of) / 2,
        "answer goes on": re.match(r",? (?:and|or) ", after),
        "answer those": re.search(r"\b(?:th(?:is|ese|ose)|there|such)\b", answer),
        "answer it": re.search(r"\b(?:it|them|its|their)\b", answer),
        "sentence also": {"also", "then", "instead"} & set(quoted),
        "things named by the": len(_THE.findall(question)) / 2,
        "answer the": re.match(r"the \w+$", answer),
        "comma behind answer": after.startswith(","),
        "sentence verbs": sum(word in VERBS for word in quoted) / 3,
        "sentence commas": sum(word in {",", ";", ":"} for word in quoted) / 3,
        "sentence is no list": quote[:1].isupper() and quote.rstrip()[-1:] in {".", "!"},
        "sentence links back": _LINKS.match(quote),
        "question points": any(word in _POINTS for word in low[1:]),
        "condition": CONDITION.search(question),
        "code": re.search(r"[_().]|--", question),
        "subject words": len(named) / 5,
        "subject often": times > 2,
        "subject opens with a verb": named and named[0].lower() in en.BASES,
        "subject participle": any(w in en.PARTICIPLE or w.endswith("ed") for w in named),
        "subject in -ing": any(word.endswith("ing") for word in named),
        "subject holds a clause": re.search(r" (?:that|which|who) ", subject),
        "subject repeated in the answer": len(head) > 3 and head in answer.lower(),
        "past active": " did " in f" {question} ",
        "you": "you" in low,
        "authors": {"authors", "organisation"} & set(low) or re.search(r"\b[Ww]e\b", quote),
        "unknown verb": not any(w in en.PRESENT or w in en.PAST or w in VERBS for w in quoted),
        "no name at all": not re.search(r"[A-Z`_\d]", question[1:] + answer),
        "score": draft.score / 3,
    }
    # A sign counts as 1, a number as itself.
    return {
        name: float(value) if isinstance(value, (int, float)) else 1.0
        for name, value in found.items()
        if value
    }


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
