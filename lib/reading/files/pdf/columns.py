"""Columns of prose that are drawn in another order than they are read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from lib.reading.files.pdf.lines import Line, rows_of

SENTENCE_END = tuple(".!?:;…”\"')]。！？")


def by_column(lines: Sequence[Line]) -> list[Line]:
    """The lines in the order of drawing, but for columns drawn row by row or the right one first.

    Only what is clearly prose in columns is put right: of one letter size and like width, with
    lines that fill the width and go on in the next. Everything else keeps its order.
    """
    places = {id(line): (number, 0) for number, line in enumerate(lines)}
    for band in _bands(lines):
        columns = [sorted(column, key=lambda line: places[id(line)]) for column in band]
        if all(map(_is_prose, columns)) and _alike(columns) and not _in_order(columns, places):
            ordered = [line for column in columns for line in column]
            first = min(places[id(line)][0] for line in ordered)
            places.update((id(line), (first, number)) for number, line in enumerate(ordered))
    return sorted(lines, key=lambda line: places[id(line)])


def _bands(lines: Sequence[Line]) -> list[list[list[Line]]]:
    """Parts of a page between full lines, each as its columns from left to right."""
    rows = rows_of(lines)
    starts = Counter(
        round(right.left / 6)
        for row in rows
        for left, right in pairwise(row)
        if left.right < right.left
    )
    common = [start for start, count in starts.items() if count > 2]
    if not common:
        return []
    edge = 6 * min(start for start in common if starts[start] >= max(starts.values()) / 2) - 4
    bands: list[list[list[Line]]] = []
    sides: tuple[list[Line], list[Line]] = [], []
    for row in rows:
        if any(line.left < edge < line.right for line in row):
            bands += _divided(*sides)
            sides = [], []
        else:
            for line in row:
                sides[line.left >= edge].append(line)
    return bands + _divided(*sides)


def _divided(left: list[Line], right: list[Line]) -> list[list[list[Line]]]:
    if not left or not right:
        return []
    more = _bands(right)
    whole = len(more) == 1 and sum(map(len, more[0])) == len(right)
    return [[left, *more[0]]] if whole else [[left, right]]


def _is_prose(column: Sequence[Line]) -> bool:
    left, right = min(line.left for line in column), max(line.right for line in column)
    full = sum(line.right - left > 0.7 * (right - left) for line in column)
    # The next line begins with a small letter, or with one of a script that has no capitals.
    firsts = [(above.text.rstrip(), below.text.lstrip()[:1]) for above, below in pairwise(column)]
    runs_on = sum(
        first.isalpha() and not first.isupper() and not text.endswith(SENTENCE_END)
        for text, first in firsts
    )
    wide = right - left > 8 * column[0].height  # not a column of words
    return wide and len(column) > 2 and full > 0.55 * len(column) and runs_on > 0.4 * len(firsts)


def _alike(columns: Sequence[Sequence[Line]]) -> bool:
    widths = [max(line.right for line in c) - min(line.left for line in c) for c in columns]
    heights = [median(line.height for line in column) for column in columns]
    return min(widths) > 0.6 * max(widths) and min(heights) > 0.88 * max(heights)


def _in_order(columns: Sequence[Sequence[Line]], places: Mapping[int, tuple[int, int]]) -> bool:
    """Whether they are drawn from left to right, or in an order that is not clear."""
    tops = [max(line.top for line in column) for column in columns]
    drawn = sorted(
        (places[id(line)], at)
        for at, column in enumerate(columns)
        for line in column
        # A heading above the other columns says nothing.
        if not all(line.bottom > top for other, top in enumerate(tops) if other != at)
    )
    turns = [at for number, (_, at) in enumerate(drawn) if not number or drawn[number - 1][1] != at]
    if len(turns) == len(columns):
        return turns == sorted(turns)
    return len(turns) < 0.7 * len(columns) * min(map(len, columns))
