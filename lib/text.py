"""How two texts are compared: five ways, each with a name, for every language.

`find_quote`  a quote stands in a document, letter for letter
`words`       what near duplicates are counted by
`terms`       what a search goes by
`normalise`   two answers, or two questions, are the same (SQuAD's rules); `tokens` for F1
`holds`       a text holds an answer

Gates, guards, checks, the review page and the metrics all use these, so that they agree.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

_CACHED_TEXTS = 4096  # the same gold answers, quotes and documents are compared again and again

# Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana and Han.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
_HANGUL = "\uac00-\ud7a3"
# Han and kana with their marks: white space beside them, and between the other unspaced scripts,
# comes from a line's end.
_CJK = (
    "\u2e80-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff9d"
    "\U00020000-\U0003ffff"
)
_ASEAN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
# \s first, then what stands before it: a search looks at white space alone.
_NO_GAP = rf"\s(?<=[{_CJK}]\s)\s*|\s+(?=[{_CJK}])|\s(?<=[{_ASEAN}]\s)\s*(?=[{_ASEAN}])"
# Arabic vowels and the signs of India's scripts belong to the letter before; \w leaves them out.
_SIGNS = "\u064b-\u0652\u0900-\u0963\u0966-\u0dff"
_WORD = rf"[^\W{UNSPACED}]+(?:[{_SIGNS}]+[^\W{UNSPACED}]*)*"
_WORDS = re.compile(rf"[{UNSPACED}]|{_WORD}")
_TERMS = re.compile(
    rf"(?P<run>[{UNSPACED}{_HANGUL}]+)|{_WORD.replace(UNSPACED, UNSPACED + _HANGUL)}"
)
_SENTENCE = re.compile(r"\S.*?(?:[.!?…](?=\s)|[。！？]|(?=\n\s*\n)|\Z)", re.DOTALL)
_BARRED = str.maketrans("đĐøØłŁ", "dDoOlL")  # Unicode takes no accent off these
_LETTERS = re.compile(rf"[{UNSPACED}]|[^\W\d_]{{2,}}")
_ASCII_GAPS = {code: " " for code in range(128) if not re.match(r"\w", chr(code))}
_ARTICLES = frozenset(("a", "an", "the"))


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def whole(text: str) -> str:
    """Halves of a UTF-16 pair as one character; a lone one as U+FFFD, for no file can hold it."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """`"Rain fell. It was cold."` → `[(0, 10), (11, 23)]`; a paragraph ends a sentence, too."""
    return [match.span() for match in _SENTENCE.finditer(text)]


def gap_between(before: str, after: str) -> str:
    """What stands between two lines of a paragraph: a space, or nothing in unspaced scripts."""
    return "" if re.search(_NO_GAP, f"{before[-1:]} {after[:1]}") else " "


def divided_at(text: str, parts: Sequence[str]) -> list[str]:
    """The text in pieces; every second one is one of the parts, whatever white space it has there.

    `"Oil burns.", ["burns"]` → `["Oil ", "burns", "."]`
    """
    longest_first = sorted({one_line(part) for part in parts} - {""}, key=len, reverse=True)
    patterns = [r"\s+".join(map(re.escape, part.split())) for part in longest_first]
    return re.split(f"({'|'.join(patterns)})", text) if patterns else [text]


# --- words and terms -----------------------------------------------------------------------------


def words(text: str) -> list[str]:
    """The words in lower case; a character of a script without spaces is a word of its own.

    `"Rain fell on 東京."` → `["rain", "fell", "on", "東", "京"]`
    """
    if text.isascii():  # four times as fast, and most of what is compared
        return text.lower().translate(_ASCII_GAPS).split()
    return _WORDS.findall(unicodedata.normalize("NFC", text).lower())


def terms(text: str) -> list[str]:
    """The words to search by: pairs of neighbouring characters in Korean and unspaced scripts.

    A Korean word carries its particle, so 서울은 and 서울에 share 서울 only as a pair.
    `"東京都 rain 서울은"` → `["東京", "京都", "rain", "서울", "울은"]`
    """
    found: list[str] = []
    for match in _TERMS.finditer(unicodedata.normalize("NFC", text).lower()):
        term = match.group()
        if match.group("run") and len(term) > 2:
            found += [term[i : i + 2] for i in range(len(term) - 1)]
        else:
            found.append(term)
    return found


def unaccented(text: str) -> str:
    """`"phường Đông Hà"` → `"phuong Dong Ha"`: Latin letters as they are typed without accents."""
    letters = unicodedata.normalize("NFD", text.translate(_BARRED))
    plain = "".join(letter for letter in letters if not "\u0300" <= letter <= "\u036f")
    return unicodedata.normalize("NFC", plain)


def has_words(text: str, *, least: int) -> bool:
    """Whether a text has so many words of letters, at least two letters each."""
    return sum(1 for _ in islice(_LETTERS.finditer(text), least)) == least


# --- the same answer, the same question ----------------------------------------------------------


class _Compared(dict[int, str]):
    """For str.translate: a character as it is compared, "" for one that does not count."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        # Me: the frame of an emoji's digit
        ignored = unicodedata.category(character).startswith(("P", "S", "Me"))
        if ignored or "VARIATION SELECTOR" in unicodedata.name(character, ""):
            character = ""
        self[code] = character
        return character


class _Digits(dict[int, str]):
    """For str.translate: the digits of all scripts as 0 to 9, and invisible characters as nothing.

    Of the class Cf: soft hyphens, marks of direction, joiners.
    """

    def __missing__(self, code: int) -> str:
        visible = "" if unicodedata.category(chr(code)) == "Cf" else chr(code)
        self[code] = str(unicodedata.decimal(chr(code), visible))
        return self[code]


_COMPARED, _DIGITS = _Compared(), _Digits()
# Marks first: a search goes from one to the next. Between thousands, and before zeros alone: none.
_NO_MARK = re.compile(r"[.,'’٬](?<=\d.)(?:(?=\d{3}(?!\d))|0+(?![.,]?\d))")
_SIGN = r"(?<![^\s(\[{=:\"'“‘«].)(?<=[-‐−–])[$€£]?(?=\d)|(?<=[^\W\d_][+#]|[+#][+#])(?!\w)"
_DECIMAL = re.compile(rf"[-‐−–.,٫+#](?:(?<=\d[.,٫])(?=\d)|{_SIGN})")
_MARK = re.compile(rf"[^\w\s](?:(?<=\d.)[^\w\s]*(?=\d)|{_SIGN})")
_POINT = "ˑ"  # in their place: a letter to Unicode, so it stays
_ARTICLE = re.compile(r"\b(?:a|an|the) ")
_TOKENS = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")


def _unified(text: str) -> str:
    """Lower case, one form of every letter (NFKC), the digits 0 to 9, nothing invisible."""
    if text.isascii():
        return text.lower()
    # Normalised twice: folding the case takes some letters apart again.
    folded = unicodedata.normalize("NFKC", text).casefold()
    unified = unicodedata.normalize("NFKC", folded).replace("i\u0307", "i")  # Turkish İ
    return unified.translate(_DIGITS)


@lru_cache(_CACHED_TEXTS)
def normalise(text: str) -> str:
    """`The “Tamsay Line”, Ltd.` → `tamsay line ltd` (SQuAD 1.1's rules, for Unicode).

    Lower case, no punctuation, no English articles, single spaces. Compatible forms are unified
    (NFKC), and so are the digits of all scripts. Punctuation is every character of the classes P
    and S; invisible characters do not count. Where that leaves nothing, the lower-cased text stays
    ("%").

    Otherwise than in SQuAD, a mark within a number counts: 3.5 and 3,5 are `3ˑ5`, not 35, 1/2 is
    `1ˑ2`; 1,000, 1'000 and 1000.0 are 1000. So do a minus, -5, and the end of C++ or of a blood
    group, A+; and the last word is no article: Vitamin A.
    """
    lowered = _unified(text)
    numbered = _MARK.sub(_POINT, _NO_MARK.sub("", lowered))
    plain = one_line(numbered.translate(_COMPARED))
    return _ARTICLE.sub("", plain) or one_line(lowered)


@lru_cache(_CACHED_TEXTS)
def tokens(text: str) -> tuple[str, ...]:
    """The words of `normalise`; of a script without spaces between words, its characters.

    `The tower, 333 m` → `("tower", "333", "m")`, `東京 2020年` → `("東", "京", "2020", "年")`
    """
    return tuple(_TOKENS.findall(normalise(text)))


# --- a text holds an answer ----------------------------------------------------------------------


@lru_cache(_CACHED_TEXTS)
def _with_numbers(text: str) -> str:
    """`Minus -5 or 1,000.50` → `minus ˑ5 or 1000ˑ50`: each number is one word."""
    return _DECIMAL.sub(_POINT, _NO_MARK.sub("", _unified(text)))


@lru_cache(_CACHED_TEXTS)
def _answer_pattern(answer: str) -> tuple[tuple[str, ...], str, frozenset[str]]:
    """An answer's words, the string to look for between the words of a text, and the articles that
    do not count. Its last word is none: Vitamin A."""
    found = words(_with_numbers(answer))
    articles = _ARTICLES.difference(found[-1:])
    parts = tuple(word for word in found if word not in articles)
    # The last Korean word may go on with a particle: 서울 stands in 서울은.
    end = "" if parts and "\uac00" <= parts[-1][-1] <= "\ud7a3" else " "
    return parts, f" {' '.join(parts)}{end}", articles


def holds(text: str, answer: str) -> bool:
    """Whether all words of an answer stand in the text, side by side, in their order.

    English articles do not count. `"3"` stands in "for 3 days", not in "13 days" nor in "13日", nor
    in "3.5 days" or "-3 °C"; 東京 stands in 東京都. An answer without words ("%") stands in itself
    alone.
    """
    parts, pattern, articles = _answer_pattern(answer)
    if not parts:
        return normalise(answer) == normalise(text) != ""
    if text == answer:
        return True
    numbered = _with_numbers(text)
    if not all(part in numbered for part in parts):
        return False
    return pattern in f" {' '.join(word for word in words(numbered) if word not in articles)} "


def same_answer(one: str, other: str) -> bool:
    """`1838` and `in 1838`: the words of one stand in the other, side by side."""
    return normalise(one) == normalise(other) or holds(one, other) or holds(other, one)


# --- a quote stands in a document ----------------------------------------------------------------

# Typographic characters as a keyboard has them.
_KEYBOARD = {
    **dict.fromkeys("‘’‚‛′´`", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "…": "...",
}
_TYPED = str.maketrans(_KEYBOARD)
_HYPHENED = r"\u00ad|[-‐‑‒–—―−](?<=[^\W\d_].)\s+(?=[^\W\d_])"
_UNJOINED = rf"{_NO_GAP}|\s(?<=[{_HANGUL}]\s)\s*(?=[{_HANGUL}])"
_DIVIDED = re.compile(_HYPHENED), re.compile(f"{_HYPHENED}|{_UNJOINED}")
_MAY_BE_UNJOINED = re.compile(f"[{_CJK}{_ASEAN}{_HANGUL}]")


def find_quote(quote: str, text: str) -> str | None:
    """The text's own characters for a quote of it, on one line; None = it does not stand there.

    It must stand there letter for letter, case and punctuation included. Only what a model
    changes unawares counts as the same: a run of white space is one space; quotation marks, dashes
    and "…" are what a keyboard has; a soft hyphen, and a hyphen with white space between two
    letters (a word divided at a line's end), are nothing; nor does white space count beside Han and
    kana, or within Thai, Lao, Burmese, Khmer or Korean; an accented letter may be written as one
    character or as two.
    """
    line, copied = _as_line(text), _as_line(quote)
    at = line.find(copied) if copied else -1
    end = at + len(copied)
    if at >= 0 and not unicodedata.combining(line[end : end + 1] or " "):
        return copied  # most are, and folding takes its time
    wanted = _as_typed(copied)
    if not wanted or wanted not in _as_typed(text):
        return None
    folded, places = _typed_places(text)
    at = folded.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        following = folded[end : end + 1]  # an accent, or the rest of a syllable, is no end
        divided = following.isalpha() and places[end - 1] == places[end]
        if not divided and not unicodedata.combining(following or " "):
            return one_line(text[places[at] : places[end - 1] + 1])
        at = folded.find(wanted, at + 1)
    return None


_as_line = lru_cache(_CACHED_TEXTS)(one_line)


def _divided(text: str) -> re.Pattern[str]:
    """What counts as nothing in it: where a line's end divides a word. The short pattern if it
    will do: it takes half the time."""
    return _DIVIDED[_MAY_BE_UNJOINED.search(text) is not None]


@lru_cache(_CACHED_TEXTS)
def _as_typed(text: str) -> str:
    """The text as quotes are compared, as a keyboard has it."""
    if text.isascii():
        typed = _DIVIDED[0].sub("", text).replace("`", "'")
    else:
        typed = unicodedata.normalize("NFD", _divided(text).sub("", text)).translate(_TYPED)
    return re.sub(r"--+", "-", re.sub(r"\s+", " ", typed))


@lru_cache(256)
def _typed_places(text: str) -> tuple[str, tuple[int, ...]]:
    """The text as quotes are compared, and where in the text each of its characters is."""
    divided = {place for found in _divided(text).finditer(text) for place in range(*found.span())}
    typed: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if place in divided:
            continue
        letters = unicodedata.normalize("NFD", character)
        for plain in _KEYBOARD.get(character, " " if character.isspace() else letters):
            if plain not in " -" or typed[-1:] != [plain]:  # "--" is a dash too
                typed.append(plain)
                places.append(place)
    return "".join(typed), tuple(places)
