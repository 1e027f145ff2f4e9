"""The lines of a printed paragraph as one line: divided words are put together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from lib.reading.assemble import clean
from lib.text import gap_between, one_line

_HYPHENS = "-\u00ad\u2010\x02"  # \x02: how PDFium reports the hyphen of a divided word
_PRINTED_LINK = re.compile(r"\s*\((https?://[^\s()]{28,})\)")


def join_lines(lines: Sequence[str], words: Counter[str], dropped: Counter[str]) -> str:
    """One paragraph on one line, without the addresses that browsers print behind links.

    `words` counts the document's words: it tells "surf-/board" from "two-/step". `dropped` counts
    the addresses.
    """
    text = ""
    for before, printed in pairwise(["", *lines]):
        line = one_line(printed)
        if not text:
            text = line
        elif text[-1] in _HYPHENS and len(text) > 1:
            text = text[:-1] + _hyphen(text, line, words) + line
        elif re.search(r"\w—$|\(https?://[^\s()]*$", text):
            text += line  # a dash needs no space; a printed address goes on
        else:
            text += gap_between(before, line) + line
    text = re.sub(r"(?<=\w)[\x02\u00ad](?=\w)", "", text)
    text = text.replace("\x02", "-").replace("\u00ad", "-")
    if "(http" in text:
        dropped.update(_PRINTED_LINK.findall(text))
        text = _PRINTED_LINK.sub("", text)
    return clean(text).strip()


def _hyphen(text: str, following: str, words: Counter[str]) -> str:
    """What belongs between the two parts of a word that a line end divides."""
    left = re.search(r"([^\W\d_]+(?:-[^\W\d_]+)*).$", text)
    right = re.match(r"[^\W\d_]+", following)
    if not left:
        return "-" if text[-2].isdigit() else "- "
    if not right or not right.group()[0].islower() or "-" in left.group(1):
        return "-"
    whole = (left.group(1) + right.group()).lower()
    parted = f"{left.group(1)}-{right.group()}".lower()
    return "" if words[whole] or not words[parted] else "-"
