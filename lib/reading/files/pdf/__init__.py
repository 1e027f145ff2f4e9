"""PDF files: `text.py` gets the lines of each page (PDFium) and makes running text of them.

`lines.py` finds the lines and the direction in which they run, `forms.py` what was typed into a
form, `running.py` headers and footers, `columns.py` and `layout.py` the order and the paragraphs,
`language.py` tells a cipher from a language.
"""

from lib.reading.files.pdf.text import page_picture, read

__all__ = ["ENDINGS", "IN_WORKER", "page_picture", "read"]

ENDINGS = (".pdf",)
IN_WORKER = True
