"""The running text of a PDF's pages (PDFium). Runs in a worker process: see readers.py."""

from __future__ import annotations

import ctypes
from io import BytesIO
from pathlib import Path
from typing import Any

from lib.gen.inputs.layout import Line, page_texts

MAX_CHARACTERS = 20_000_000

Box = tuple[float, float, float, float]  # left, bottom, right, top


def read_pdf(path: Path) -> tuple[str, list[str], list[int]]:
    """Its title, the text of every page, and the numbers of pages that are only a picture.

    Raises:
        ValueError: it cannot be read, with a reason fit to print.
    """
    document = open_pdf(path)
    pages, pictures, characters = [], [], 0
    for index in range(len(document)):
        page = document[index]
        lines = page_lines(page)
        characters += sum(len(line.text) for line in lines)
        if characters > MAX_CHARACTERS:
            raise ValueError(f"it holds more than {MAX_CHARACTERS:,} characters: divide it")
        if not lines and any(True for _ in page.get_objects(max_depth=1)):
            pictures.append(index + 1)
        pages.append(lines)
        page.close()
    title = document.get_metadata_dict().get("Title", "")
    return title, page_texts(pages), pictures


def page_picture(path: Path, number: int) -> bytes:
    """One page, counted from 1, as a PNG.

    Raises:
        ValueError: it cannot be drawn, with a reason fit to print.
    """
    document, picture = open_pdf(path), BytesIO()
    if not 1 <= number <= len(document):
        raise ValueError(f"it has pages 1 to {len(document)}, and page {number} was asked")
    document[number - 1].render(scale=1.25).to_pil().save(picture, format="PNG")
    return picture.getvalue()


def open_pdf(path: Path) -> Any:
    import pypdfium2

    if path.stat().st_size == 0:
        raise ValueError("the file is empty")
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise ValueError("it is encrypted: save a copy without a password") from error
        raise ValueError(f"it is no readable PDF ({error})") from error
    if len(document) == 0:
        raise ValueError("it has no pages")
    return document


def page_lines(page: Any) -> list[Line]:
    """The lines in the order of drawing, each with its box; parted where a column may begin."""
    from pypdfium2 import raw

    text_page = page.get_textpage()
    handle, count = text_page.raw, text_page.count_chars()
    rect = raw.FS_RECTF()
    lines: list[Line] = []
    letters: list[str] = []
    boxes: list[Box] = []
    for index in range(count):
        code = raw.FPDFText_GetUnicode(handle, index)
        if code in (10, 13):
            _finish(lines, letters, boxes)
            continue
        if code > 32 and raw.FPDFText_GetLooseCharBox(handle, index, ctypes.byref(rect)):
            if boxes and rect.left - boxes[-1][2] > 1.3 * (rect.top - rect.bottom):
                _finish(lines, letters, boxes)
            boxes.append((rect.left, rect.bottom, rect.right, rect.top))
        letters.append(chr(code))
        if code == 2:  # a divided word: PDFium gives its second half without a new line
            _finish(lines, letters, boxes)
    _finish(lines, letters, boxes)
    text_page.close()
    return lines


def _finish(lines: list[Line], letters: list[str], boxes: list[Box]) -> None:
    if boxes and any(not letter.isspace() for letter in letters):
        # UTF-16 halves of one character arrive apart.
        text = "".join(letters).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        lefts, bottoms, rights, tops = zip(*boxes, strict=True)
        middle = len(boxes) // 2  # the median, so that a raised mark does not lift its line
        bottom, top = sorted(bottoms)[middle], sorted(tops)[middle]
        lines.append(Line(text, min(lefts), bottom, max(rights), max(top, bottom + 1)))
    letters.clear()
    boxes.clear()
