"""The lines of a printed paragraph as one line: divided words are put together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from lib.reading.assemble import clean
from lib.text import one_line

_HYPHENS = "-\u00ad\u2010\x02"  # \x02: how PDFium reports the hyphen of a divided word
_PRINTED_LINK = re.compile(r"\s*\(https?://[^\s()]{28,}\)")


def join_lines(lines: Sequence[str], words: Counter[str]) -> str:
    """One paragraph on one line.

    `words` counts the document's words: it tells "surf-/board" from "two-/step".
    """
    text = ""
    for line in lines:
        line = one_line(line)
        if not text:
            text = line
        elif text[-1] in _HYPHENS and len(text) > 1:
            text = text[:-1] + _hyphen(text, line, words) + line
        elif re.search(r"\w—$|\(https?://[^\s()]*$", text):
            text += line  # a dash needs no space; a printed address goes on
        else:
            text = f"{text} {line}"
    text = re.sub(r"(?<=\w)[\x02\u00ad](?=\w)", "", text).replace("\x02", "-")
    return clean(_PRINTED_LINK.sub("", text)).strip()


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
