"""HTML files, as Markdown (markitdown), and the encodings of web pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lib.reading.assemble import Text, clean

ENDINGS = (".html", ".htm", ".xhtml")
IN_WORKER = True

MARKDOWN_OPTIONS: dict[str, Any] = {
    # Words without marks inside a sentence: a teacher that quotes it would leave them out.
    "strip": ["a", "img", "b", "strong", "i", "em", "u"],
    "escape_underscores": False,
    "escape_asterisks": False,
    "table_infer_header": True,  # Word's tables name none
}
_CHARSET = r"""(?:charset|encoding)\s*=\s*["']?([\w.:-]+)"""
_WIDER = {  # what is declared → what browsers read it as
    "ascii": "cp1252", "us-ascii": "cp1252", "iso-8859-1": "cp1252", "latin1": "cp1252",
    "iso-8859-9": "cp1254", "tis-620": "cp874", "euc-kr": "cp949", "ks_c_5601-1987": "cp949",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932",
}  # fmt: skip


def read(path: Path) -> Text:
    """Headings, lists and tables are kept, links become their words."""
    from markitdown.converters import HtmlConverter

    text = decode(path.read_bytes(), "text/html")
    if not isinstance(text, str):
        raise ValueError("it is not UTF-8, and names no other encoding")
    found = HtmlConverter().convert_string(text, **MARKDOWN_OPTIONS)
    return Text(found.title or "", [tidied(found.markdown)])


def tidied(markdown: str) -> str:
    """Cleaned, without spaces at line ends and with at most one empty line in a row."""
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", clean(markdown), flags=re.MULTILINE))


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
