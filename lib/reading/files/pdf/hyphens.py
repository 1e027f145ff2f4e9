"""Hyphens at the ends of lines and pages: of divided words, and of words that are written so."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from lib.reading.assemble import DIVIDED

HYPHENS = "-\u00ad\u2010\x02"  # \x02: how PDFium reports the hyphen of a divided word

_WORD = r"[^\W\d_]+(?:-[^\W\d_]+)*"
_AT_LINE_END = re.compile(rf"({_WORD})[{HYPHENS}]\n({_WORD})")


class Hyphens:
    """Tells "surf-/board" from "two-/step" by the document's other words.

    A document that divides no words, as browsers print it, has typed hyphens at line ends, too.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        text = "\n".join(line.strip() for line in lines)
        others = _AT_LINE_END.sub(" ", text).lower()
        self._words = Counter(re.findall(r"[\w-]+", others))
        pairs = [(left.lower(), right.lower()) for left, right in _AT_LINE_END.findall(text)]
        whole = sum(self._words[left + right] > 0 for left, right in pairs)
        apart = sum(self._words[left] > 0 < self._words[right] for left, right in pairs)
        self._divides_words = whole >= apart

    def between(self, before: str, after: str) -> str:
        """What belongs in the place of the hyphen that ends `before`."""
        if not re.search(r"[^\W\d_].$", before):
            return "-" if before[-2].isdigit() else "- "
        pair = _AT_LINE_END.search(f"{before}\n{after}")
        if not pair or not pair[2][0].islower() or "-" in pair[1]:
            return "-"
        left, right = pair[1].lower(), pair[2].lower()
        if self._words[left + right]:
            return ""
        return "" if self._divides_words and not self._words[f"{left}-{right}"] else "-"

    def join_pages(self, texts: list[str]) -> None:
        """Put DIVIDED in the place of the hyphen at a page's end if the next page ends the word."""
        for at, (before, after) in enumerate(pairwise(texts)):
            if len(before) > 1 and before[-1] in HYPHENS and not self.between(before, after):
                texts[at] = before[:-1] + DIVIDED
