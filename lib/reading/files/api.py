"""API documentation: JSON files of records; only where doctype says so.

A record is one document and one chunk, which is never split.
"""

import json
import re
from typing import Any

from lib.reading.assemble import Text, as_read
from lib.reading.files.json import RECORD_FIELDS
from lib.text import one_line, whole

ENDINGS = ()
IN_WORKER = False

API_TYPE = "api call"  # the `type` of a dataset's row

_FIELDS = (  # in the order of the text; Gorilla's API store has all, APIBench four
    "user_name", "api_name", "api_call", "api_version", "api_arguments", "functionality",
)  # fmt: skip
_LINES = (rf"{name}: .*\n" if name in RECORD_FIELDS else rf"(?:{name}: .*\n)?" for name in _FIELDS)
_RECORD = re.compile(rf"\A{''.join(_LINES)}")


def read_record(record: Any) -> Text:
    """The record's fields, one in each line, those of Gorilla's API store first."""
    record = record if isinstance(record, dict) else {}
    if missing := [name for name in RECORD_FIELDS if name not in record]:
        raise ValueError(f"it lacks {', '.join(missing)}, which a record of API documentation has")
    known = {name: one_line(_shown(record[name])) for name in _FIELDS if name in record}
    if empty := [name for name in ("api_call", "functionality") if not known[name]]:
        raise ValueError(f"its {empty[0]} is empty")
    more = {str(name): _shown(value) for name, value in record.items() if name not in known}
    shown = known | {name: value for name, value in more.items() if value}
    text = "\n".join(f"{name}: {value}" for name, value in shown.items())
    return Text(known["api_name"] or known["api_call"], [text])


def is_api_record(text: str) -> bool:
    """Whether a document's or chunk's text is one that `read_record` made."""
    return _RECORD.match(f"{text}\n") is not None


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return as_read(
        whole(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    )
