"""Tables that people write: rows with named columns, from a CSV, JSON or JSONL file."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from lib.settings import SetupError
from lib.text import one_line

Row = TypeVar("Row")

_SHOWN_ERRORS = 3
_WORKBOOKS = (".xlsx", ".xls", ".ods", ".numbers")


def read_table(
    path: Path,
    parse_row: Callable[[int, Mapping[str, Any]], Row],
    *,
    names: Sequence[str],
    columns: str,
) -> list[Row]:
    """`question,answer⏎Who lit the lamp?,the keeper` → `[parse_row(1, {"question": …})]`

    Names of columns are in lower case, and empty cells are left out. `names` are the columns that
    parse_row knows; `columns` describes them in messages. parse_row raises a ValueError for a row
    that it cannot use. A JSON file holds a list of objects, one object, or one in each line.

    Raises:
        SetupError: the file cannot be read, has no rows, or parse_row refused some.
    """
    rows: list[Row] = []
    errors: list[str] = []
    try:
        for number, values in _table_rows(path, names):
            try:
                rows.append(parse_row(number, _named_values(values)))
            except ValueError as error:
                errors.append(f"row {number}: {error}")
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else one_line(str(error))
        raise SetupError(
            f"{path} cannot be read: {reason}. Expected a CSV, JSON or JSONL file of {columns}."
        ) from error
    if errors:
        more = f"; {len(errors) - _SHOWN_ERRORS:,} more" if len(errors) > _SHOWN_ERRORS else ""
        shown = "; ".join(errors[:_SHOWN_ERRORS])
        raise SetupError(f"{path}: {shown}{more}. Each row needs {columns}.")
    if not rows:
        raise SetupError(f"{path} holds no rows. Each row needs {columns}.")
    return rows


def text_value(row: Mapping[str, Any], *names: str) -> str:
    """The stripped text under the first of the names that the row has.

    Raises:
        ValueError: it has none of them, or the value is not a text or number.
    """
    name = next((name for name in names if name in row), names[0])
    value = row.get(name, "")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"its {name} is a {type(value).__name__}, not a text")
    # JSON can hold half of a UTF-16 pair, which no file can.
    text = str(value).encode("utf-8", "ignore").decode().strip()
    if not text:
        raise ValueError(f"it has no {name}")
    return text


def _table_rows(path: Path, names: Sequence[str]) -> Iterator[tuple[int, Any]]:
    suffix = path.suffix.lower()
    if suffix in _WORKBOOKS:
        raise ValueError(f"it is a workbook ({suffix}): save the sheet as CSV (UTF-8)")
    if suffix in (".json", ".jsonl", ".ndjson"):
        return ((max(number, 1), record) for number, record in iter_records(path))
    return enumerate(_csv_rows(read_text(path), names), start=1)


def _csv_rows(text: str, names: Sequence[str]) -> list[dict[str, str] | ValueError]:
    """The rows below the header; a row with too many cells gives its error."""
    # A spreadsheet's first line may name the separator, which depends on its language.
    named = re.match(r'"?sep=(.)"?[\r\n]+', text, re.IGNORECASE)
    text = text[named.end() :] if named else text

    def has_text(cells: list[str]) -> bool:
        return any(cell.strip() for cell in cells)

    def rows(separator: str, *, strict: bool) -> Iterator[list[str]]:
        lines = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=strict)
        return filter(has_text, lines)

    def header(separator: str) -> list[str]:
        return [cell.strip().lower() for cell in next(rows(separator, strict=False), [])]

    def known_columns(separator: str) -> tuple[int, int]:
        cells = header(separator)
        return len(set(cells) & set(names)), len(cells)

    separator = named.group(1) if named else max(",;\t", key=known_columns)
    columns = header(separator)
    counts = Counter(columns)
    if twice := [name for name in names if counts[name] > 1]:
        raise ValueError(f"its header names {twice[0]} {counts[twice[0]]} times: rename one")
    too_many = ValueError("it has more cells than the header: put texts with commas into quotes")
    return [
        too_many if has_text(cells[len(columns) :]) else dict(zip(columns, cells, strict=False))
        for cells in list(rows(separator, strict=True))[1:]
    ]


def _named_values(values: Any) -> dict[str, Any]:
    if isinstance(values, ValueError):
        raise values
    if not isinstance(values, Mapping):
        raise ValueError(f"it is a {type(values).__name__}, not an object with named values")
    return {
        str(name).strip().lower(): value
        for name, value in values.items()
        if value is not None and str(value).strip()
    }


# --- JSON and plain text -------------------------------------------------------------------------


def iter_records(path: Path) -> Iterator[tuple[int, Any]]:
    """`[{…}, {…}]` or `{…}⏎{…}` → `(1, {…}), (2, {…})`; a single object has the number 0.

    Lines are numbered as in the file. A line that is not JSON gives a ValueError in place of its
    record. A `.jsonl` file is read line by line, so it may be larger than the memory.

    Raises:
        ValueError: nothing of the file can be read; the message can be shown to users.
    """
    if path.suffix.lower() == ".jsonl":
        try:
            with path.open(encoding="utf-8-sig", newline="\n") as file:
                yield from _records_of_lines(file)
        except UnicodeDecodeError as error:
            raise ValueError("it is not UTF-8: save it as UTF-8") from error
        return
    text = read_text(path)
    try:
        data = _parsed(text)
    except ValueError as error:
        if "Extra data" not in str(error):
            raise
        yield from _records_of_lines(text.split("\n"))
        return
    yield from enumerate(data, start=1) if isinstance(data, list) else [(0, data)]


def _records_of_lines(lines: Iterable[str]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield number, _parsed(line)
            except ValueError as error:
                yield number, error


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("its JSON is nested too deep") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error})") from error


def read_text(path: Path) -> str:
    """A text file's characters.

    Raises:
        ValueError: it is empty, or neither UTF-8 nor UTF-16 with a byte order mark; the message
            can be shown to users.
    """
    data = path.read_bytes()
    if not data.strip():
        raise ValueError("the file is empty")
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    if "\0" in text:
        raise ValueError("it holds NUL bytes: is it a text file?")
    return text
