"""Quotes of a document, found as a teacher copies them and kept as the document has them."""

from __future__ import annotations

import re
import unicodedata

from lib.prompts.student import ANSWER_TAG, QUOTE_BEGIN, QUOTE_END

# Typographic characters as a keyboard has them.
_PLAIN = {
    **dict.fromkeys("‘’‚‛′´`", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "…": "...",
}
_DIVIDED = re.compile(r"\u00ad|(?<=[^\W\d_])[-‐‑‒–—―−]\s+(?=[^\W\d_])")


def canonical(reply: str) -> str:
    """`## begin_quote ##x##end_quote## <Answer> 3` → the published marks, letter for letter."""
    text = re.sub(r"##\s*begin_quote\s*##", QUOTE_BEGIN, reply.strip(), flags=re.IGNORECASE)
    text = re.sub(r"##\s*end_quote\s*##", QUOTE_END, text, flags=re.IGNORECASE)
    return re.sub(r"\**<\s*answer\s*>\s*:?\**\s*", f"{ANSWER_TAG} ", text, flags=re.IGNORECASE)


def find_quote(quote: str, text: str) -> str | None:
    """The text's own characters for a quote of it, on one line; None = it does not stand there.

    It must stand there letter for letter, case and punctuation included. Only what a teacher
    changes unawares counts as the same: runs of white space are one space; quotation marks,
    dashes and "…" are what a keyboard has; a soft hyphen, and a hyphen with white space between
    two letters (a word divided at a line's end), are nothing; an accented letter may be written
    as one character or as two.
    """
    line, copied = " ".join(text.split()), " ".join(quote.split())
    at = line.find(copied) if copied else -1
    if at >= 0 and not unicodedata.combining((line[at + len(copied) :] or " ")[0]):
        return copied  # most are, and folding takes its time
    wanted, _ = _fold(quote.strip())
    folded, places = _fold(text)
    at = folded.find(wanted) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        if end == len(folded) or not _is_part(folded[end], places[end - 1] == places[end]):
            return " ".join(text[places[at] : places[end - 1] + 1].split())
        at = folded.find(wanted, at + 1)
    return None


def _is_part(following: str, of_one_character: bool) -> bool:
    """Whether what follows belongs to the last letter: an accent, or the rest of a syllable."""
    return unicodedata.combining(following) > 0 or (of_one_character and following.isalpha())


def _fold(text: str) -> tuple[str, list[int]]:
    """The text as quotes are compared, and where in the text each character of that stands."""
    divided = {place for found in _DIVIDED.finditer(text) for place in range(*found.span())}
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if place in divided:
            continue
        letters = unicodedata.normalize("NFD", character)
        for plain in _PLAIN.get(character, " " if character.isspace() else letters):
            if plain not in " -" or folded[-1:] != [plain]:  # "--" is a dash too
                folded.append(plain)
                places.append(place)
    return "".join(folded), places
