"""API documentation: a record becomes one document and one chunk; the five fields of an answer."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from lib.prompts.student import neutralise
from lib.reading.wording import clean
from lib.records import Document, Page

RECORD_FIELDS = (
    "user_name", "api_name", "api_call", "api_version", "api_arguments", "functionality",
)  # fmt: skip
API_TYPE = "api call"  # the `type` of a dataset's row

_RECORD = re.compile(r"\A" + r"\n".join(rf"{name}: (.*)" for name in RECORD_FIELDS) + r"(?:\n|\Z)")


# --- records -------------------------------------------------------------------------------------


def api_document(record: Any, *, id: str) -> Document:
    """The record's fields, one a line, RECORD_FIELDS first: what teacher and student are shown.

    Such a document is one chunk, which is never split (see `is_api_record`).

    Raises:
        ValueError: a field is missing, or api_call or functionality is empty; fit to print.
    """
    if not isinstance(record, dict):
        raise ValueError("it is no record of API documentation, an object with api_call and so on")
    if missing := missing_fields(record):
        raise ValueError(f"it lacks {', '.join(missing)}, which API documentation has")
    known = {name: " ".join(_shown(record[name]).split()) for name in RECORD_FIELDS}
    if empty := [name for name in ("api_call", "functionality") if not known[name]]:
        raise ValueError(f"its {empty[0]} is empty")
    more = {str(name): _shown(value) for name, value in record.items() if name not in known}
    shown = known | {name: value for name, value in more.items() if value}
    text = "\n".join(f"{name}: {value}" for name, value in shown.items())
    title = known["api_name"] or known["api_call"]
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return Document(id, title, text, (Page(1, 0, len(text)),), sha256)


def missing_fields(record: Mapping[str, Any]) -> list[str]:
    """Which of RECORD_FIELDS it lacks."""
    return [name for name in RECORD_FIELDS if name not in record]


def is_api_record(text: str) -> bool:
    """Whether a document's or chunk's text is one that `api_document` made."""
    return _RECORD.match(text) is not None


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # A lone half of a UTF-16 pair, which JSON may hold, fits in no file.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize("NFC", neutralise(clean(text))).strip()


# --- answers -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ApiAnswer:
    """How to do with an API what an instruction asks."""

    domain: str
    api_call: str
    api_provider: str
    explanation: str
    code: str


API_FIELDS = tuple(field.name for field in fields(ApiAnswer))
_FIELD = re.compile(rf"<<<\s*({'|'.join(API_FIELDS)})\s*>>>[ \t]*:?")


def format_api_answer(answer: ApiAnswer) -> str:
    """`<<<domain>>>: …⏎<<<api_call>>>: …⏎…⏎<<<code>>>: …`, in the order of API_FIELDS"""
    return "\n".join(f"<<<{name}>>>: {getattr(answer, name)}" for name in API_FIELDS)


def parse_api_answer(text: str) -> ApiAnswer:
    """`<<<domain>>>: Vision, <<<api_call>>>: hub.load("dpt"), …` → `ApiAnswer("Vision", …)`

    Fields may stand in any order, each ended by the next one, with or without a comma; what
    precedes the first is left aside. A fence around the code is taken off.

    Raises:
        ValueError: a field is missing, empty, or there twice; fit to print.
    """
    pieces = _FIELD.split(text)
    names, values = pieces[1::2], [value.strip() for value in pieces[2::2]]
    found = dict(zip(names, values, strict=True))
    if missing := [name for name in API_FIELDS if name not in found]:
        raise ValueError("the answer lacks " + ", ".join(f"<<<{name}>>>" for name in missing))
    if twice := [name for name in API_FIELDS if names.count(name) > 1]:
        raise ValueError(f"the answer holds <<<{twice[0]}>>> {names.count(twice[0])} times")
    parts = {
        name: value if name == "code" else value.removesuffix(",").rstrip()
        for name, value in found.items()
    }
    if fenced := re.fullmatch(r"```\w*[ \t]*\n(.*?)\n?```,?", parts["code"], re.DOTALL):
        parts["code"] = fenced.group(1)
    if empty := [name for name in API_FIELDS if not parts[name].strip()]:
        raise ValueError(f"the answer's <<<{empty[0]}>>> is empty")
    return ApiAnswer(**parts)
