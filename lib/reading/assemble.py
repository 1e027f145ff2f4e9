"""From what was read to a Document: pages put together, a title chosen, markers made harmless."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from lib.prompts.student import neutralise
from lib.reading.readers import Text
from lib.reading.wording import clean
from lib.records import Document, Page

_BETWEEN_PAGES = "\n\n"


def assemble(text: Text, *, name: str, path: Path, sha256: str) -> Document:
    """One document of a file.

    Raises:
        ValueError: it has no text; fit to print.
    """
    whole, pages = "", []
    for number, page_text in enumerate(text.pages, start=1):
        page_text = unicodedata.normalize("NFC", neutralise(page_text)).strip()
        if page_text and whole:
            whole += _page_break(whole, page_text)
        pages.append(Page(number, len(whole), len(whole) + len(page_text)))
        whole += page_text
    if not re.search(r"\w", whole):
        raise ValueError("no text layer: is it scanned?" if text.pictures else "it holds no text")
    return Document(name, _title(text.title, path), whole, tuple(pages), sha256)


def _page_break(before: str, after: str) -> str:
    """A space where a sentence runs on over the page's end, else an empty line."""
    # Of all that stands before only the end is looked at: a book has a thousand pages.
    runs_on = re.match(r"[\w,;–—-]", before[-1:]) and re.match(r"[a-zß-ÿ(]", after)
    long = len(before) - before.rfind("\n") > 61  # a paragraph, not a heading or a cell
    return " " if runs_on and long else _BETWEEN_PAGES


def _title(title: str, path: Path) -> str:
    """What the document calls itself, if that is fit to print; else its file's stem."""
    title = " ".join(clean(neutralise(title)).split())
    poor = re.search(r"(?i)\.(?:docx?|pdf|tex|indd|pptx?)$|^(?:untitled|microsoft word)", title)
    if 3 <= len(title) <= 160 and not poor and re.search(r"[^\W\d_]{2}", title):
        return title
    stem = unicodedata.normalize("NFC", path.stem)
    return neutralise(" ".join(re.sub(r"[_\s]+|(?<=[a-z])-(?=[a-z])", " ", stem).split())) or stem


def first_heading(text: str, *, markdown: bool) -> str:
    """Markdown's first heading; of a plain text, a first line that stands alone; else ""."""
    pattern = r"^#{1,2}[ \t]+(.+?)[ \t]*#*$|^(?=\S)(.+)\n=+[ \t]*$"
    if not markdown:
        pattern = r"\A\s*(\S.{2,98}[^\s.;,])()[ \t]*\n[ \t]*\n"
    match = re.search(pattern, text, re.MULTILINE)
    return (match.group(1) or match.group(2)) if match else ""


def read_text(path: Path) -> str:
    """A text file's characters, as they are.

    Raises:
        ValueError: it is empty, or neither UTF-8 nor UTF-16 with a mark; fit to print.
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
