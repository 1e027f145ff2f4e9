"""PDF files: the lines of each page (PDFium), and the running text that is made of them.

`lines.py` finds the lines and the direction in which they run, `unseen.py` what is white on white,
`forms.py` what was typed into a form, `running.py` headers and footers, `columns.py` and
`layout.py` the order and the paragraphs, `hyphens.py` what a line's end divides, `language.py`
tells a cipher from a language. PDFium itself is imported in the worker alone.
"""

import base64
from collections import Counter, defaultdict
from io import BytesIO
from pathlib import Path
from typing import Any

from lib.reading.assemble import PICTURE, Text
from lib.reading.files.pdf import forms
from lib.reading.files.pdf.language import NO_LANGUAGE, reads_like_no_language
from lib.reading.files.pdf.layout import page_texts
from lib.reading.files.pdf.lines import Sheet, read_sheet
from lib.reading.files.pdf.running import drop_running_lines

ENDINGS = (".pdf",)
IN_WORKER = True
MOST_DRAWN = 200  # pages: drawing slides takes long
LEAST_KEPT = 0.9  # of a page's characters; a page that keeps fewer is reported
DAMAGED = "the page is damaged"
LOST = "more than a tenth of its characters cannot be read"


def read(path: Path) -> Text:
    """The running text of every page; what is left out is counted, and other losses reported."""
    from pypdfium2 import PdfiumError

    document = open_pdf(path)
    notes: defaultdict[str, list[int]] = defaultdict(list)
    if not forms.is_read(document):
        notes[forms.NOT_READ] = []
    if attached := document.count_attachments():
        notes[f"files attached to it are not read: {attached:,}"] = []
    sheets: list[Sheet] = []
    for index in range(len(document)):
        try:
            page = document[index]
        except PdfiumError:
            notes[DAMAGED].append(index + 1)
            sheets.append(Sheet([], (0, 0, 0, 0)))
            continue
        sheet = read_sheet(page, draw=sum(sheet.white for sheet in sheets) < MOST_DRAWN)
        forms.add_values(sheet, document, page)
        if not sheet.lines and any(True for _ in page.get_objects(max_depth=1)):
            notes[PICTURE].append(index + 1)
        sheets.append(sheet)
        page.close()
    drop_running_lines(sheets)
    texts = page_texts(sheets)
    dropped: Counter[str] = Counter()
    for number, (sheet, text) in enumerate(zip(sheets, texts, strict=True), start=1):
        dropped.update(sheet.dropped)
        if _length(text, *sheet.dropped.elements()) < LEAST_KEPT * _length(sheet.text):
            notes[LOST].append(number)
        elif reads_like_no_language(text):
            notes[NO_LANGUAGE].append(number)
    written = list(filter(None, texts))
    if len(written) > 1 and all(map(reads_like_no_language, written)):
        raise ValueError(NO_LANGUAGE)
    return Text(document.get_metadata_dict().get("Title", ""), texts, dict(notes), dict(dropped))


def _length(*texts: str) -> int:
    """Without white space."""
    return sum(len(word) for text in texts for word in text.split())


def first_page(path: Path) -> str:
    """As a PNG in base64."""
    picture = BytesIO()
    open_pdf(path)[0].render(scale=1.25).to_pil().save(picture, format="PNG")
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
