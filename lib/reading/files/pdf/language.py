"""Whether a page reads like a language: fonts without Unicode give a cipher."""

import re
import unicodedata

NO_LANGUAGE = (
    "it reads like no language: a font without Unicode? Print the file anew, or leave it out"
)

_LEAST = 100  # letters, or characters; fewer tell nothing
_FILLERS = re.compile(r"[\s.·…_|–—-]+")  # lines of a table, leaders of a table of contents
_MARKED_WORDS = re.compile(r"[^\W\d_][]\[\\^`{|}~!\"#$%&*+<=>?]+(?=[^\W\d_])")  # `7KH ZDUGHQ\V`


def reads_like_no_language(text: str) -> bool:
    """In languages with Latin letters, 43% or more of these are among a, e, i, n, o, r, s and t,
    and a quarter or more are vowels; words have no marks like [ inside."""
    dense = _FILLERS.sub("", text)
    if len(dense) < _LEAST:
        return False
    others = re.sub(r"\w+", "", dense)
    unknown = len(others) - sum(unicodedata.category(sign)[0] == "M" for sign in others)
    marked = 4 * len(_MARKED_WORDS.findall(text))
    if unknown > len(dense) / 2 or marked > len(text.split()):
        return True
    latin = re.sub("[^a-z]+", "", unicodedata.normalize("NFD", dense.lower()))
    if len(latin) < max(_LEAST, len(dense) / 2):
        return False
    if len(re.findall(r"\b[a-zA-Z]\b", text)) > 0.6 * len(latin):  # `T h e k e e p e r`
        return True
    common, vowels = (sum(map(latin.count, some)) for some in ("aeinorst", "aeiouy"))
    return common < 0.43 * len(latin) or vowels < 0.25 * len(latin)
