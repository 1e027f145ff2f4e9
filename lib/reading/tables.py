"""Tables that people write: rows with named columns, of CSV, JSON, JSONL, Parquet or a workbook.

A ValueError of this module has a message that can be shown to users.
"""

import ast
import csv
import json
import re
import zlib
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, time, timedelta
from functools import partial
from html import unescape
from io import BytesIO, StringIO
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile, ZipFile

from lib.reading.assemble import reason_of
from lib.reading.sources import find_path
from lib.reading.workers import Workers
from lib.settings import SetupError, expanded
from lib.text import one_line

MAX_BYTES = 100 << 20  # of a file that is read as a whole, and of the cells of a workbook
_ARROW = (".parquet", ".arrow")
_TITLES = 10  # rows that may be above a header
_SPLITS = ("train", "valid", "validation", "val", "dev", "test", "eval")
_DEEPEST = 5  # objects within objects in which rows are looked for
_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
# Number formats of XLSX that have no code there (ECMA-376, 18.8.30)
_FORMATS = dict.fromkeys("2 4 7 8 39 40 43 44".split(), "0.00") | {"9": "0%", "10": "0.00%"}
_FORMAT = re.compile(r'<numFmt\s(?=[^<>]*numFmtId="(\d+)")[^<>]*formatCode="([^"]*)"')
_NO_DIGITS = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|;.*')  # of a format: texts, colours, those below 0
_STYLED_NUMBER = re.compile(
    r'<c\s(?=[^<>]*\bs="(?P<style>\d{1,5})")(?=[^<>]*(?P<place>\br="\w+"))(?![^<>]*\bt="[^n])[^<>]*>'
    r"(?:<f[^<>]*/>|<f[^<>]*>[^<]*</f>)?<v>(?P<value>-?\d+(?:\.\d+)?(?:[Ee][-+]?\d+)?)</v></c>"
)
# Errors of a ZIP that is damaged, encrypted or no workbook; calamine says which
_UNREADABLE = BadZipFile, KeyError, RuntimeError, ValueError, zlib.error, EOFError
_CHARSET = r"""(?:charset|encoding)\s*=\s*["']?([\w.:-]+)"""
_WIDER = {  # what is declared → what browsers read it as
    "ascii": "cp1252", "us-ascii": "cp1252", "iso-8859-1": "cp1252", "latin1": "cp1252",
    "iso-8859-9": "cp1254", "tis-620": "cp874", "euc-kr": "cp949", "ks_c_5601-1987": "cp949",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932",
}  # fmt: skip

Row = TypeVar("Row")


def read_table(
    path: str | Path,
    parse_row: Callable[[int, Mapping[str, Any]], Row],
    *,
    names: Sequence[str],
    columns: str,
    key: Sequence[str] = (),
) -> list[Row]:
    """`question,answer⏎Who lit the lamp?,the keeper` → `[parse_row(1, {"question": …})]`

    Names of columns are in lower case, and empty cells are left out. `names` are the columns that
    parse_row knows; `columns` describes them in messages. parse_row raises a ValueError for a row
    that it cannot use. A JSON file holds a list of objects, one object, or one in each line; a row
    may be within an object that has no text under a name of `key` (default: `names`). `path` is
    from the current folder, else from the project's.
    """
    path = find_path(path) or expanded(path)
    rows: list[Row] = []
    errors: list[str] = []
    has = ""  # the columns of the first row that cannot be used
    suffix = path.suffix.lower()
    try:
        if suffix in (".json", ".jsonl", ".ndjson", *_ARROW):
            found = iter_records(path)
        else:
            table = _sheet(path, names) if suffix in _WORKBOOKS else _csv(read_text(path), names)
            found = enumerate(_below_header(table, names), start=1)
        extra = 0  # rows beyond the first of each record
        for at, record in found:
            for place, values in enumerate(_rows_in(record, key or names) or [record]):
                extra += place > 0
                number, named = max(at, 1) + extra, dict[str, Any]()
                try:
                    named = _named_values(values)
                    rows.append(parse_row(number, named))
                except ValueError as error:
                    errors.append(f"row {number}: {error}")
                    if named and not has:
                        has = f" Row {number} has {one_line(', '.join(named))[:300]}."
    except (OSError, ValueError, csv.Error) as error:
        raise SetupError(
            f"{path} cannot be read: {one_line(reason_of(error))}. Expected a CSV, JSON, JSONL, "
            f"Parquet or XLSX file of {columns}."
        ) from error
    if errors or not rows:
        more = [f"{len(errors) - 3:,} more"] if len(errors) > 3 else []
        said = "; ".join(errors[:3] + more) or "it holds no rows"
        raise SetupError(f"{path}: {said}. Each row needs {columns}.{has}")
    return rows


def _rows_in(record: Any, key: Sequence[str], depth: int = 0) -> list[Mapping[str, Any]]:
    """The rows within a record that is none itself; [] = there are none.

    `{"data": [{"title": "Velm", "qas": [{"question": "Who?"}]}]}` → its question, with the title;
    `{"inputs": {"question": "Who?"}, "outputs": {"answer": "Ann"}}` → one row of both.
    """
    if not isinstance(record, Mapping) or depth > _DEEPEST:
        return []
    named = _named_values(record)
    if any(isinstance(structure(named.get(name)), str | int | float) for name in key):
        return [named]
    named = {name: structure(value) for name, value in named.items()}
    objects: list[dict[str, Any]] = [*map(_named_values, filter(_is_object, named.values()))]
    lists = {n: v for n, v in named.items() if isinstance(v, list) and any(map(_is_object, v))}
    plain = {n: v for n, v in named.items() if n not in lists and not _is_object(v)}
    if len(splits := [name for name in lists if name in _SPLITS]) > 1:
        raise ValueError(f"it holds {' and '.join(splits)}: leave the one that is meant")
    groups = [[plain | _named_values(one) for one in value] for value in lists.values()]
    if any(sum(name in one for one in objects) > 1 for name in key):
        groups.append(objects)  # each a row, under its id
    elif objects:
        groups = [[dict(ChainMap(plain, *objects, lists))]]
    found: list[Mapping[str, Any]] = []
    for group in groups:
        inner = [_rows_in(one, key, depth + 1) for one in group]
        for one, rows in zip(group, inner, strict=True):
            # Beside rows, one that is none has a mistake, unless it is a paragraph without any.
            empty = {*key}.isdisjoint(one) and any(isinstance(v, list) for v in one.values())
            found += rows or [one] * (any(inner) and not empty)
    return found


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def structure(value: Any) -> Any:
    """The list or object that a text is, in JSON or as Python shows it; else the value."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        if isinstance(found := _parsed(value), list | dict):
            return found
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            # Not numpy's ['a' 'b'], which Python reads as ['ab'].
            if repr(found := ast.literal_eval(value)) == value.strip():
                return found
    return value


def text_value(row: Mapping[str, Any], *names: str) -> str:
    """The stripped text or number under the first of the names that the row has."""
    name = next((name for name in names if name in row), names[0])
    value = row.get(name, "")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"its {name} is a {type(value).__name__}, not a text")
    # JSON can hold half of a UTF-16 pair, which no file can.
    text = shown(value).encode("utf-8", "ignore").decode().strip()
    if not text:
        raise ValueError(f"it has no {name}")
    return text


def _csv(text: str, names: Sequence[str]) -> Iterator[list[str]]:
    """The rows, by the separator with which the header names most columns."""
    # A spreadsheet's first line may name the separator, which depends on its language.
    named = re.match(r'"?sep=(.)"?[\r\n]+', text, re.IGNORECASE)
    text = re.sub(r"\A[\s,;]*[\r\n]", "", text[named.end() :] if named else text)
    csv.field_size_limit(MAX_BYTES)  # a cell may hold a whole document
    headers = {
        mark: _header(csv.reader(StringIO(text, newline=""), delimiter=mark), names)[1]
        for mark in (named.group(1) if named else ",;\t")
    }
    separator = max(headers, key=lambda mark: (_known(headers[mark], names), len(headers[mark])))
    rows = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        yield from rows
    except csv.Error as error:
        wrong = f"line {rows.line_num}: {error}; within a cell in quotes, write each quote twice"
        raise ValueError(wrong) from error


def _known(header: Sequence[str], names: Sequence[str]) -> int:
    """How many of the columns are known."""
    return len({cell.strip().lower() for cell in header} & {*names})


def _header(table: Iterable[list[str]], names: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    """The titles above the header of a table, and the header: the row that names most columns."""
    first = [*islice(table, _TITLES + 1)] or [[]]
    known = [_known(cells, names) for cells in first]
    # A single name may be a cell below an unknown header.
    at = known.index(max(known)) if max(known) > 1 else 0
    return first[:at], first[at]


def _below_header(
    table: Iterable[list[str]], names: Sequence[str]
) -> Iterator[dict[str, str] | ValueError]:
    """The rows below the header, or a ValueError for one that has more cells."""
    rows = [*table]
    titles, header = _header(rows, names)
    columns = [cell.strip().lower() for cell in header]
    if titles:
        above = one_line(" ".join(cell for title in titles for cell in title))[:100]
        print(f"The header is row {len(titles) + 1}, below “{above}”.")
    if twice := [name for name in names if columns.count(name) > 1]:
        raise ValueError(f"its header names {twice[0]} {columns.count(twice[0])} times: rename one")
    if (said := ", ".join(filter(None, columns))[:100]) and not _known(columns, names):
        raise ValueError(f"its first line names no such column, but “{said}”: rename them")
    for cells in rows[len(titles) + 1 :]:
        while cells and not cells[-1].strip():
            cells.pop()
        if len(cells) > len(columns):
            yield ValueError("it has more cells than the header: put texts with commas into quotes")
        elif cells:
            yield dict(zip(columns, cells, strict=False))


def _named_values(values: Any) -> dict[str, Any]:
    if isinstance(values, ValueError):
        raise values
    if not isinstance(values, Mapping):
        raise ValueError(f"it is a {type(values).__name__}, not an object with named values")
    named = {str(name).strip().lower(): value for name, value in values.items()}
    return {
        name: value
        for name, value in named.items()
        # NaN is no value; a spreadsheet's or pandas' unnamed column numbers the rows
        if name and value is not None and value == value
        if not isinstance(value, str) or value.strip()
    }


# --- workbooks -----------------------------------------------------------------------------------


def _sheet(path: Path, names: Sequence[str]) -> list[list[str]]:
    """The rows of the first sheet, or of the first one that has more columns."""
    with Workers() as workers:
        sheets: dict[str, list[list[str]]] = workers.run(read_workbook, path.resolve())
    known = {sheet: _known(_header(rows, names)[1], names) for sheet, rows in sheets.items()}
    sheet = max(known, key=known.__getitem__, default="")
    alike = [other for other in known if other != sheet and known[other] == known[sheet] > 1]
    if alike or sheet != next(iter(known), ""):
        also = f" Not read, with the same columns: “{'”, “'.join(alike)}”." if alike else ""
        print(f"{path.name}: read from its sheet “{sheet}”.{also}")
    return sheets.get(sheet, [])


def read_workbook(path: Path) -> dict[str, list[list[str]]]:
    """Each sheet that is shown and holds a text: its rows, but for empty ones. Runs in a worker."""
    from python_calamine import CalamineError, SheetVisibleEnum, load_workbook

    sheets: dict[str, list[list[str]]] = {}
    size = 0
    try:
        book = load_workbook(BytesIO(_formatted_as_texts(read_bytes(path))))
        for about in book.sheets_metadata:
            if about.visible != SheetVisibleEnum.Visible:
                continue
            for cells in book.get_sheet_by_name(about.name).iter_rows():
                texts = [shown(value) for value in cells]
                if any(text.strip() for text in texts):
                    sheets.setdefault(about.name, []).append(texts)
                    size += sum(len(text) + 1 for text in texts)
                if size > MAX_BYTES:
                    raise ValueError(f"its cells are larger than {MAX_BYTES >> 20} MiB: divide it")
    except CalamineError as error:
        raise ValueError(
            f"it is damaged, has a password or is not a workbook ({error}): save it as XLSX again, "
            "without a password"
        ) from error
    return sheets


def _formatted_as_texts(data: bytes) -> bytes:
    """A workbook in XLSX whose numbers of a format are texts, since calamine tells no formats:
    "5%", "18.50", "007"."""
    with suppress(*_UNREADABLE), ZipFile(BytesIO(data)) as book:
        styles = book.read("xl/styles.xml").decode(errors="replace")
        codes = _FORMATS | dict(_FORMAT.findall(styles))
        numbers = re.findall(r'<xf\b(?:[^<>]*numFmtId="(\d+)")?', styles.partition("<cellXfs")[2])
        of_style = [_NO_DIGITS.sub("", unescape(codes.get(number, ""))) for number in numbers]
        if not any(of_style):
            return data
        changed = BytesIO()
        with ZipFile(changed, "w") as copy:
            for name in book.namelist():
                part = book.read(name)
                if name.startswith("xl/worksheets/"):
                    part = _STYLED_NUMBER.sub(partial(_as_text, of_style), part.decode()).encode()
                copy.writestr(name, part)
        return changed.getvalue()
    return data


def _as_text(of_style: Sequence[str], cell: re.Match[str]) -> str:
    """The XML of a cell, whose number is a text if its style has a format for it."""
    style, value = int(cell["style"]), float(cell["value"])
    code = of_style[style] if style < len(of_style) else ""
    if "%" in code:
        decimals = sum(map(code.partition(".")[2].count, "0#"))
        text = f"{shown(round(100 * value, decimals))}%"
    elif found := re.fullmatch(r"[^A-Za-z]*?(?:0\.(0+)|(00+))[^A-Za-z0]*", code):
        text = f"{value:.{len(found[1])}f}" if found[1] else shown(value).zfill(len(found[2]))
    else:
        return cell[0]
    return f'<c {cell["place"]} t="str"><v>{text}</v></c>'


def shown(value: Any) -> str:
    """`13.0` → "13", `date(2026, 11, 28)` → "2026-11-28": as a person reads the cell."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"{value:.15G}"  # a spreadsheet's digits: 0.1 + 0.2 is 0.3
    if isinstance(value, time | datetime):
        return str(value).removesuffix(" 00:00:00").removesuffix(":00")
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return str(value)


# --- JSON and plain text -------------------------------------------------------------------------


def iter_records(path: Path) -> Iterator[tuple[int, Any]]:
    """`[{…}, {…}]` or `{…}⏎{…}` → `(1, {…}), (2, {…})`; a single object has the number 0.

    Lines are numbered as in the file. A line that is not JSON gives a ValueError in place of its
    record. A `.jsonl` file is read line by line, so it may be larger than the memory. Parquet and
    Arrow (of `save_to_disk`) give their rows.
    """
    if path.suffix.lower() in _ARROW:
        import pyarrow.parquet

        if path.suffix.lower() == ".parquet":
            table = pyarrow.parquet.read_table(path)
        else:
            with pyarrow.memory_map(str(path)) as mapped:
                table = pyarrow.ipc.open_stream(mapped).read_all()
        yield from enumerate(table.to_pylist(), start=1)
        return
    if path.suffix.lower() == ".jsonl":
        try:
            with path.open(encoding="utf-8-sig", newline="\n") as file:
                yield from _records_of_lines(file)
        except UnicodeDecodeError as error:
            raise ValueError("it is not UTF-8: save it as UTF-8") from error
        return
    data = _parsed(text := read_text(path))
    if isinstance(data, ValueError) and "Extra data" in str(data):
        yield from _records_of_lines(text.split("\n"))
    elif isinstance(data, ValueError):
        raise data
    else:
        yield from enumerate(data, start=1) if isinstance(data, list) else [(0, data)]


def _records_of_lines(lines: Iterable[str]) -> Iterator[tuple[int, Any]]:
    return ((number, _parsed(line)) for number, line in enumerate(lines, 1) if line.strip())


def _parsed(text: str) -> Any:
    """The value, or why there is none."""
    try:
        return json.loads(text)
    except RecursionError:
        return ValueError("its JSON is nested too deep")
    except json.JSONDecodeError as error:
        return ValueError(f"it is not JSON ({error})")


def read_bytes(path: Path) -> bytes:
    """Raises a ValueError if they would fill the memory."""
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB: divide it")
    return path.read_bytes()


def read_text(path: Path) -> str:
    """The characters of a text file in UTF-8, or in UTF-16 with a byte order mark."""
    data = read_bytes(path)
    if not data.strip():
        raise ValueError("the file is empty")
    if "\0" in (text := decode(data)):
        raise ValueError("it holds NUL bytes: is it a text file?")
    return text


def decode(data: bytes, content_type: str = "") -> str:
    """The characters of bytes in UTF-8, or in UTF-16 with a byte order mark; of a page (whose
    content type is given) also in the encoding that it declares."""
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if utf16 and content_type:
        return data.decode("utf-16", "replace")
    try:  # before any declaration: no other text passes as UTF-8
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        for place in (content_type, data[:2048].decode("latin-1")) if content_type else ():
            if found := re.search(_CHARSET, place, re.IGNORECASE):
                with suppress(LookupError):
                    charset = found[1].lower()
                    return data.decode(_WIDER.get(charset, charset), "replace")
        raise ValueError(
            f"it is not UTF-8 (byte {error.start}), and names no other encoding: save it as UTF-8"
        ) from error
