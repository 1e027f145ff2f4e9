"""JSON and JSONL files: an object, a list of objects or an object in each line; each a document."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lib.reading.assemble import Skipped, Text, assemble, clean
from lib.reading.files.md import first_heading
from lib.reading.tables import iter_records
from lib.records import Document

ENDINGS = (".json", ".jsonl")
IN_WORKER = False

RECORD_FIELDS = ("api_name", "api_call", "api_arguments", "functionality")  # of records for api.py


def documents(path: Path, name: str) -> Iterator[Document | Skipped]:
    """The text of each object is its field `text`, its title its field `title`."""

    def document(record: Any, id: str) -> Document:
        if not isinstance(record, dict) or not isinstance(record.get("text"), str):
            fields = list(record) if isinstance(record, dict) else []
            hint = f" (it has {', '.join(map(repr, fields[:9]))})" if fields else ""
            if {*RECORD_FIELDS} <= {*fields}:
                hint = ": set doctype to api, since it describes one"
            raise ValueError(f"it has no field `text` that holds a text{hint}")
        text, title = clean(record["text"]), record.get("title")
        title = title if isinstance(title, str) else first_heading(text)
        return assemble(Text(title, [text]), id=id, name=path.stem)

    return documents_of_records(path, name, document)


def documents_of_records(
    path: Path, name: str, document: Callable[[Any, str], Document]
) -> Iterator[Document | Skipped]:
    """`document(record, id)` of each record, or why there is none."""
    empty = True
    for number, record in iter_records(path):
        empty = False
        id = f"{name}/{number}" if number else name
        try:
            if isinstance(record, ValueError):
                raise record
            yield document(record, id)
        except ValueError as error:
            yield Skipped(id, str(error))
    if empty:
        raise ValueError("the file is empty")
