"""Small workbooks for the tests: the least that a spreadsheet's XML needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

Cell = str | float | date | None

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_FORMATS = (
    "General",
    "date",
    "9",
    "0.0%",
    "20",
    "&quot;$&quot;#,##0.00;[Red]-0",
    "[$€-407] 0.0",
    "000",
)
_STYLES = (
    f"<styleSheet {_SHEET}><numFmts>"
    + "".join(f'<numFmt numFmtId="{n}" formatCode="{c}"/>' for n, c in enumerate(_FORMATS, 170))
    + "</numFmts><cellXfs>"
    + '<xf fontId="0"/>'
    + "".join(f'<xf numFmtId="{number}"/>' for number in (14, 9, 173, 20, 175, 176, 177, 2))
    + "</cellXfs>"
)  # a number, a date, two percentages, a time, two prices, leading zeros, two decimals


def write_xlsx(
    path: Path,
    sheets: Mapping[str, Sequence[Sequence[Cell]] | str],
    *,
    hidden: Sequence[str] = (),
    top: int = 1,
    left: int = 0,
    shared_strings: str = "",
) -> Path:
    """Rows of cells by the sheet's name, or the XML of its rows; None is an empty cell.

    `top` and `left` are the first row, from 1, and column, from 0.
    """
    ids = {name: number for number, name in enumerate(sheets, start=1)}
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="r{number}"'
        + ' state="hidden"' * (name in hidden)
        + "/>"
        for name, number in ids.items()
    )
    targets = {f"r{number}": ("worksheet", f"worksheets/{number}.xml") for number in ids.values()}
    targets |= {"rs": ("styles", "styles.xml"), "rt": ("sharedStrings", "sharedStrings.xml")}
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"/>',
        "_rels/.rels": _relationships({"r1": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": f'<workbook {_SHEET} xmlns:r="{_OFFICE}"><sheets>{listed}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": _relationships(targets),
        "xl/styles.xml": f"{_STYLES}</styleSheet>",
        "xl/sharedStrings.xml": f"<sst {_SHEET}>{shared_strings}</sst>",
    }
    for name, rows in sheets.items():
        if not isinstance(rows, str):
            rows = "".join(_row(cells, top + n, left) for n, cells in enumerate(rows))
        xml = f"<worksheet {_SHEET}><sheetData>{rows}</sheetData></worksheet>"
        parts[f"xl/worksheets/{ids[name]}.xml"] = xml
    with ZipFile(path, "w", ZIP_DEFLATED) as file:
        for name, xml in parts.items():
            file.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{xml}')
    return path


def _row(cells: Sequence[Cell], number: int, left: int) -> str:
    inside = (_cell(cell, f"{chr(65 + left + n)}{number}") for n, cell in enumerate(cells))
    return f'<row r="{number}">{"".join(inside)}</row>'


def _cell(value: Cell, place: str) -> str:
    if value is None:
        return f'<c r="{place}"/>'
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{value:d}</v></c>'
    if isinstance(value, date):
        return f'<c r="{place}" s="1"><v>{(value - date(1899, 12, 30)).days}</v></c>'
    if isinstance(value, str):
        text = f'<t xml:space="preserve">{escape(value)}</t>'
        return f'<c r="{place}" t="inlineStr"><is>{text}</is></c>'
    return f'<c r="{place}"><v>{value!r}</v></c>'


def _relationships(targets: Mapping[str, tuple[str, str]]) -> str:
    inside = "".join(
        f'<Relationship Id="{id}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for id, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{inside}</Relationships>'
