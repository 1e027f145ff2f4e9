"""Quote faithfulness: is what a reply quotes really there?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lib.text import find_quote

QUOTES = "quotes_in_context"
QUOTES_IN_ORACLE = "quotes_in_oracle"


def quotes_in_context(quotes: Sequence[str], context: str) -> float | None:
    """The share of quotes that stand verbatim in the context, white space folded; None = none."""
    return verbatim(quotes, [context])


def verbatim(quotes: Sequence[str], documents: Iterable[str]) -> float | None:
    """The share of quotes that one of the documents holds (`find_quote`); None = no quote.

    A quote that runs from the end of one document into the next was never written by anybody. One
    without a letter or digit quotes nothing, and stands nowhere.
    """
    if not quotes:
        return None
    read = list(documents)
    found = sum(
        any(map(str.isalnum, quote)) and any(find_quote(quote, text) for text in read)
        for quote in quotes
    )
    return found / len(quotes)
