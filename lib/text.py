"""Words of any language, as chunks, questions and answers are compared."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import islice

# Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana and Han.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
_HANGUL = "\uac00-\ud7a3"
# Arabic vowels and the signs of India's scripts belong to the letter before; \w leaves them out.
_SIGNS = "\u064b-\u0652\u0900-\u0963\u0966-\u0dff"
_WORD = rf"[^\W{UNSPACED}]+(?:[{_SIGNS}]+[^\W{UNSPACED}]*)*"
_WORDS = re.compile(rf"[{UNSPACED}]|{_WORD}")
_TERMS = re.compile(
    rf"(?P<run>[{UNSPACED}{_HANGUL}]+)|{_WORD.replace(UNSPACED, UNSPACED + _HANGUL)}"
)
_LETTERS = re.compile(rf"[{UNSPACED}]|[^\W\d_]{{2,}}")
_ASCII_GAPS = {code: " " for code in range(128) if not re.match(r"\w", chr(code))}


def plain(text: str) -> str:
    """The text in lower case and in one of Unicode's forms."""
    return unicodedata.normalize("NFC", text).lower()


def words(text: str) -> list[str]:
    """The words in lower case; a character of a script without spaces is a word of its own.

    `"Rain fell on 東京."` → `["rain", "fell", "on", "東", "京"]`
    """
    text = plain(text)
    if text.isascii():  # four times as fast, and most of what is compared
        return text.translate(_ASCII_GAPS).split()
    return _WORDS.findall(text)


def terms(text: str) -> list[str]:
    """The words to search by: pairs of neighbouring characters in Korean and unspaced scripts.

    A Korean word carries its particle, so 서울은 and 서울에 share 서울 only as a pair.
    `"東京都 rain 서울은"` → `["東京", "京都", "rain", "서울", "울은"]`
    """
    found: list[str] = []
    for match in _TERMS.finditer(plain(text)):
        term = match.group()
        if match.group("run") and len(term) > 2:
            found += [term[i : i + 2] for i in range(len(term) - 1)]
        else:
            found.append(term)
    return found


def has_written(text: str, *, least: int) -> bool:
    """Whether a text has so many words of letters, at least two letters each."""
    return sum(1 for _ in islice(_LETTERS.finditer(text), least)) == least


# --- does a text hold an answer? -----------------------------------------------------------------


@lru_cache(maxsize=4096)
def pattern_of(answer: str) -> tuple[tuple[str, ...], str]:
    """An answer's words, and the string to look for between the words of a text."""
    parts = tuple(words(answer))
    # The last Korean word may go on with a particle: 서울 stands in 서울은.
    end = "" if parts and _hangul(parts[-1][-1]) else " "
    return parts, f" {' '.join(parts)}{end}"


def holds(text: str, phrase: str) -> bool:
    """Whether all words of a phrase stand in the text, side by side, in their order.

    `"3"` stands in "for 3 days", not in "13 days". A phrase without words stands nowhere.
    """
    parts, pattern = pattern_of(phrase)
    folded = plain(text)
    if not parts or not all(part in folded for part in parts):
        return False
    return pattern in f" {' '.join(_WORDS.findall(folded))} "


def _hangul(character: str) -> bool:
    return "\uac00" <= character <= "\ud7a3"
