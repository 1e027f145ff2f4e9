"""PDF files: `text.py` gets the lines of each page (PDFium) and makes running text of them.

`lines.py` finds the lines and the direction in which they run, `forms.py` what was typed into a
form, `running.py` headers and footers, `columns.py` and `layout.py` the order and the paragraphs,
`language.py` tells a cipher from a language. All of them are imported in the worker alone.
"""

from pathlib import Path

from lib.reading.assemble import Text

ENDINGS = (".pdf",)
IN_WORKER = True


def read(path: Path) -> Text:
    """The running text of every page."""
    from lib.reading.files.pdf import text

    return text.read(path)


def page_picture(path: Path, number: int) -> str:
    """One page, counted from 1, as a PNG in base64."""
    from lib.reading.files.pdf import text

    return text.page_picture(path, number)
