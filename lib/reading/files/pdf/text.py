"""The printed lines of a PDF's pages, and a page as a picture (PDFium). Runs in a worker."""

from __future__ import annotations

import base64
import ctypes
from io import BytesIO
from pathlib import Path
from typing import Any

from lib.reading.assemble import Text
from lib.reading.files.pdf.layout import Line, page_texts

MAX_CHARACTERS = 20_000_000

# A divided word: PDFium gives its second half without a new line. The character, and in a text.
_DIVIDED, _DIVIDED_IN_TEXT = 2, 0xFFFE

Box = tuple[float, float, float, float]  # left, bottom, right, top


def read(path: Path) -> Text:
    """The running text of every page."""
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
    return Text(document.get_metadata_dict().get("Title", ""), page_texts(pages), pictures)


def page_picture(path: Path, number: int) -> str:
    """One page, counted from 1, as a PNG in base64.

    Raises:
        ValueError: it cannot be drawn; the message can be shown to users.
    """
    document, picture = open_pdf(path), BytesIO()
    if not 1 <= number <= len(document):
        raise ValueError(f"it has pages 1 to {len(document)}, not {number}")
    document[number - 1].render(scale=1.25).to_pil().save(picture, format="PNG")
    return base64.b64encode(picture.getvalue()).decode()


def open_pdf(path: Path) -> Any:
    import pypdfium2

    if path.stat().st_size == 0:
        raise ValueError("the file is empty")
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise ValueError("it is encrypted: save a copy without a password") from error
        raise ValueError(f"it is not a readable PDF ({error})") from error
    if len(document) == 0:
        raise ValueError("it has no pages")
    return document


def page_lines(page: Any) -> list[Line]:
    """The lines in the order of drawing, each with its box; parted where a column may begin."""
    from pypdfium2.raw import FS_RECTF, FPDFText_GetLooseCharBox

    text_page = page.get_textpage()
    handle = text_page.raw
    rect = FS_RECTF()
    its_address = ctypes.byref(rect)
    lines: list[Line] = []
    letters: list[str] = []
    boxes: list[Box] = []
    for index, code in enumerate(_codes(handle, text_page.count_chars())):
        if code in (10, 13):
            _finish(lines, letters, boxes)
            continue
        if code > 32 and FPDFText_GetLooseCharBox(handle, index, its_address):
            box = left, bottom, _, top = rect.left, rect.bottom, rect.right, rect.top
            if boxes and left - boxes[-1][2] > 1.3 * (top - bottom):
                _finish(lines, letters, boxes)
            boxes.append(box)
        letters.append(chr(code))
        if code == _DIVIDED:
            _finish(lines, letters, boxes)
    _finish(lines, letters, boxes)
    text_page.close()
    return lines


def _codes(handle: Any, count: int) -> list[int]:
    """A page's characters as UTF-16 units; all in one call where PDFium leaves none out."""
    from pypdfium2.raw import FPDFText_GetText, FPDFText_GetUnicode

    units = (ctypes.c_ushort * (count + 1))()  # and the zero at the end
    if FPDFText_GetText(handle, 0, count, units) == count + 1:
        return [_DIVIDED if unit == _DIVIDED_IN_TEXT else unit for unit in units[:count]]
    return [FPDFText_GetUnicode(handle, index) for index in range(count)]


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
