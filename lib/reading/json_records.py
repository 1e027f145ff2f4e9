"""Records of JSON files, and the documents in them: an object, a list of them, or one a line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lib.reading.api_docs import api_document, missing_fields
from lib.reading.assemble import assemble, first_heading, read_text
from lib.reading.readers import Text
from lib.reading.sources import Skipped
from lib.reading.wording import clean
from lib.records import Document


def iter_records(path: Path) -> Iterator[tuple[int, Any]]:
    """`[{…}, {…}]` or `{…}⏎{…}` → `(1, {…}), (2, {…})`; a lone object has the number 0.

    A line that is no JSON gives its ValueError in place of a record. A `.jsonl` is read line by
    line, so that it may be larger than the memory.

    Raises:
        ValueError: nothing of the file can be read; fit to print.
    """
    if path.suffix.lower() == ".jsonl":
        try:
            with path.open(encoding="utf-8-sig", newline="\n") as file:
                yield from _of_lines(file)
        except UnicodeDecodeError as error:
            raise ValueError("it is not UTF-8: save it as UTF-8") from error
        return
    text = read_text(path)
    try:
        data = _parsed(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise ValueError(_reason(error)) from error
        yield from _of_lines(text.split("\n"))
        return
    yield from enumerate(data, start=1) if isinstance(data, list) else [(0, data)]


def _of_lines(lines: Iterable[str]) -> Iterator[tuple[int, Any]]:
    """Numbered as the lines are."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield number, _parsed(line)
            except ValueError as error:
                yield number, ValueError(_reason(error))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("its JSON is nested too deep") from error


def _reason(error: ValueError) -> str:
    return f"it is no JSON ({error})" if isinstance(error, json.JSONDecodeError) else str(error)


def iter_json_documents(path: Path, *, name: str, api: bool) -> Iterator[Document | Skipped]:
    """A document for each record: of its `text`, or of its fields if it describes an API.

    Raises:
        ValueError: nothing of the file can be read; fit to print.
    """
    empty = True
    for number, record in iter_records(path):
        empty = False
        id_ = f"{name}/{number}" if number else name
        try:
            if isinstance(record, ValueError):
                raise record
            yield api_document(record, id=id_) if api else _text_document(record, id_, path)
        except ValueError as error:
            yield Skipped(id_, str(error))
    if empty:
        raise ValueError("the file is empty")


def _text_document(record: Any, id_: str, path: Path) -> Document:
    if not isinstance(record, dict) or not isinstance(text := record.get("text"), str):
        is_api = isinstance(record, dict) and not missing_fields(record)
        hint = ": set doctype to api, since it describes one" if is_api else ""
        raise ValueError(f"it has no field `text` that holds a text{hint}")
    text = clean(text)
    title = record.get("title")
    if not isinstance(title, str):
        title = first_heading(text, markdown=True)
    sha256 = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    return assemble(Text(title, [text], []), name=id_, path=path, sha256=sha256)
