"""PDF files: `text.py` gets the printed lines (PDFium), `layout.py` makes running text of them."""

from lib.reading.files.pdf.text import page_picture, read

__all__ = ["ENDINGS", "IN_WORKER", "page_picture", "read"]

ENDINGS = (".pdf",)
IN_WORKER = True
