"""Small Word files for the tests of lib/gen."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006"
_SPACES = (
    f'xmlns:a="{_DRAWING}/main" xmlns:pic="{_DRAWING}/picture"'
    f' xmlns:wp="{_DRAWING}/wordprocessingDrawing"'
)
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"


def write_docx(
    path: Path, *, heading: str, texts: Sequence[str], table: str = "", picture: str = ""
) -> Path:
    """A heading and paragraphs; of "a b/c d" a table of two rows and columns; a linked picture."""
    rows = [[_paragraph(cell) for cell in row.split()] for row in table.split("/") if row]
    cells = ["".join(f"<w:tc>{cell}</w:tc>" for cell in row) for row in rows]
    body = _paragraph(heading, "Heading1") + "".join(map(_paragraph, texts))
    if cells:
        body += f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in cells)}</w:tbl>"
    if picture:
        drawing = f'<a:blip xmlns:r="{OFFICE}" r:link="r2"/>'
        for tag in ("pic:blipFill", "pic:pic", "a:graphicData", "a:graphic", "wp:inline"):
            drawing = f"<{tag}>{drawing}</{tag}>"
        body += f"<w:p><w:r><w:drawing {_SPACES}>{drawing}</w:drawing></w:r></w:p>"
    heading_style = '<w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/>'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{_WORD}.document.main+xml"/>'
        f'<Override PartName="/word/styles.xml" ContentType="{_WORD}.styles+xml"/></Types>',
        "_rels/.rels": _relationships(("officeDocument", "word/document.xml")),
        "word/_rels/document.xml.rels": _relationships(
            ("styles", "styles.xml"), ("image", picture)
        ),
        "word/document.xml": f"<w:document {_W}><w:body>{body}</w:body></w:document>",
        "word/styles.xml": f"<w:styles {_W}>{heading_style}</w:style></w:styles>",
    }
    with ZipFile(path, "w", ZIP_DEFLATED) as file:
        for name, xml in parts.items():
            file.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{xml}')
    return path


def _paragraph(text: str, style: str = "") -> str:
    styled = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' * bool(style)
    return f"<w:p>{styled}<w:r><w:t>{escape(text)}</w:t></w:r></w:p>"


def _relationships(*kinds_and_targets: tuple[str, str]) -> str:
    inside = "".join(
        f'<Relationship Id="r{number}" Type="{OFFICE}/{kind}" Target="{target}"'
        + (' TargetMode="External"/>' if kind == "image" else "/>")
        for number, (kind, target) in enumerate(kinds_and_targets, start=1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{inside}</Relationships>'
