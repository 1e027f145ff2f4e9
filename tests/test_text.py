"""The five ways in which two texts are compared, each with the cases of every script."""

from __future__ import annotations

import unicodedata
from random import Random

import pytest

from lib.text import (
    find_quote,
    has_words,
    holds,
    normalise,
    one_line,
    same_answer,
    terms,
    tokens,
    unaccented,
    words,
)

PIER = "It is 210 metres long,\nand it has three lamps."
PIECES = (
    "red, Door 東京 都 Москва дверь 서울 서울은 ตาก हिन्दी 333 3.5 The “it’s” cafe\u0301".split()
)


def drawn(rng: Random) -> str:
    return " ".join(rng.choices(PIECES, k=rng.randint(1, 8)))


def test_the_comparisons_agree_with_each_other() -> None:
    rng = Random(5)
    for _ in range(500):
        before, text, after = drawn(rng), drawn(rng), drawn(rng)
        whole = f"{before}  {text}\n{after}"
        assert (find_quote(text, whole) or "not found") in one_line(whole)
        assert holds(whole, text) or not words(text)
        assert normalise(normalise(text)) == normalise(text) == normalise(f"— {text}!")
        assert tokens(normalise(text)) == tokens(text)
        assert same_answer(text, text.upper())
        assert "".join(words(text)) == "".join(words(text.upper()))


@pytest.mark.parametrize(
    ("text", "found", "searched"),
    [
        ("Rain fell on 東京.", "rain fell on 東 京", "rain fell on 東京"),
        ("東京都 rain 서울은", "東 京 都 rain 서울은", "東京 京都 rain 서울 울은"),
        ("It’s 3.5 km", "it s 3 5 km", "it s 3 5 km"),
        ("cafe\u0301 हिन्दी", "café हिन्दी", "café हिन्दी"),
        ("—", "", ""),
    ],
)
def test_words_and_terms(text: str, found: str, searched: str) -> None:
    assert words(text) == found.split()
    assert terms(text) == searched.split()


def test_numbers_and_single_letters_are_no_words_to_ask_about() -> None:
    assert has_words("two words", least=2)
    assert has_words("東京", least=2)
    assert not has_words("1 2 a b 3.50", least=1)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Tamsay\tLine", "tamsay line"),
        ("a cat, an owl & the dog.", "cat owl dog"),
        ("Anthem of theatres", "anthem of theatres"),  # articles are words, not beginnings
        ("“Ölfass” — GROSSE STRASSE!", "ölfass grosse strasse"),
        ("große Straße", "grosse strasse"),
        ("１２ km", "12 km"),
        ("９０ ㎒", "90 mhz"),  # one sign for three letters, two of them capitals
        ("$5 + 3 €", "5 3"),  # symbols go with punctuation
        ("日本、東京。", "日本東京"),
        ("Ärger", "Ärger".lower()),
        ("A\u0308rger", "ärger"),  # decomposed letters are the composed ones
        ("Αθήνα", "αθήνα"),
        ("\u03aa\u0301", "\u0390"),  # a letter that folding the case takes apart
        ("cri\u00admson \u200fred\ufeff", "crimson red"),  # soft hyphen, direction, order of bytes
        ("yes ❤\ufe0f", "yes"),
        ("3\ufe0f\u20e3", "3"),  # the emoji of a three
        ("٣ أيام", "3 أيام"),
        ("३ दिन", "3 दिन"),
        ("The", "the"),  # nothing else is left
        ("“A”.", "a"),
        ("%", "%"),
        ("", ""),
    ],
)
def test_normalise_follows_squad(text: str, normal: str) -> None:
    assert normalise(text) == normal


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("The tower, 333 m", ["tower", "333", "m"]),
        ("東京 2020年", ["東", "京", "2020", "年"]),  # the number stays whole
        ("iPhoneは13日", ["iphone", "は", "13", "日"]),
        ("葛\U000e0100城", ["葛", "城"]),  # a variant of a character is the character
        ("หน้า ๑๒", ["ห", "น", "้", "า", "12"]),
        ("हिन्दी में", ["हिन्दी", "में"]),  # signs belong to the letter before
        ("Đà Nẵng", ["đà", "nẵng"]),
        ("서울은 큽니다.", ["서울은", "큽니다"]),
        ("مدينة القاهرة؟", ["مدينة", "القاهرة"]),
        ("𠮷野家", ["𠮷", "野", "家"]),
        (" ", []),
    ],
)
def test_tokens_are_words_or_characters_by_script(text: str, pieces: list[str]) -> None:
    assert tokens(text) == tuple(pieces)


@pytest.mark.parametrize(
    ("reply", "gold", "there"),
    [
        ("it fell for 3 days.", "3", True),
        ("it fell for 13 days", "3", False),
        ("for 3.5 days", "3", False),
        ("The door is crimson red.", "the Crimson, red", True),
        ("red crimson", "crimson red", False),  # in their order
        ("crimson and red", "crimson red", False),  # side by side
        ("それは東京都です", "東京", True),
        ("13日です", "3", False),
        ("بعد ١٢ يوما", "12", True),  # the digits of every script
        ("١٬٢٥٠٫٥ كم", "1,250.5", True),
        ("3日です", "3", True),
        ("정답은 서울은", "서울", True),  # a particle may follow
        ("서울시 강남구", "울시", False),
        ("это Москва", "москва", True),
        ("", "red", False),
        ("red", "", False),
        ("red", " ", False),
    ],
)
def test_containment_is_by_words_of_any_script(reply: str, gold: str, there: bool) -> None:
    assert holds(reply, gold) == float(there)


def test_same_answers() -> None:
    assert same_answer("The 3 days", "3 days")
    assert same_answer("for 3 days", "3 days")
    assert not same_answer("13 days", "3 days")
    assert not same_answer("3 nights", "3 days")


@pytest.mark.parametrize(
    ("quote", "text", "found"),
    [
        ("210 metres long, and it", PIER, "210 metres long, and it"),
        ("210  metres\nlong", PIER, "210 metres long"),
        ("a surfboard", "It is a surf-\nboard.", "a surf- board"),
        ("a surf- board", "It is a surfboard.", "a surfboard"),
        ("a surf\u00adboard", "It is a surfboard.", "a surfboard"),
        ('It\'s "dry" - now...', "So: It’s “dry” – now… Then", "It’s “dry” – now…"),
        ("It’s “dry” – now…", 'So: It\'s "dry" - now... Then', 'It\'s "dry" - now...'),
        ("1990--95, 5 km", "In 1990—95, 5\u00a0km away", "1990—95, 5 km"),
        ("1990—95", "In 1990--95 or so", "1990--95"),
        ("a non-stick pan", "a non\u2011stick pan", "a non\u2011stick pan"),
        ("a surf board", "It is a surfboard.", None),
        ("a two step", "It is a two-step.", None),
        ("It is a surfboard", "it is a surfboard", None),
        ("its dry", "it’s dry", None),
        (" ", PIER, None),
        ("cafe\u0301 noir", "un café noir", "café noir"),
        ("café noir", "un cafe\u0301 noir", "cafe\u0301 noir"),
        ("un cafe", "un café noir", None),
        ("un cafe", "un cafe\u0301 noir", None),
        ("부두", "부두는", "부두"),
        ("부두느", "부두는", None),
    ],
)
def test_a_quote_is_found_but_for_its_typography(quote: str, text: str, found: str | None) -> None:
    assert find_quote(quote, text) == found


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("這座燈塔由三個\n兄弟出資修建。\n建於 1874 年。", "三個兄弟出資修建。建於1874年。"),
        ("毎晩、船のために道を照ら している。", "道を照らしている"),
        ("ประภาคารแห่งนี้สร้าง\nขึ้นโดยพี่น้อง", "สร้างขึ้นโดย"),
        ("បង្គោលភ្លើង\nហ្វារនេះ", "ភ្លើងហ្វារ"),
        ("등대지\n기는 매일", "등대지기는 매일"),
        ("המגדלור\nנבנה בשנה", "המגדלור נבנה"),
        ("The lamp\n  burns oil", "lamp burns oil"),
        ("the surf-\nboard of cork", "surfboard of cork"),
    ],
)
def test_a_quote_is_found_across_line_ends_in_any_script(text: str, quote: str) -> None:
    found = find_quote(quote, text)
    assert found
    assert found in one_line(text)
    assert "".join(found.split()).replace("-", "") == "".join(quote.split())
    assert find_quote(one_line(text), text) == one_line(text)


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("The lamp burns", "Thelamp"),
        ("המגדלור נבנה", "המגדלורנבנה"),
        ("三個 兄弟", "三個,兄弟"),
        ("a 3", "a3"),
    ],
)
def test_white_space_counts_where_words_are_spaced(text: str, quote: str) -> None:
    assert find_quote(quote, text) is None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("phường Đông Hà", "phuong Dong Ha"),
        ("Łódź, Tromsø, Málaga", "Lodz, Tromso, Malaga"),
        ("서울 が 東京", "서울 が 東京"),
    ],
)
def test_letters_are_typed_without_their_accents(text: str, plain: str) -> None:
    for form in ("NFC", "NFD"):
        assert unaccented(unicodedata.normalize(form, text)) == plain
