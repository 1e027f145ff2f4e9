"""The printed lines of a page, turned so that they run from left to right and downwards."""

import ctypes
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress, groupby, pairwise
from math import pi
from typing import Any

from lib.reading.assemble import RAISED
from lib.reading.files.pdf.unseen import unseen_lines, white_lines
from lib.text import gap_between, whole

# A divided word: PDFium gives its second half without a new line. The character, and in a text.
_DIVIDED, _DIVIDED_IN_TEXT = "\x02", "\ufffe"
_LINE_ENDS = "\r\n" + _DIVIDED
_WORDS = re.compile(rf"[^\x00-\x20]+|[{_LINE_ENDS}]")
_CHARACTERS = re.compile(rf"[^\x00-\x20]|[{_LINE_ENDS}]")
# Codes of TeX's ligatures ff, fi, fl, ffi and ffl (OT1, T1): its bitmap fonts have no Unicode.
_LIGATURE = r"(?:[\x0b\x0c\x0e\x0f\x1b-\x1f]|\r(?!\n))"
_LIGATURES = re.compile(  # beside two letters (else "©", "∘" or "•"), or in "off", "fit", "fix"
    f"(?<=[a-z]{{2}}){_LIGATURE}|{_LIGATURE}(?=[a-z]{{2}})|(?<=\\b[oO])\x0b|\x0c(?=[tx]\\b)"
)
# Accents that TeX prints over a letter, as characters of their own
_ACCENTS = dict(zip("`´ˆ˜¨˚ˇ¸", "\u0300\u0301\u0302\u0303\u0308\u030a\u030c\u0327", strict=True))
_ACCENT = re.compile(f"[{''.join(_ACCENTS)}]")
_ARABIC = re.compile("[\u0620-\u064a\u066e-\u06d3]{2,}")
_ALEF_LAM = re.compile("[\u0622\u0623\u0625\u0627\u0671]\u0644")
_VOWEL = re.compile(" ([\u064b-\u0652])([\u0620-\u064a])")  # "أي ًضا": that of the letter behind it
_NUMBER = re.compile(r"[-−–+]?[0-9]+(?:,[0-9]+)*")
# `1,204`, `12.5%`, `(0.3)`: perhaps of a table's cell; no "1." and no "5)"
_FIGURE_TEXT = r"(?:[^\w\s()]*\d(?:[\d.,/–−-]*\d)?[%*†‡]*|\((?=[^\s()]*\d)[^\s()]*\))"
FIGURE = re.compile(rf"{_FIGURE_TEXT}(?!\S)")
_FIGURE_AT_END = re.compile(rf"(?<!\S){_FIGURE_TEXT}\s*$")
_NOTHING = "\u2060"  # in their place: an index of a text is one of PDFium's characters
_AS_HIGH_AS_X = re.compile("[acemnorsuvwxz]")
# What may begin a vertical line: two digits may be side by side in it.
_BEGINNING = re.compile(r"\d{0,3}[\u2e80-\u9fff\uf900-\ufaff\uff01-\uff60]{1,2}")
_INITIAL = re.compile(r"[^\w\s]?[^\W\d_]")  # with a quotation mark, perhaps
_TALL = 1.7  # a drop cap is so many times as high as its line, or more
_OBLIQUE = 4  # a direction that is no quarter turn
_BOTH_WAYS = re.compile("[A-Za-z0-9][\u0590-\u08ff]|[\u0590-\u08ff][A-Za-z0-9]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")

Box = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True)
class Line:
    """One printed line of one column or cell; points, the origin at the sheet's lower left."""

    text: str
    left: float
    bottom: float
    right: float
    top: float
    filled: bool = False  # a label with what was typed behind it: a paragraph of its own
    x_height: float = 0.0  # of its letters; 0 = it has none as high as an x

    @property
    def height(self) -> float:
        return self.top - self.bottom

    def beside(self, other: "Line") -> bool:
        """Whether they share a row: a third of the height of the lower one."""
        shared = min(self.top, other.top) - max(self.bottom, other.bottom)
        return shared > 0.34 * min(self.height, other.height)

    def over(self, other: "Line") -> bool:
        """Whether they share a column: a tenth of the width of the narrower one."""
        shared = min(self.right, other.right) - max(self.left, other.left)
        return shared > 0.1 * min(self.right - self.left, other.right - other.left)


@dataclass
class Sheet:
    """One page as it is read: turned upright; mirrored if its script runs from right to left."""

    lines: list[Line]
    box: Box  # of the paper
    turn: int = 0
    mirrored: bool = False
    others: list[list[Line]] = field(default_factory=list)  # written in other directions
    text: str = ""  # all characters that PDFium gives
    white: bool = False  # whether some are drawn white
    dropped: Counter[str] = field(default_factory=Counter)  # what is left out of it

    def placed(self, box: Box) -> Box:
        """Where a box of the page is on the sheet."""
        left, bottom, right, top = _turned(box, self.turn)
        return (-right, bottom, -left, top) if self.mirrored else (left, bottom, right, top)


def read_sheet(page: Any, *, draw: bool = True) -> Sheet:
    """The lines in the order of drawing, each with its box; parted where a column may begin.

    draw: whether the page may be drawn, to see which of its white lines are seen.
    """
    characters = page.get_textpage()
    units, dropped = _units(characters), Counter[str]()
    white = white_lines(characters, units)
    for start, end in unseen_lines(page, characters, white) if white and draw else ():
        dropped[units[start:end]] += 1
        units = units[:start] + " " * (end - start) + units[end:]
    found, vertical = _lines(characters, units, _WORDS)
    turn = max(found, key=lambda turn: sum(len(line.text) for line in found[turn]), default=0)
    # PDFium shuffles words and lines that a viewer sees turned, and whole vertical lines.
    shuffled = turn != _OBLIQUE and (turn + page.get_rotation() // 90) % 4
    if turn in vertical:
        steps = [below.bottom < above.bottom for above, below in pairwise(found[turn])]
        shuffled = 2 * sum(steps) < len(steps)
    elif shuffled:
        found, _ = _lines(characters, units, _CHARACTERS)
    characters.close()
    if _OBLIQUE in found:  # boxes tell nothing: one below the other, in PDFium's order
        oblique = enumerate(found[_OBLIQUE])
        found[_OBLIQUE] = [Line(line.text, 0, -12 * n, 400, 10 - 12 * n) for n, line in oblique]
    text = whole(units).replace(_NOTHING, "")
    letters = 0 if text.isascii() else len(_RIGHT_TO_LEFT.findall(text))
    mirrored = 2 * letters > len("".join(text.split()))
    lines, box = found.pop(turn, []), page.get_cropbox()
    if mirrored:
        lines = [replace(line, left=-line.right, right=-line.left) for line in lines]
    sheet = Sheet(lines, box, turn, mirrored, text=text, dropped=dropped, white=bool(white))
    sheet.box = sheet.placed(box)
    if turn != _OBLIQUE:  # cropped pages keep what is beside them
        paper = Line("", *sheet.box)
        on_it = [line.over(paper) and line.beside(paper) for line in lines]
        sheet.lines = list(compress(lines, on_it))
        dropped.update(line.text for line, on in zip(lines, on_it, strict=True) if not on)
    if shuffled:
        sheet.lines = [line for row in rows_of(sheet.lines) for line in row]
    sheet.lines = join_rows(sheet.lines)
    sheet.others = list(map(join_rows, found.values()))
    return sheet


def join_rows(lines: Iterable[Line]) -> list[Line]:
    """Join lines of the same height that have at most a wide space between them, or are one line
    of justified text."""
    joined: list[Line] = []
    printed = [line for line in lines if line.text.strip()]
    for line in printed:
        last = joined[-1] if joined else None
        gap = line.left - last.right if last else 0.0
        wide = (0.5 if _are_figures(last.text, line.text) else 1.2) * last.height if last else 0.0
        if last and _is_drop_cap(last, line):
            between = " " * _is_a_word(last.text, line.text, printed)
            joined[-1] = replace(line, text=last.text + between + line.text)
        elif last and last.beside(line) and -0.5 * last.height < gap < wide:
            space = 0.12 * min(last.height, _TALL * line.height)
            apart = gap > space and gap_between(last.text, line.text)
            text = last.text + " " * bool(apart) + line.text
            # A raised mark, or a bullet whose font has high boxes, does not make its line higher.
            high = max(last, line, key=lambda one: (bool(re.search(r"\w", one.text)), one.height))
            left = min(last.left, line.left)
            joined[-1] = replace(high, text=text, left=left, right=line.right)
        else:
            joined.append(line)
    return _join_justified(joined)


def _are_figures(before: str, after: str) -> bool:
    """Whether two figures meet: half a line's height between them parts two columns."""
    return bool(FIGURE.match(after) and _FIGURE_AT_END.search(before[-24:]))


def _is_drop_cap(letter: Line, line: Line) -> bool:
    """Whether the first is a large letter that begins the second: "T" of "he house", "HE HOUSE"."""
    capital = _INITIAL.fullmatch(letter.text) and letter.text[-1].isupper()
    another_word = line.text[:1].isupper() and line.text[1:2].islower()
    tall = letter.height > _TALL * line.height
    near = letter.beside(line) and abs(line.left - letter.right) < 1.2 * line.height
    return bool(capital) and not another_word and tall and near


def _is_a_word(letter: str, text: str, lines: Sequence[Line]) -> bool:
    """Whether it is the "A" of "ship lay": the page has "ship" again, and "aship" nowhere. The gap
    does not tell: browsers print no space behind a drop cap."""
    words = re.findall(r"\w+", "\n".join(line.text for line in lines).lower())
    following = (re.match(r"\w*", text) or [""])[0].lower()
    alone = letter[-1] in "AIO" and words.count(following) > 1
    return alone and letter[-1].lower() + following not in words


def _join_justified(lines: list[Line]) -> list[Line]:
    """A justified line may have spaces as wide as those between columns; all are equal."""
    rows: list[list[Line]] = []
    for line in lines:
        if rows and rows[-1][-1].beside(line) and rows[-1][-1].right < line.left:
            rows[-1].append(line)
        else:
            rows.append([line])
    for at, row in enumerate(rows):
        gaps = [right.left - left.right for left, right in pairwise(row)]
        figures = any(_are_figures(left.text, right.text) for left, right in pairwise(row))
        if (
            gaps
            and not figures
            and max(gaps) < min(min(gaps) + 0.3 * row[0].height, 8 * row[0].height)
        ):
            near = (*rows[max(0, at - 4) : at], *rows[at + 1 : at + 5])
            if any(_of_one_paragraph(row, other) for other in near):
                text = " ".join(line.text for line in row)
                rows[at] = [replace(row[0], text=text, right=row[-1].right)]
    return [line for row in rows for line in row]


def _of_one_paragraph(row: list[Line], other: list[Line]) -> bool:
    """Whether the rows begin and end at the same places, and are not of the same table."""
    (first, *inner), last, height = row, row[-1], row[0].height
    most = 2 + height / 2 * sum(line.text[-1] in "-\x02" for line in (last, other[-1]))
    edges = {round(edge / 3) for line in other for edge in (line.left, line.right)}
    apart = len(inner) > 1 and not any(round(line.left / 3) in edges for line in inner)
    return (
        (len(other) == 1 or apart)
        and abs(last.right - other[-1].right) <= most
        and abs(first.left - other[0].left) < 3 * height
        and abs(first.bottom - other[0].bottom) < 9 * height
        and 0.9 < height / other[0].height < 1.1
    )


def rows_of(lines: Iterable[Line]) -> list[list[Line]]:
    """The lines from top to bottom; those of one height from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: -line.bottom):
        if rows and rows[-1][0].beside(line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _lines(
    characters: Any, units: str, pieces: re.Pattern[str]
) -> tuple[dict[int, list[Line]], set[int]]:
    """The lines of each direction, and the directions of vertical lines.

    Vertical Chinese and Japanese, upright characters one below the other, runs as lines do that are
    turned clockwise.

    Only the first and the last character of a piece are asked for their box. Words take half the
    time of characters, and PDFium has a space wherever there is room for one.
    """
    from pypdfium2.raw import FPDFText_GetCharAngle, FPDFText_IsGenerated

    found: defaultdict[int, list[Line]] = defaultdict(list)
    boxes: list[Box] = []  # of the line's words
    turn = begin = 0
    space = 0.0
    vertical: set[int] = set()
    runs_down = False

    def finish(end: int) -> None:
        if boxes and not units[begin:end].isspace():
            found[turn].append(_line(characters, units, range(begin, end), boxes, turn))
        boxes.clear()

    for match in pieces.finditer(units):
        start, end = match.span()
        if units[start] in _LINE_ENDS:
            finish(end)
            begin = end
            continue
        first = characters.get_charbox(start, loose=True)
        box = _turned(first, turn)
        if boxes:
            wide = 1.3 * (box[3] - box[1])
            gap, back = box[0] - boxes[-1][2], boxes[-1][0] - box[2]
            figures = gap > max(0.38 * wide, 1.5 * space) and _are_figures(
                units[begin:start], units[start:end]
            )
            space = max(space, gap * units[start].isalpha())
            if gap > wide or figures or back > (0 if turn else wide):
                finish(start)
                begin = start
            elif (
                len(boxes) < 3  # perhaps a drop cap: PDFium may put a space behind it
                and boxes[0][3] - boxes[0][1] > _TALL * (box[3] - box[1])
                and FPDFText_IsGenerated(characters, start - 1) == 1
            ):
                finish(start - 1)
                begin = start
        if not boxes:
            space = 0.0  # the widest before a word of the line
            turn = _quarters(FPDFText_GetCharAngle(characters, start))
            beginning = _BEGINNING.match(units, start)
            if beginning and turn != _OBLIQUE:
                if beginning.end() - start > 1:  # else it is as the line before
                    runs_down = _runs_down(characters, range(*beginning.span()), turn)
                if runs_down:
                    turn = (turn + 1) % 4
                    vertical.add(turn)
            box = _turned(first, turn)
        others = range(start + 1, end) if _BOTH_WAYS.search(units, start, end) else (end - 1,)
        for index in others if end - start > 1 else ():
            left, _, right, _ = _turned(characters.get_charbox(index, loose=True), turn)
            box = min(box[0], left), box[1], max(box[2], right), box[3]
        boxes += [box] * (end - start)  # each counts by its length
    finish(len(units))
    return found, vertical


def _line(characters: Any, units: str, span: range, boxes: list[Box], turn: int) -> Line:
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    middle = len(boxes) // 2  # the median, so that a raised mark does not lift its line
    bottom, top = sorted(bottoms)[middle], sorted(tops)[middle]
    x_height = 0.0
    if low := _AS_HIGH_AS_X.search(units, span.start, span.stop):
        shape = _turned(characters.get_charbox(low.start()), turn)
        x_height = shape[3] - shape[1]
        if (
            _place(characters, low.start(), turn).height < 1.2 * x_height
        ):  # of Type 3 fonts, perhaps
            bottom, top = shape[1] - x_height / 2, shape[3] + x_height
    text = whole(units[span.start : span.stop]).strip("\r\n").replace(_NOTHING, "")
    return Line(text, min(lefts), bottom, max(rights), max(top, bottom + 1), x_height=x_height)


def _place(characters: Any, index: int, turn: int) -> Line:
    """Of one character, as high as its font names."""
    return Line("", *_turned(characters.get_charbox(index, loose=True), turn))


def _runs_down(characters: Any, indices: range, turn: int) -> bool:
    """Whether one of the characters is below the one before."""
    return any(
        above.over(below) and below.top < above.bottom + 0.3 * above.height
        for above, below in pairwise(_place(characters, index, turn) for index in indices)
    )


def _quarters(angle: float) -> int:
    """The nearest quarter of a clockwise turn; _OBLIQUE more than ten degrees away from all."""
    quarters = round(angle / (pi / 2))
    return quarters % 4 if abs(angle - quarters * pi / 2) < pi / 18 else _OBLIQUE


def _turned(box: Box, quarters: int) -> Box:
    """The box, turned back by so many quarters of a clockwise turn."""
    left, bottom, right, top = box
    for _ in range(quarters % 4):
        left, bottom, right, top = -top, left, -bottom, right
    return left, bottom, right, top


def _units(characters: Any) -> str:
    """A page's characters as UTF-16 units; all in one call where PDFium leaves none out."""
    from pypdfium2.raw import FPDFText_GetText, FPDFText_GetUnicode

    count = characters.count_chars()
    units = (ctypes.c_ushort * (count + 1))()  # and the zero at the end
    if FPDFText_GetText(characters, 0, count, units) == count + 1:
        text = "".join(map(chr, units[:count])).replace(_DIVIDED_IN_TEXT, _DIVIDED)
    else:
        text = "".join(chr(FPDFText_GetUnicode(characters, index)) for index in range(count))
    text = _VOWEL.sub(rf"\2\1{_NOTHING}", _in_order(characters, text))
    text = _with_raised(characters, _accented(characters, text))
    return _LIGATURES.sub(lambda found: chr(ord("ﬀ") + ord(found[0]) % 16 - 0x0B), text)


def _in_order(characters: Any, text: str) -> str:
    """`خالل` → `خلال`: PDFium turns the letters of one shape (lam and alef, say), too, where the
    font names each; that some alef stands before its lam tells it."""

    def shape(index: int) -> object:
        left, _, right, _ = characters.get_charbox(index, loose=True)
        return (left, right) if left < right else index

    words = (found.span() for found in _ARABIC.finditer(text))
    groups = (list(group) for word in words for _, group in groupby(range(*word), key=shape))
    shapes = [(group[0], group[-1] + 1) for group in groups if len(group) > 1]
    if not any(_ALEF_LAM.fullmatch(text, *span) for span in shapes):
        return text
    units = list(text)
    for start, end in shapes:
        units[start:end] = reversed(units[start:end])
    return "".join(units)


def _accented(characters: Any, text: str) -> str:
    """`L´evy` → `Lévy`, with _NOTHING in the place of the accent."""
    units = list(text)
    for found in _ACCENT.finditer(text):
        at = found.start()
        for place in (at - 1, at + 1 + (text[at + 1 : at + 2] == " ")):
            letter = text[place : place + 1].replace("ı", "i")
            one = unicodedata.normalize("NFC", letter + _ACCENTS[found[0]])
            if letter.isalpha() and len(one) == 1 and _is_over(characters, at, place):
                first, last = sorted((at, place))
                units[first : last + 1] = _NOTHING * (last + 1 - first)
                units[place] = one
                break
    return "".join(units)


def _with_raised(characters: Any, text: str) -> str:
    """`3 x 105` → `3 x 10⁵`, and `$3201` → `$320¹` where a footnote's mark follows an amount."""
    units = list(text)
    for found in _NUMBER.finditer(text):
        begin, end = found.span()
        before = begin - 1
        while before > 0 and text[before] in "\r\n":  # PDFium may see a new line
            before -= 1
        if before < 0 or text[before] <= " ":
            before = begin
        if not _is_raised(characters, end - 1, before):  # most are not
            continue
        first = next(at for at in range(begin, end) if _is_raised(characters, at, before))
        if _is_raised(characters, first, before, near=first - 1 if first > begin else before):
            units[first:end] = text[first:end].translate(RAISED)
    return "".join(units)


def _is_raised(characters: Any, mark: int, before: int, *, near: int = -1) -> bool:
    """Whether a character is smaller than one before it, begins higher, and is beside `near`."""
    from pypdfium2.raw import FPDFText_GetCharAngle

    indices = mark, before, mark if near < 0 else near
    boxes = [characters.get_charbox(index, loose=True) for index in indices]
    if boxes[0][1] == boxes[1][1] or boxes[0][0] == boxes[1][0]:  # most: one line
        return False
    turn = _quarters(FPDFText_GetCharAngle(characters, mark))
    small, large, beside = (Line("", *_turned(box, turn)) for box in boxes)
    rise = (small.bottom - large.bottom) / max(large.height, 1)
    gap = small.left - beside.right
    return small.height < 0.85 * large.height and 0.2 < rise < 0.8 and gap < 0.4 * large.height


def _is_over(characters: Any, accent: int, letter: int) -> bool:
    """Whether the middle of an accent is between the sides of a letter."""
    first, low, last, _ = characters.get_charbox(accent)
    left, bottom, right, top = characters.get_charbox(letter)
    return left <= (first + last) / 2 <= right and abs(low - bottom) < 2 * (top - bottom)
