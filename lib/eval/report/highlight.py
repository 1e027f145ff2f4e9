"""Replies and documents as HTML, their quotes marked; everything in them is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from itertools import groupby

from lib.prompts.student import QUOTE_BEGIN, QUOTE_END
from lib.text import one_line

_ESCAPED_QUOTE = re.compile(
    f"({re.escape(QUOTE_BEGIN)})(.*?)({re.escape(QUOTE_END)})", re.IGNORECASE | re.DOTALL
)
_QUOTED, _GOLD = 1, 2
_MARKS = {_QUOTED: "<mark>", _GOLD: '<mark class="ob-gold">'}
_MARKS[_QUOTED | _GOLD] = '<mark class="ob-both">'


def highlighted(reply: str) -> str:
    """A reply: its quotes marked, the markers left visible."""
    return _ESCAPED_QUOTE.sub(r"<i>\1</i><mark>\2</mark><i>\3</i>", html.escape(reply.strip()))


def marked(text: str, *, quotes: Iterable[str] = (), gold: Iterable[str] = ()) -> str:
    """A document, white space folded: what quotes it is marked, the gold quotes are underlined."""
    text = one_line(text)
    flags = [0] * len(text)
    for flag, parts in ((_QUOTED, quotes), (_GOLD, gold)):
        for part in filter(None, map(one_line, parts)):
            start = text.find(part)
            while start >= 0:
                for place in range(start, start + len(part)):
                    flags[place] |= flag
                start = text.find(part, start + len(part))
    pieces = []
    for flag, places in groupby(range(len(text)), key=flags.__getitem__):
        piece = html.escape("".join(text[place] for place in places))
        pieces.append(f"{_MARKS[flag]}{piece}</mark>" if flag else piece)
    return "".join(pieces)
