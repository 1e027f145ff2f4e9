"""From the printed lines of a page to running text: rows, columns, paragraphs, order."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain, pairwise

from lib.reading.assemble import clean
from lib.reading.files.pdf.columns import SENTENCE_END, by_column
from lib.reading.files.pdf.hyphens import HYPHENS, Hyphens
from lib.reading.files.pdf.lines import FIGURE, Line, Sheet
from lib.text import gap_between, one_line

_SYMBOL = re.compile("^[\ue000-\uf8ff](?=\\s)")  # a bullet of Word's fonts Symbol and Wingdings
_BULLET = re.compile(r"^(?:[-–*•‣▪■●◦\ue000-\uf8ff]|\(?\d{1,2}[.)])(?:\s+|$)")
_PRINTED_LINK = re.compile(r"\s*\((https?://[^\s()]{28,})\)")

_UNFINISHED = re.compile(r"[\w,\x02-]\s*$")

_WIDEST = 2.8  # distance of two lines of a paragraph, in line heights: double spacing may be 2.6

Block = list[Line]  # a paragraph, heading, caption or table cell: lines that follow one another


def page_texts(sheets: Sequence[Sheet]) -> list[str]:
    """The running text of each page, with an empty line between paragraphs and headings.

    What is printed in other directions comes last.
    """
    parts = [(sheet.lines, *sheet.others) for sheet in sheets]
    hyphens = Hyphens([line.text for lines in chain.from_iterable(parts) for line in lines])
    orders = [[reading_order(split_blocks(by_column(lines))) for lines in part] for part in parts]
    for (rows, *_), (following, *_) in pairwise(orders):
        if following:
            rows[:] = _whole_sentences(rows, following[0][0])
    texts = []
    for sheet, order in zip(sheets, orders, strict=True):
        pieces = (_text(rows, hyphens, sheet.dropped) for rows in order)
        texts.append("\n\n".join(filter(None, pieces)))
    hyphens.join_pages(texts)
    return texts


# --- blocks, order ------------------------------------------------------------------------


def split_blocks(lines: Sequence[Line]) -> list[Block]:
    """Consecutive lines are one block until a line is apart, of another size or a new item."""
    leadings = _leadings(lines)
    blocks: list[Block] = []
    for index, line in enumerate(lines):
        near = [other for other in lines[max(0, index - 4) : index + 4] if _alike(other, line)]
        if blocks and _continues(blocks, line, near, leadings):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def _column(line: Line) -> tuple[int, int]:
    """Lines of one size and one column have the same key."""
    return round(line.height), round(line.left / 6)


def _leadings(lines: Sequence[Line]) -> dict[tuple[int, int], float]:
    """The usual distance of two lines of a column's paragraph, in line heights."""
    steps: dict[tuple[int, int], list[float]] = {}
    for above, below in pairwise(lines):
        step = (above.bottom - below.bottom) / above.height
        if above.over(below) and 0 < step < _WIDEST:
            steps.setdefault(_column(above), []).append(step)
    # The lowest fifth: in a list, distances between items outnumber those inside an item.
    usual = {column: sorted(found)[len(found) // 5] for column, found in steps.items()}
    return {column: step for column, step in usual.items() if step < 2 or len(steps[column]) > 4}


def _alike(line: Line, other: Line) -> bool:
    return _same_size(line, other) and abs(line.left - other.left) < 3 * line.height


def _same_size(line: Line, other: Line) -> bool:
    """By the heights that the fonts name: those of one typeface may differ, and its letters not."""
    same_letters = 0.93 * other.x_height < line.x_height < 1.07 * other.x_height
    return same_letters or 0.88 < line.height / other.height < 1.14


def _continues(
    blocks: list[Block], line: Line, near: list[Line], leadings: dict[tuple[int, int], float]
) -> bool:
    """Whether a line continues the last block's paragraph."""
    block, last = blocks[-1], blocks[-1][-1]
    step = (last.bottom - line.bottom) / last.height
    if not 0.3 < step < _WIDEST or not last.over(line):
        return False
    alike = _alike(last, line) or (_same_size(last, line) and _is_indented(blocks, line))
    if not alike or _BULLET.match(line.text) or last.filled or line.filled:
        return False
    # A line that ends although the next word would have fitted ends its paragraph. Beside a picture
    # lines are shorter, so the width is that of the block's last lines.
    width = max(other.right for other in (block[-3:] if len(block) > 2 else near))
    space = width - last.right
    word = line.text.split()[0]
    word_width = (line.right - line.left) * (len(word) + 1) / len(line.text)
    full = space < word_width + line.height
    runs_on = line.text[:1].islower() or last.text.rstrip().endswith(",")
    if step > leadings.get(_column(last), 1.2) + 0.22:  # a raised mark may set a line apart
        return step < 2 and full and runs_on and not _ends_sentence(last)
    if runs_on or (len(block) == 1 and _BULLET.match(last.text)):
        return True
    indented = line.left - min(n.left for n in block) > 0.8 * line.height
    return full and not (indented and _ends_sentence(last))


def _is_indented(blocks: list[Block], line: Line) -> bool:
    """Whether a long line, no cell beside another, goes on in one that begins elsewhere: it is the
    first of a paragraph, and indented by an inch, say; or all are centred, or end at the right."""
    last, wide, small = blocks[-1][-1], 16 * line.height, line.text[:1].islower()
    if last.right - last.left < wide or (len(blocks) > 1 and blocks[-2][-1].beside(last)):
        return False
    back, right = last.left - line.left, last.right - line.right
    if small and min(abs(right), abs(right + back)) < 2:
        return True
    long = small or line.right - line.left > wide
    return long and len(blocks[-1]) == 1 and 0 < back < 6 * line.height


def reading_order(blocks: Sequence[Block]) -> list[list[Block]]:
    """Rows of blocks in the order of reading; several blocks in a row are cells of a table.

    The order of drawing is right, with two exceptions. Headings and tables may be drawn last: a
    block that jumps up goes between the two blocks of its column where it is printed. And captions
    or boxes at the side may be drawn first: a block that is drawn before something higher on its
    left comes after the first paragraph, so that it does not divide a sentence that began a page
    earlier.
    """
    rows: list[list[Block]] = []
    sides: list[list[Block]] = []
    at = {False: -1, True: -1}  # where the block before went: among the rows, the sides
    for index, block in enumerate(blocks):
        aside = _is_aside(block, blocks[index + 1 :])
        at[aside] = _place(sides if aside else rows, block, at[aside])
    ends = (
        i + 1 for i, (*_, last) in enumerate(rows) if len(last) > 1 and _ends_sentence(last[-1])
    )
    after = next(ends, len(rows))
    rows = _joined_columns(_whole_sentences(rows[:after] + sides + rows[after:]))
    return list(chain.from_iterable(map(_parted, rows)))


def _parted(row: list[Block]) -> list[list[Block]]:
    """One row a line where cells of a table hold several figures, one below the other."""
    figures = (FIGURE.fullmatch(line.text.strip()) for block in row[1:] for line in block)
    if len(row) > 1 and len({*map(len, row)}) == 1 and all(figures):
        return [[[line] for line in lines] for lines in zip(*row, strict=True)]
    return [row]


def _whole_sentences(
    rows: Sequence[list[Block]], following: Block | None = None
) -> list[list[Block]]:
    """Notes and captions, in other letters, go before the paragraph whose sentence they divide: it
    runs on in the next column or in `following`, the first block of the next page."""
    ordered = list(rows)
    starts = [row[0] for row in rows] + ([following] if following else [])
    for at, block in enumerate(starts):
        near = range(at - 2, max(at - 8, -1), -1) if block[0].text[:1].islower() else ()
        for begin in near:
            last, between = ordered[begin][-1], ordered[begin + 1 : at]
            if any(_same_size(other[0][0], last[-1]) for other in between):
                break
            unfinished = _same_size(last[-1], block[0]) and _UNFINISHED.search(last[-1].text)
            if unfinished and (at == len(rows) or _begins_column(last, block)):
                ordered[begin:at] = [*between, ordered[begin]]
                break
    return ordered


def _joined_columns(rows: Sequence[list[Block]]) -> list[list[Block]]:
    """One block of two where a sentence runs on from a full line into the next column."""
    joined = list(rows[:1])
    for above, below in pairwise(rows):
        last, first = above[-1], below[0]
        alone = len(above) == len(below) == 1
        runs_on = _is_full(last) and _same_size(last[-1], first[0]) and _begins_column(last, first)
        if alone and runs_on:
            joined[-1] = [joined[-1][0] + first]
        else:
            joined.append(below)
    return joined


def _is_aside(block: Block, later: Sequence[Block]) -> bool:
    box = _box(block)
    left = [line for other in later for line in other if line.right < box.left + 2]
    return any(line.top > box.top + 2 for line in left) and any(line.beside(box) for line in left)


def _ends_sentence(line: Line) -> bool:
    return line.text.rstrip().endswith(SENTENCE_END)


def _place(rows: list[list[Block]], block: Block, at: int) -> int:
    """The row that the block joins or becomes; `at`: that of the block before, -1 = there is none.

    A table that is drawn last goes on below its first row.
    """
    to, at_end, box = len(rows), at in (-1, len(rows) - 1), _box(block)
    if rows and not (at_end and _begins_column(rows[at][-1], block)):
        if _same_table_row(rows[at][-1], block):
            rows[at].append(block)
            return at
        cells = [cell for cell in map(_box, rows[at]) if cell.bottom > box.bottom]
        goes_on = not at_end and any(cell.over(box) for cell in cells)
        to = at + 1 if goes_on and _box(rows[at + 1][0]).top < box.top else _jump(rows, box)
    rows.insert(to, [block])
    return to


def _jump(rows: Sequence[list[Block]], box: Line) -> int:
    """Before which row a block goes that is drawn after what is below it; else behind all."""
    if _box(rows[-1][-1]).bottom >= box.bottom:
        return len(rows)
    boxes = [_box(row[0]) for row in rows]
    below = {index: other for index, other in enumerate(boxes) if other.top < box.top}
    wide = (box.right - box.left) / 5  # the number of a page is not: it may be drawn first
    if not any(other.over(box) and other.right - other.left > wide for other in below.values()):
        return len(rows)  # the top of a new column
    fits = [
        index
        for index, other in below.items()
        if (not index or _box(rows[index - 1][-1]).bottom > box.bottom)
        and (other.over(box) or other.left <= box.left)
    ]
    return max(fits, key=lambda index: boxes[index].top, default=len(rows))


def _begins_column(last: Block, block: Block) -> bool:
    """Whether a paragraph goes on at the top of the next column."""
    first, before, after = block[0].text[:1], _box(last), _box(block)
    line_height = before.height / len(last)
    higher = after.top > before.top + line_height
    small = first.isalpha() and not first.isupper()
    goes_on = small and _same_size(last[-1], block[0]) and not _ends_sentence(last[-1])
    at_top = after.top > before.top + 3 * line_height  # else a cell beside this one
    begins = at_top or (len(last) > 2 and (higher or _is_full(last)))
    return begins and goes_on and after.left > before.right


def _is_full(block: Block) -> bool:
    """Whether its last line is. The text of a table's cell ends in it: that line is seldom full."""
    box = _box(block)
    return block[-1].right - box.left > 0.8 * (box.right - box.left) > 8 * block[-1].height


def _same_table_row(left: Block, right: Block) -> bool:
    few, one, other = max(len(left), len(right)) <= 8, _box(left), _box(right)
    upper, lower = one.top - other.top, one.bottom - other.bottom
    aligned = min(map(abs, (upper, lower, (upper + lower) / 2))) < left[0].height
    return few and aligned and one.beside(other) and one.right <= other.left + 1


def _box(block: Block) -> Line:
    if len(block) == 1:
        return block[0]
    lefts, bottoms, rights, tops = zip(
        *((n.left, n.bottom, n.right, n.top) for n in block), strict=True
    )
    return Line("", min(lefts), min(bottoms), max(rights), max(tops))


# --- text ----------------------------------------------------------------------------------------


def _text(rows: Sequence[Sequence[Block]], hyphens: Hyphens, dropped: Counter[str]) -> str:
    pieces: list[str] = []
    for row in rows:
        cells = [join_lines([line.text for line in block], hyphens, dropped) for block in row]
        text = " | ".join(cell for cell in cells if cell)
        item = len(row) == 1 and _BULLET.match(text)
        if text:
            # No empty line between the items of one list.
            listed = item and pieces and _BULLET.match(pieces[-1].lstrip("\n"))
            pieces.append(("\n" if listed else "\n\n") + text)
    return "".join(pieces).strip()


def join_lines(lines: Sequence[str], hyphens: Hyphens, dropped: Counter[str]) -> str:
    """One paragraph on one line, without the addresses that browsers print behind links.

    `dropped` counts the addresses.
    """
    text = ""
    for before, printed in pairwise(["", *lines]):
        line = one_line(printed)
        if not text:
            text = line
        elif text[-1] in HYPHENS and len(text) > 1:
            text = text[:-1] + hyphens.between(text, line) + line
        elif re.search(r"\w—$|\(https?://[^\s()]*$", text):
            text += line  # a dash needs no space; a printed address goes on
        else:
            text += gap_between(before, line) + line
    text = re.sub(r"(?<=\w)[\x02\u00ad](?=\w)", "", text)
    text = text.replace("\x02", "-").replace("\u00ad", "-")
    if "(http" in text:
        dropped.update(_PRINTED_LINK.findall(text))
        text = _PRINTED_LINK.sub("", text)
    return _SYMBOL.sub("•", clean(text).strip())
