"""Quote faithfulness: are the quotes of a reply verbatim in the documents?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lib.text import find_quote

QUOTES = "quotes_in_context"
QUOTES_IN_ORACLE = "quotes_in_oracle"


def quotes_in_context(quotes: Sequence[str], context: str) -> float | None:
    """The share of quotes that are verbatim in the context; None = no quote."""
    return verbatim(quotes, [context])


def verbatim(quotes: Sequence[str], documents: Iterable[str]) -> float | None:
    """The share of quotes that one of the documents holds (`find_quote`); None = no quote.

    A quote may not run from one document into the next. One without a letter or digit quotes
    nothing, and does not count as found.
    """
    if not quotes:
        return None
    read = list(documents)
    found = sum(
        any(map(str.isalnum, quote)) and any(find_quote(quote, text) for text in read)
        for quote in quotes
    )
    return found / len(quotes)
