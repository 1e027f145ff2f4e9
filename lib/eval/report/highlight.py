"""Replies and documents as HTML with their quotes marked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from markupsafe import Markup, escape

from lib.prompts.student import QUOTE_BEGIN, QUOTE_END
from lib.text import find_quote, one_line

_QUOTE = re.compile(
    f"({re.escape(QUOTE_BEGIN)})(.*?)({re.escape(QUOTE_END)})", re.IGNORECASE | re.DOTALL
)
_QUOTED, _GOLD = 1, 2
_MARKS = {
    0: Markup("{}"),
    _QUOTED: Markup("<mark>{}</mark>"),
    _GOLD: Markup('<mark class="ob-gold">{}</mark>'),
    _QUOTED | _GOLD: Markup('<mark class="ob-both">{}</mark>'),
}


def highlighted(reply: str) -> Markup:
    """A reply with its quotes marked; the quote markers stay visible."""
    text, *quotes = _QUOTE.split(reply.strip())
    html = escape(text)
    for i in range(0, len(quotes), 4):  # begin marker, quote, end marker, text up to the next
        html += Markup("<i>{}</i><mark>{}</mark><i>{}</i>{}").format(*quotes[i : i + 4])
    return html


def marked(text: str, *, quotes: Iterable[str] = (), gold: Iterable[str] = ()) -> Markup:
    """A document on one line: what quotes it is marked, the gold quotes are underlined."""
    text = one_line(text)
    flags = [0] * len(text)
    for flag, parts in ((_QUOTED, quotes), (_GOLD, gold)):
        for part in filter(None, (find_quote(part, text) for part in parts)):
            for found in re.finditer(re.escape(part), text):
                for place in range(*found.span()):
                    flags[place] |= flag
    pieces = groupby(zip(text, flags, strict=True), key=lambda pair: pair[1])
    return Markup().join(_MARKS[flag].format("".join(c for c, _ in run)) for flag, run in pieces)
