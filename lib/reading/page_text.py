"""Title and text of web pages, HTML and DOCX files, as Markdown. Runs in a worker: see readers.py.

Of a page of the web the main text is taken (trafilatura); of a file all of it (markitdown).
"""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from lib.reading.wording import clean

_MARKDOWN: dict[str, Any] = {
    # Words without marks inside a sentence: a teacher that quotes it would leave them out.
    "strip": ["a", "img", "b", "strong", "i", "em", "u"],
    "escape_underscores": False,
    "escape_asterisks": False,
    "table_infer_header": True,  # Word's tables name none
}
CONTENT_TYPES = ("text/html", "application/xhtml+xml", "text/plain")
_CHARSET = r"""(?:charset|encoding)\s*=\s*["']?([\w.:-]+)"""
_WIDER = {  # what is declared → what browsers read it as
    "ascii": "cp1252", "us-ascii": "cp1252", "iso-8859-1": "cp1252", "latin1": "cp1252",
    "iso-8859-9": "cp1254", "tis-620": "cp874", "euc-kr": "cp949", "ks_c_5601-1987": "cp949",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932",
}  # fmt: skip


def main_text(page: bytes, content_type: str) -> tuple[str, str]:
    """What the page calls itself ("" if it does not), and its main text.

    Raises:
        ValueError: it has no text; fit to print.
    """
    text = decode(page, content_type)
    if content_type.startswith("text/plain"):
        if not isinstance(text, str):
            raise ValueError("it is not UTF-8, and names no other encoding")
        if not re.search(r"\w", text):
            raise ValueError("it is empty")
        return "", clean(text)
    import trafilatura
    from trafilatura.metadata import extract_title

    tree = trafilatura.load_html(text)
    if tree is None:
        raise ValueError("it is no HTML")
    title = extract_title(tree) or ""
    # No metadata: finding the date takes longer than the text, and depends on today's.
    found = trafilatura.extract(
        tree, output_format="markdown", include_comments=False, include_tables=True
    )
    found = clean(found or "")
    if not re.search(r"\w", found):
        raise ValueError("no main text was found: do scripts write it?")
    return title, found


def decode(page: bytes, content_type: str) -> str | bytes:
    """The page's characters; its bytes if they are not UTF-8 and no encoding is declared."""
    if page.startswith((b"\xff\xfe", b"\xfe\xff")):
        return page.decode("utf-16", "replace")
    try:
        return page.decode("utf-8-sig")  # before any declaration: no other text passes as UTF-8
    except UnicodeDecodeError:
        pass
    for place in (content_type, page[:2048].decode("latin-1")):
        if match := re.search(_CHARSET, place, re.IGNORECASE):
            charset = match.group(1).lower()
            try:
                return page.decode(_WIDER.get(charset, charset), "replace")
            except LookupError:
                continue
    return page


def read_html(path: Path) -> tuple[str, str]:
    """Title and text of an HTML file: headings, lists and tables kept, links as their words.

    Raises:
        ValueError: its encoding is not known; fit to print.
    """
    from markitdown.converters import HtmlConverter

    text = decode(path.read_bytes(), "text/html")
    if not isinstance(text, str):
        raise ValueError("it is not UTF-8, and names no other encoding")
    found = HtmlConverter().convert_string(text, **_MARKDOWN)
    return found.title or "", _tidied(found.markdown)


def read_docx(path: Path) -> tuple[str, str]:
    """Text of a Word file as `read_html` gives it; its title is its first heading, or "".

    Raises:
        ValueError: it is no DOCX; fit to print.
    """
    from markitdown import StreamInfo
    from markitdown.converters import DocxConverter

    data = path.read_bytes()
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise ValueError("it is an old .doc, or encrypted: save it as DOCX without a password")
    try:
        found = DocxConverter().convert(BytesIO(data), StreamInfo(extension=".docx"), **_MARKDOWN)
    except (BadZipFile, KeyError) as error:
        raise ValueError("it is no readable DOCX") from error
    text = _tidied(found.markdown)
    heading = re.search(r"^#{1,2} (.+)", text, re.MULTILINE)
    return heading.group(1) if heading else "", text


def _tidied(markdown: str) -> str:
    """Cleaned, without blanks at the ends of lines and runs of empty lines."""
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", clean(markdown), flags=re.MULTILINE))
