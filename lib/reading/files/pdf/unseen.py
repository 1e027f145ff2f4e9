"""Text in the colour of the paper, which no reader sees."""

import ctypes
import re
from collections.abc import Sequence
from typing import Any

_LINE = re.compile(r"[^\s\x02](?:[^\r\n\x02]*[^\s\x02])?")  # as PDFium parts them
_WHITE = 245  # of 255, each colour
_PLAIN = 8  # of 255: where nothing is seen, the lightest and darkest points differ by less
_MOST_POINTS = 2000  # each side of a page as it is drawn


def white_lines(characters: Any, units: str) -> list[tuple[int, int]]:
    """Begin and end of each line that is drawn white: not those of the text layer of a scan."""
    import pypdfium2.raw as pdfium

    colour, white = [ctypes.c_uint() for _ in range(4)], []
    for found in _LINE.finditer(units):
        pdfium.FPDFText_GetFillColor(characters, found.start(), *map(ctypes.byref, colour))
        if min(part.value for part in colour[:3]) >= _WHITE:
            drawn = pdfium.FPDFText_GetTextObject(characters, found.start())
            if pdfium.FPDFTextObj_GetTextRenderMode(drawn) == pdfium.FPDF_TEXTRENDERMODE_FILL:
                white.append(found.span())
    return white


def unseen_lines(
    page: Any, characters: Any, lines: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Those that are not seen on the page as it is drawn: on no picture, in no coloured box."""
    drawn = page.render(scale=min(1, _MOST_POINTS / max(page.get_size())), grayscale=True)
    where, picture, unseen = drawn.get_posconv(page), drawn.to_pil(), []
    for start, end in lines:
        boxes = [characters.get_charbox(index, loose=True) for index in range(start, end)]
        corners = [where.to_bitmap(*corner) for box in boxes for corner in (box[:2], box[2:])]
        across, down = zip(*corners, strict=True)
        place = picture.crop((min(across), min(down), max(across) + 1, max(down) + 1))
        darkest, lightest = place.getextrema()
        if lightest - darkest < _PLAIN:
            unseen.append((start, end))
    return unseen
