"""JSON and JSONL files: an object, a list of objects or an object in each line; each a document."""

from typing import Any

from lib.reading.assemble import Text, clean
from lib.reading.files.md import first_heading

ENDINGS = (".json", ".jsonl")
IN_WORKER = False

RECORD_FIELDS = ("api_name", "api_call", "api_arguments", "functionality")  # of records for api.py


def read_record(record: Any) -> Text:
    """The text of an object is its field `text`, its title its field `title`."""
    record = record if isinstance(record, dict) else {}
    if not isinstance(record.get("text"), str):
        hint = f" (it has {', '.join(map(repr, [*record][:9]))})" if record else ""
        if {*RECORD_FIELDS} <= record.keys():
            hint = ": set doctype to api, since it describes one"
        raise ValueError(f"it has no field `text` that holds a text{hint}")
    text, title = clean(record["text"]), record.get("title")
    return Text(title if isinstance(title, str) else first_heading(text), [text])
