"""Random PDFs against what was written into them: nothing is lost, and the order is right."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

from lib.reading.assemble import Text
from lib.reading.files import pdf
from tests.reading.pdfs import GLYPH_WIDTH, HEIGHT, WIDTH, Shown, write_pdf

PDFS_A_SEED = 8

_SCRIPTS = {
    "latin": (
        "the lamp of harbour was lit every evening by keeper and his sister who counted ships that "
        "passed before midnight in a large book with green covers while gulls slept on mole Sandry "
        "Ferrow granite stairs oil wick glass storm winter barrel rope anchor"
    ).split(),
    "cyrillic": "маяк зажигали каждый вечер смотритель и его сестра считали корабли книга".split(),
    "greek": "ο φάρος άναβε κάθε βράδυ και ο φύλακας μετρούσε τα πλοία στο βιβλίο".split(),
    "han": list("這座燈塔由三個兄弟出資修建為來往的船隻照亮海面負責人每天晚上把名字寫進冊子"),
    "kana": list("このとうだいはせんはっぴゃくねんにたてられたものでまいばんみちをてらしている"),
    "thai": list("กขคงจฉชซฌญฎฏฐดตถทธนบปผพฟภมยรลวศษสห"),
    "hangul": "등대는 매일 저녁 불을 밝혔고 등대지기와 누이는 지나가는 배를 책에 적었다".split(),
    "hebrew": "המגדלור נבנה בשנה ההיא על ידי שלושה אחים והשומר כתב בספר גדול את שמות".split(),
}
_UNSPACED = ("han", "kana", "thai")
_RIGHT_TO_LEFT = ("hebrew",)


@dataclass(frozen=True)
class Plan:
    """How one PDF is made."""

    script: str
    columns: int
    drawn: str  # "by column", "by row", "last first"
    by_word: bool  # each word is an object of its own
    rotate: int
    sideways: int  # the strings are turned on the paper, the paper is not
    records: bool  # a few short lines a page, of one form
    header: bool
    pages: int
    size: int


def plan(rng: Random) -> Plan:
    script = rng.choice(list(_SCRIPTS))
    rotate, sideways = rng.choice([(0, 0)] * 3 + [(90, 0), (180, 0), (270, 0), (0, 180), (0, 90)])
    return Plan(
        script=script,
        columns=rng.choice([1, 2, 2, 3]),
        drawn=rng.choice(["by column", "by row", "last first"]),
        by_word=rng.random() < 0.3 and script not in (*_UNSPACED, *_RIGHT_TO_LEFT),
        rotate=rotate,
        sideways=sideways if script not in _RIGHT_TO_LEFT else 0,
        records=rng.random() < 0.3,
        header=rng.random() < 0.5,
        pages=rng.randint(2, 5),
        size=rng.choice([8, 10, 11]),
    )


def sentence(rng: Random, script: str, length: int) -> list[str]:
    """Words; the first begins with a capital where there is one."""
    words = rng.choices(_SCRIPTS[script], k=length)
    return [words[0].capitalize(), *words[1:]]


def wrapped(words: list[str], script: str, most: int) -> list[str]:
    """The words in lines of at most so many letters."""
    space = "" if script in _UNSPACED else " "
    lines = [""]
    for word in words:
        longer = f"{lines[-1]}{space if lines[-1] else ''}{word}"
        if len(longer) > most:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def make(rng: Random, how: Plan, path: Path) -> list[list[str]]:
    """Writes the PDF; returns the lines of each page in the order of reading."""
    pages, expected = [], []
    for number in range(1, how.pages + 1):
        columns = _record(rng, how, number) if how.records else _prose(rng, how)
        shown: list[list[Shown]] = []
        width = (WIDTH - 120 - 24 * (len(columns) - 1)) / len(columns)
        for at, lines in enumerate(columns):
            at = len(columns) - 1 - at if how.script in _RIGHT_TO_LEFT else at
            left, column = 60 + at * (width + 24), []
            for step, line in enumerate(lines):
                item = Shown(line, left, 700 - 1.3 * how.size * step, how.size)
                if line[0] in "".join(_SCRIPTS["hebrew"]):  # stored as it is seen
                    item = replace(item, text=line[::-1], x=left + width - item.width)
                column.append(item)
            shown.append(column)
        drawn = _in_drawing_order(shown, how.drawn)
        if how.header:
            drawn = [
                Shown("The lights of Ferrow", 60, 770, 8),
                *drawn,
                Shown(f"Page {number} of {how.pages}", 280, 20, 8),
            ]
        if how.by_word:
            drawn = [word for line in drawn for word in _words(line)]
        pages.append([_turned(item, how.sideways) for item in drawn])
        expected.append([line for lines in columns for line in lines])
    write_pdf(path, pages, rotate=how.rotate)
    return expected


def _prose(rng: Random, how: Plan) -> list[list[str]]:
    width = (WIDTH - 120 - 24 * (how.columns - 1)) / how.columns
    most = int(width / (GLYPH_WIDTH * how.size))
    words = 400 if how.script in _UNSPACED else 100
    return [
        wrapped(sentence(rng, how.script, rng.randint(words, 2 * words)), how.script, most)[:50]
        for _ in range(how.columns)
    ]


def _record(rng: Random, how: Plan, number: int) -> list[list[str]]:
    value = " ".join(sentence(rng, how.script, 2))
    return [[f"Pump P{number}", f"Weight: {7 * number} kg", f"Price: {number}", value, "In stock"]]


def _in_drawing_order(columns: list[list[Shown]], drawn: str) -> list[Shown]:
    if drawn == "last first":
        columns = columns[::-1]
    if drawn == "by row":
        longest = max(map(len, columns))
        return [column[row] for row in range(longest) for column in columns if row < len(column)]
    return [line for column in columns for line in column]


def _words(line: Shown) -> list[Shown]:
    words, x = [], line.x
    for word in line.text.split(" "):
        words.append(replace(line, text=word, x=x))
        x += GLYPH_WIDTH * line.size * (len(word) + 1)
    return words


def _turned(item: Shown, angle: int) -> Shown:
    if angle == 180:
        return replace(item, x=WIDTH - item.x, y=HEIGHT - item.y, angle=180)
    if angle == 90:
        return replace(item, x=WIDTH - item.y * WIDTH / HEIGHT, y=item.x, angle=90)
    return item


def letters(text: str) -> str:
    """What must be kept, in its order: all but white space and the marks between cells."""
    return "".join(text.replace("|", " ").split())


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_and_the_order_is_right(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    for number in range(PDFS_A_SEED):
        how = plan(rng)
        expected = make(rng, how, path := tmp_path / f"{number}.pdf")
        found = pdf.read(path)
        assert [letters(page) for page in found.pages] == [
            letters("".join(lines)) for lines in expected
        ], how
        _assert_all_kept(path, found)
        assert not found.notes, how
        running = {"The lights of Ferrow": how.pages, "Page # of #": how.pages}
        assert found.dropped == (running if how.header else {}), how


@pytest.mark.parametrize("seed", range(12))
def test_vertical_lines_are_read_from_right_to_left(tmp_path: Path, seed: int) -> None:
    """Strings of a vertical font or single characters, in one part of the page or two."""
    rng = Random(seed)
    as_strings, parts, size = rng.random() < 0.5, rng.choice([1, 1, 2]), rng.choice([9, 12])
    long = (640 if parts == 1 else 300) // size
    pages, expected = [], []
    for _ in range(2):
        shown, text = [], ""
        for part in range(parts):
            words = sentence(rng, rng.choice(["han", "kana"]), rng.randint(15 * long, 25 * long))
            lines = wrapped([*words, "。"], "han", long)
            text += "".join(lines)
            for at, line in enumerate(lines):
                place = Shown(line, 500 - size * at, 720 - 340 * part, size)
                stacked = [
                    replace(place, text=character, y=place.y - 1.02 * size * number)
                    for number, character in enumerate(line)
                ]
                shown.append([place] if as_strings else stacked)
        if parts == 1 and rng.random() < 0.5:
            shown.reverse()
        pages.append([item for line in shown for item in line])
        expected.append(text)
    path = write_pdf(tmp_path / "a.pdf", pages, vertical=as_strings)
    found = pdf.read(path)
    assert list(map(letters, found.pages)) == expected
    assert max(page.count("\n\n") for page in found.pages) < 4  # not each line apart
    _assert_all_kept(path, found)


def _assert_all_kept(path: Path, found: Text) -> None:
    """PDFium's letters are those of the document and of what was dropped."""
    document = pdf.open_pdf(path)
    given = "".join(page.get_textpage().get_text_range() for page in document)
    kept = "".join([*found.pages, *Counter(found.dropped).elements()])
    assert Counter(filter(str.isalpha, given)) == Counter(filter(str.isalpha, kept))
