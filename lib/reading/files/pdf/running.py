"""Running headers and footers: what pages repeat in the paper's margins."""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from statistics import median

from lib.reading.files.pdf.columns import SENTENCE_END
from lib.reading.files.pdf.lines import Line, Sheet, rows_of
from lib.text import one_line

_ROWS = 2  # at most so many a side
_LEAST, _MOST = 0.05, 0.08  # of the paper's height: the margin
_DEEP = 0.14  # of the paper's height: where running lines of word processors may be, too
_FOOT = 0.16  # of the paper's height: a page's number may be so high (LaTeX)
_PAGE = (
    "page|pag|pg|p[.]|seite|página|pagina|side|sida|sidan|sivu|strona|str|strana|oldal|страница|стр|"
    "sayfa|halaman|trang|σελίδα|صفحة|עמוד|หน้า|页|頁|ページ|쪽"
)
_OF = "of|/|von|de|di|sur|van|av|af|z|iz|из|dari|trên|共|の"
# `12`, `– 12 –`, `page 12 of 40`, `第12页`, `12 / 40`; `Annual report · 12`
_NUMBER = re.compile(
    rf"(?:^|(?<=[\W_]))(?:(?:{_PAGE})\.?\s*|第\s*|^\W*|[|·•]\s*)(\d+)(?:\s*(?:{_PAGE}))?"
    rf"(?:\W*(?:{_OF})\W*\d+)?(?:\s*(?:{_PAGE}))?\W*$|^\W*(\d+)(?=\s*[|·•])",
    re.IGNORECASE,
)


def drop_running_lines(sheets: Sequence[Sheet]) -> None:
    """Move them from each sheet's lines to what is dropped of it.

    A running line is inside the paper's upper or lower margin, one of the two outermost rows there,
    and at least two pages and two fifths of all have it at the same height; two are enough beside a
    running number (the name of a chapter). The number of the page is left aside ("#"); other digits
    are not. A page keeps them if it would be empty without.

    Lines that stand deeper must also divide sentences, which run on over the page's end.
    """
    height = median(sheet.box[3] - sheet.box[1] for sheet in sheets)
    lefts = [
        min(line.left for line in sheet.lines) - sheet.box[0] for sheet in sheets if sheet.lines
    ]
    # As wide as the left margin, within limits
    usual = min(max(median(lefts) if lefts else 0, _LEAST * height), _MOST * height)
    for margin in (usual, _DEEP * height):
        found = _running_lines(sheets, margin)
        kept = [[n for n in sheet.lines if n not in found[at]] for at, sheet in enumerate(sheets)]
        if margin != usual and not _divide_sentences(kept, found):
            return
        for sheet, running, lines in zip(sheets, found, kept, strict=True):
            if running and (lines or sheet.others):
                sheet.lines = lines
                sheet.dropped.update(_mark(line)[0] for line in running)


def _divide_sentences(kept: Sequence[list[Line]], running: Sequence[list[Line]]) -> bool:
    """Whether lines of prose run on over a tenth of the page ends beside running lines."""
    ends = 0
    for page, (before, after) in enumerate(pairwise(kept)):
        if before and after and (running[page] or running[page + 1]):
            last, first = before[-1], after[0]
            wide = min(last.right - last.left, first.right - first.left) > 16 * last.height
            ends += wide and first.text[0].islower() and not last.text.endswith(SENTENCE_END)
    return 10 * ends > sum(map(bool, running))


def _running_lines(sheets: Sequence[Sheet], margin: float) -> list[list[Line]]:
    outer = [_outer(sheet, margin) for sheet in sheets]
    places: defaultdict[tuple[str, int], dict[int, int | None]] = defaultdict(dict)
    for page, lines in enumerate(outer):
        for line in lines:
            mark, number = _mark(line)
            places[mark, _height(line)][page] = number

    @cache
    def is_running(mark: str, at: int) -> bool:
        # A neighbouring height counts too: rounding may separate equal heights.
        numbers = {
            p: n for near in (-1, 0, 1) for p, n in places.get((mark, at + near), {}).items()
        }
        known = sorted((page, number) for page, number in numbers.items() if number is not None)
        steps = [b[1] - a[1] == b[0] - a[0] for a, b in pairwise(known)]
        # Most numbers, if there are any, rise as the pages do.
        return len(numbers) >= max(2, 0.4 * len(sheets)) and 2 * sum(steps) >= len(steps)

    found = [[n for n in lines if is_running(_mark(n)[0], _height(n))] for lines in outer]
    for lines, running in zip(outer, found, strict=True):  # the name of a chapter beside its number
        numbers = [line for line in running if _mark(line)[1] is not None]
        running += [
            line
            for line in lines
            if line not in running
            and re.search(r"[^\W\d_]", line.text)
            and any(map(line.beside, numbers))
            and len(places[_mark(line)[0], _height(line)]) > 1
        ]
    return found


def _height(line: Line) -> int:
    return round(line.bottom / 4)


def _outer(sheet: Sheet, margin: float) -> list[Line]:
    """The lines of the outermost rows that are inside the margins."""
    _, bottom, _, top = sheet.box
    foot = [line for line in sheet.lines if line.top < bottom + _FOOT * (top - bottom)]
    low = (line for line in foot if line.top < bottom + margin or _mark(line)[1] is not None)
    above = rows_of(line for line in sheet.lines if line.bottom > top - margin)[:_ROWS]
    below = rows_of(low)[-_ROWS:]
    return [line for row in (*above, *below) for line in row]


def _mark(line: Line) -> tuple[str, int | None]:
    """`Guide, page 2` → `("Guide, page #", 2)`; None = the number of no page is in it."""
    text = one_line(line.text)
    match = _NUMBER.search(text)
    if not match:
        return text, None
    start, end = match.span(match.lastindex or 0)
    number = int(text[max(start, end - 9) : end])
    return text[:start] + "#" + re.sub(r"\d+", "#", text[end:]), number
