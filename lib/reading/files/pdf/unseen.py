"""Text in the colour of the paper, which no reader sees."""

import ctypes
import re
from collections.abc import Iterator
from typing import Any

_LINE = re.compile(r"[^\s\x02](?:[^\r\n\x02]*[^\s\x02])?")  # as PDFium parts them
_WHITE = 245  # of 255, each colour
_PLAIN = 8  # of 255: where nothing is seen, the lightest and darkest points differ by less
_MOST_POINTS = 2000  # each side of a page as it is drawn


def unseen_lines(page: Any, handle: Any, units: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each line that is drawn white, and not seen on the page as it is drawn.

    White letters on a picture or a coloured box are seen. The text layer of a scan is not drawn at
    all, and stays.
    """
    import pypdfium2.raw as pdfium

    colour, rect = [ctypes.c_uint() for _ in range(4)], pdfium.FS_RECTF()
    drawn = None
    for found in _LINE.finditer(units):
        start, end = found.span()
        pdfium.FPDFText_GetFillColor(handle, start, *map(ctypes.byref, colour))
        if min(part.value for part in colour[:3]) < _WHITE:
            continue
        text = pdfium.FPDFText_GetTextObject(handle, start)
        if pdfium.FPDFTextObj_GetTextRenderMode(text) != pdfium.FPDF_TEXTRENDERMODE_FILL:
            continue
        if drawn is None:
            scale = min(1, _MOST_POINTS / max(page.get_size()))
            drawn = page.render(scale=scale, grayscale=True)
            where, picture = drawn.get_posconv(page), drawn.to_pil()
        corners = []
        for index in range(start, end):
            pdfium.FPDFText_GetLooseCharBox(handle, index, ctypes.byref(rect))
            corners.append(where.to_bitmap(rect.left, rect.bottom))
            corners.append(where.to_bitmap(rect.right, rect.top))
        across, down = zip(*corners, strict=True)
        shown = picture.crop((min(across), min(down), max(across) + 1, max(down) + 1))
        darkest, lightest = shown.getextrema()
        if lightest - darkest < _PLAIN:
            yield start, end
