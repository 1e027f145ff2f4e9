"""Reading the judge's reply: a verdict counts only if it cannot be an echo of an answer."""

import ast
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lib.text import one_line

UNPARSED, JUDGED = "unparsed: ", "judge: "  # how the explanation of a score begins

FIELDS = ("correct", "groundedness", "relevance", "coherence", "fluency", "similarity")
FORMS = dict.fromkeys(FIELDS, "1 to 5") | {"correct": "yes or no"}  # values, as in the prompt
_REASON_CHARS = 300
_SHOWN_CHARS = 60
_MOST_BRACES = 20  # between the brace that opens a verdict and its key: normally none
_LONGEST = 80  # characters of a verdict with its label and marks

# Allowed around a verdict: white space, quotes, brackets, Markdown.
_MARKUP = r"[\s*_`\"'“”‘’()\[\]]*"
_LABEL = rf"(?:(?:{'|'.join(FORMS)}|verdict|answer|rating|score|grade){_MARKUP}[:=]{_MARKUP})?"
_YES_NO = re.compile(rf"{_MARKUP}{_LABEL}(yes|no|true|false){_MARKUP}[.!]?{_MARKUP}")
_OF_FIVE = rf"(?:{_MARKUP}(?:/|out of|of)\s*5(?:\.0+)?)?"
_RATING = re.compile(rf"{_MARKUP}{_LABEL}([1-5])(?:\.0+)?{_OF_FIVE}{_MARKUP}\.?{_MARKUP}")
_FLAT_OBJECT = re.compile(r"\{[^{}]*\}")
_LIKE_JSON = re.compile(r'[{}]|"\s*:')  # without it a text holds no JSON object


@dataclass(frozen=True)
class Grade:
    """One field of a verdict: 0 or 1, or 1 to 5."""

    value: float | None  # None = unparsed
    explanation: str


def parse_verdict(
    reply: str, *, key: str, fields: Sequence[str], shown: Sequence[str] | None
) -> dict[str, Grade]:
    """`It names the wrong year. {"key": "5f1c…", "correct": "no", "fluency": 4}` → 0 and 4.

    The JSON may be fenced, between sentences, part of other JSON, or a dict of Python. A field that
    is missing, off its scale ("yes or no", 6, 4.5) or contradicts itself is unparsed.

    A verdict without the key counts only if it cannot be an echo of the texts that were `shown`
    (None: never): JSON, if they hold none; a reply that is nothing but "Yes.", "**No**" or
    "Rating: 4/5", if they hold no such word.
    """
    verdicts = _with_key(reply, key)
    if not verdicts and shown is not None:
        verdicts = _without_key(reply, fields, _folded("\n".join(shown)))
    if not verdicts:
        said = one_line(reply)[:_SHOWN_CHARS]
        why = f"the reply holds no verdict with its key: “{said}”" if said else "the reply is empty"
        return {field: Grade(None, UNPARSED + why) for field in fields}
    before = reply[: max(0, reply.rfind("{", 0, reply.find(key)))]
    reason = one_line(before.replace("```json", "").replace("```", ""))[-_REASON_CHARS:]
    return {field: _grade(field, verdicts, reason or "no reason given") for field in fields}


def _grade(field: str, verdicts: Sequence[Mapping[str, Any]], reason: str) -> Grade:
    # A copy of the prompt's form ("yes or no") is not a value.
    given = [one[field] for one in verdicts if field in one and one[field] != FORMS[field]]
    if not given:
        return Grade(None, f"{UNPARSED}the verdict lacks “{field}”")
    values = {read_value(field, value) for value in given}
    if len(values) > 1 or any(value is _TWICE for value in given):
        return Grade(None, f"{UNPARSED}the verdict on “{field}” contradicts itself")
    value = values.pop()
    if value is None:
        seen = one_line(str(given[0]))[:_SHOWN_CHARS]
        return Grade(None, f"{UNPARSED}“{field}” is {seen!r}, not {FORMS[field]}")
    return Grade(value, JUDGED + reason)


def read_value(field: str, value: Any) -> float | None:
    """`"Yes."` → 1, `"Rating: 4/5"` → 4; None = not a value of the field's scale."""
    found = _match(field, str(value)) if isinstance(value, str | int | float) else None
    if found is None:
        return None
    words = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
    return words[found] if found in words else float(found)


def _match(field: str, text: str) -> str | None:
    """`Verdict: **Yes**` → "yes"; None = the text is more than a value, or not one."""
    pattern = _YES_NO if field == "correct" else _RATING
    found = pattern.fullmatch(_folded(text)) if len(text) <= _LONGEST else None
    return found.group(1) if found else None


def _folded(text: str) -> str:
    """Lower case, compatible forms unified, no invisible characters."""
    unified = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in unified if unicodedata.category(c) != "Cf")


_TWICE = object()  # the value of a field that one object gives twice, in different ways


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, value in pairs:
        name = name.strip().casefold()
        read[name] = value if name not in read or read[name] == value else _TWICE
    return read


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_no_doubles)


def _object_at(reply: str, start: int) -> tuple[dict[str, Any], int]:
    """The JSON object that a brace begins, and the place behind it; ({}, 0) = there is none."""
    try:
        value, end = _DECODER.raw_decode(reply, start)
    except (ValueError, RecursionError):
        return {}, 0
    return value, end


def _dict_at(reply: str, start: int) -> tuple[dict[str, Any], int]:
    """The same of a flat object as Python writes it: `{'key': '5f1c…', 'correct': False,}`"""
    flat = _FLAT_OBJECT.match(reply, start)
    with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
        # Not the dict itself, which keeps the last of two values, and takes no list as a name.
        if flat and isinstance(tree := ast.parse(flat[0], mode="eval").body, ast.Dict):
            names, values = (
                [ast.literal_eval(node or "") for node in side] for side in (tree.keys, tree.values)
            )
            return _no_doubles(list(zip(map(str, names), values, strict=True))), flat.end()
    return {}, 0


def _with_key(reply: str, key: str) -> list[dict[str, Any]]:
    """The JSON objects of the reply that have the key themselves, at any depth: searched for from
    the key back, so that one that is never closed cannot swallow the verdict behind it."""
    found = []
    for place in re.finditer(re.escape(key), reply):
        at = place.start()
        for _ in range(_MOST_BRACES):
            if (at := reply.rfind("{", 0, at)) < 0:
                break
            value, end = _object_at(reply, at)
            if not end:
                value, end = _dict_at(reply, at)
            given = value.get("key")
            if end > place.start() and isinstance(given, str) and given.strip() == key:
                found.append(value)
                break
    return found


def _without_key(reply: str, fields: Sequence[str], shown: str) -> list[dict[str, Any]]:
    """Verdicts that cannot come from the folded text `shown`."""
    if not _LIKE_JSON.search(shown):
        objects = [_object_at(found, 0)[0] for found in _FLAT_OBJECT.findall(reply)]
        if found := [one for one in objects if any(field in one for field in fields)]:
            return found
    matches = {field: word for field in fields if (word := _match(field, reply))}
    if len(matches) != 1:
        return []
    ((field, word),) = matches.items()
    return [] if re.search(rf"(?<!\w){word}(?!\w)", shown) else [{field: reply}]
