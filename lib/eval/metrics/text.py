"""A text as the metrics compare it: SQuAD's normalisation and tokens, for every script."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from lib.eval.questions import fold
from lib.text import UNSPACED

_KEPT_TEXTS = 4096  # golds come again; of an answer each metric asks

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PIECES = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")


class _Compared(dict[int, str]):
    """For str.translate: a character as it is compared, "" of what does not count."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        # Cf and Me: soft hyphens, marks of direction, joiners, the frame of an emoji's digit
        aside = unicodedata.category(character).startswith(("P", "S", "Cf", "Me"))
        if aside or "VARIATION SELECTOR" in unicodedata.name(character, ""):
            character = ""
        elif character.isdecimal():
            character = str(unicodedata.decimal(character))
        self[code] = character
        return character


_COMPARED = _Compared()


@lru_cache(_KEPT_TEXTS)
def normalise(text: str) -> str:
    """`The “Tamsay Line”, Ltd.` → `tamsay line ltd` (SQuAD 1.1's rules, for Unicode).

    Lower case, no punctuation, no English articles, single spaces. Compatible forms are unified
    (Unicode's NFKC) and so are the digits of all scripts; punctuation is every character of the
    classes P and S, and what nobody sees does not count. Where that leaves nothing, the article
    stands (the answer "A."), or the lower-cased text ("%").
    """
    # Twice, as Unicode has it: folding the case takes some letters apart again.
    lowered = _unified(_unified(text).casefold())
    plain = fold(lowered.translate(_COMPARED))
    return fold(_ARTICLES.sub(" ", plain)) or plain or fold(lowered)


def _unified(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


@lru_cache(_KEPT_TEXTS)
def tokens(text: str) -> tuple[str, ...]:
    """Words; a script without spaces between words (Chinese, Japanese, Thai, …) by character.

    `The tower, 333 m` → `("tower", "333", "m")`, `東京 2020年` → `("東", "京", "2020", "年")`
    """
    return tuple(_PIECES.findall(normalise(text)))
