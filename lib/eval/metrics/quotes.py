"""Quote faithfulness: is what a reply quotes really there?"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from lib.eval.questions import fold

QUOTES = "quotes_in_context"
QUOTES_IN_ORACLE = "quotes_in_oracle"


def quotes_in_context(quotes: Sequence[str], context: str) -> float | None:
    """The share of quotes that stand verbatim in the context, white space folded; None = none."""
    return verbatim(quotes, [unified(context)])


def verbatim(quotes: Sequence[str], documents: Iterable[str]) -> float | None:
    """The share of quotes that stand verbatim in one of the unified documents; None = no quote.

    A quote that runs from the end of one document into the next was never written by anybody. One
    without a letter or digit quotes nothing, and stands nowhere.
    """
    if not quotes:
        return None
    read = list(documents)
    found = sum(
        any(map(str.isalnum, quote)) and any(quote in text for text in read)
        for quote in map(unified, quotes)
    )
    return found / len(quotes)


def unified(text: str) -> str:
    """White space folded, and letters with their accents in one form (Unicode's NFC)."""
    return fold(unicodedata.normalize("NFC", text))
