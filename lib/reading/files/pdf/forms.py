"""What people typed into the fields of a form, and notes on a page: each joins its label."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from lib.reading.files.pdf.lines import Box, Line, Sheet

NOT_READ = "a form whose values cannot be read (XFA?): print it into a PDF"
_HIDDEN = 2  # a flag of annotations
_PASSWORD = 1 << 13  # a flag of text fields


def is_read(document: Any) -> bool:
    """Whether the form of a document just opened, if there is one, can be read."""
    from pypdfium2 import PdfiumError
    from pypdfium2.raw import FORMTYPE_XFA_FULL

    try:
        document.init_forms()
    except PdfiumError:
        return False
    return document.get_formtype() != FORMTYPE_XFA_FULL


def add_values(sheet: Sheet, document: Any, page: Any) -> None:
    """Behind its label on the left ("[x]": before that on the right), else below what is above."""
    lines = sheet.lines
    for typed, box in _values(document.formenv, page):
        sheet.text += typed
        value = Line(typed, *sheet.placed(box), filled=True)
        beside = [line for line in lines if line.beside(value)]
        after = [line for line in beside if line.right > value.right]
        before = [line for line in beside if line.left < value.left]
        if typed == "[x]" and after:
            label = min(after, key=lambda line: line.left)
            lines[lines.index(label)] = replace(label, text=f"[x] {label.text}")
        elif before:
            label = max(before, key=lambda line: line.left)
            text, right = f"{label.text} {typed}", max(label.right, value.right)
            lines[lines.index(label)] = replace(label, text=text, right=right, filled=True)
        else:
            above = [index for index, line in enumerate(lines) if line.bottom >= value.bottom]
            lines.insert(max(above, default=-1) + 1, value)


def _values(form: Any, page: Any) -> Iterator[tuple[str, Box]]:
    import pypdfium2.raw as pdfium

    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        note = pdfium.FPDFPage_GetAnnot(page, index)
        kind, value = pdfium.FPDFAnnot_GetSubtype(note), ""
        if pdfium.FPDFAnnot_GetFlags(note) & _HIDDEN:
            pass
        elif kind == pdfium.FPDF_ANNOT_FREETEXT:
            value = _string(pdfium.FPDFAnnot_GetStringValue, note, b"Contents")
        elif kind == pdfium.FPDF_ANNOT_WIDGET and form:
            field = pdfium.FPDFAnnot_GetFormFieldType(form, note)
            flags = pdfium.FPDFAnnot_GetFormFieldFlags(form, note)
            if field in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON):
                value = "[x]" * pdfium.FPDFAnnot_IsChecked(form, note)
            elif field != pdfium.FPDF_FORMFIELD_PUSHBUTTON and not flags & _PASSWORD:
                value = _string(pdfium.FPDFAnnot_GetFormFieldValue, form, note)
        rect = pdfium.FS_RECTF()
        if value.strip() and pdfium.FPDFAnnot_GetRect(note, rect):
            left, right = sorted((rect.left, rect.right))
            bottom, top = sorted((rect.bottom, rect.top))
            yield value, (left, bottom, right, top)
        pdfium.FPDFPage_CloseAnnot(note)


def _string(get: Callable[..., int], *arguments: Any) -> str:
    from pypdfium2.raw import FPDF_WCHAR

    size = get(*arguments, None, 0)
    buffer = (FPDF_WCHAR * (size // 2 + 1))()
    get(*arguments, buffer, size)
    return bytes(buffer)[:size].decode("utf-16-le", "replace").rstrip("\0")
