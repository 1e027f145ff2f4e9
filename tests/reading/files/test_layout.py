from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from lib.reading.assemble import clean
from lib.reading.files import pdf
from lib.reading.files.pdf.layout import join_lines
from tests.gen.make import Text, lines, write_pdf

PARAGRAPH = [
    "The pier at Sandry was built by the engineer Barnard Lisle, who used",
    "granite from the north, and it has stood in every gale that has come over",
    "the islands since the year in which it was finished.",
]


def read(tmp_path: Path, *pages: list[Text]) -> list[str]:
    return pdf.read(write_pdf(tmp_path / "a.pdf", pages)).pages


def test_soft_line_breaks_become_spaces_and_paragraphs_stay_apart(tmp_path: Path) -> None:
    page = [*lines(PARAGRAPH), *lines(PARAGRAPH, top=640)]
    assert read(tmp_path, page) == [" ".join(PARAGRAPH) + "\n\n" + " ".join(PARAGRAPH)]


def test_a_heading_drawn_last_goes_where_it_stands(tmp_path: Path) -> None:
    page = [*lines(PARAGRAPH), *lines(PARAGRAPH, top=600), (50, 640, 16, "The second part")]
    whole = " ".join(PARAGRAPH)
    assert read(tmp_path, page) == [f"{whole}\n\nThe second part\n\n{whole}"]


def test_a_caption_at_the_side_parts_no_sentence(tmp_path: Path) -> None:
    caption = [(450.0, 690.0, 7.0, "A boat"), (450.0, 681.0, 7.0, "at the pier")]
    text = read(tmp_path, [*caption, *lines(PARAGRAPH)])[0]
    assert text == " ".join(PARAGRAPH) + "\n\nA boat at the pier"


def test_two_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    left, right = [f"left line number {i}" for i in range(9)], [f"right line {i}" for i in range(9)]
    text = read(tmp_path, [*lines(left), *lines(right, x=320)])[0]
    assert text.index("left line number 8") < text.index("right line 0")


@pytest.mark.parametrize("lower", [20, 30, 60])
def test_a_column_may_begin_higher_than_the_one_before(tmp_path: Path, lower: int) -> None:
    """The left one is lower, under a heading; its paragraph goes on at the top of the right one."""
    left = [
        "The pier at Sandry was built by the",
        "engineer Barnard Lisle, who used",
        "granite from",
    ]
    right = ["the north, and it has stood in every", "gale that has come over the islands."]
    page = [
        (50.0, 710.0 - lower, 16.0, "The pier"),
        *lines(left, top=680 - lower),
        *lines(right, x=320, top=680),
        *lines(["Nobody knows what it cost."], x=320, top=640),
    ]
    whole = ["The pier", " ".join(left), " ".join(right), "Nobody knows what it cost."]
    assert read(tmp_path, page)[0].split("\n\n") == whole


def test_short_columns_of_a_sentence_are_no_cells_of_a_table(tmp_path: Path) -> None:
    left = ["The pier at Sandry was built by the", "engineer Barnard Lisle, who had used"]
    left += ["granite from the north, so that it"]
    right = ["has stood in every gale that has", "come over the islands since then."]
    page = [*lines(left, top=680), *lines(right, x=320, top=680)]
    assert read(tmp_path, page)[0].split("\n\n") == [" ".join(left), " ".join(right)]
    left[-1] = "granite"  # a cell ends where its text does
    page = [*lines(left, top=680), *lines(right, x=320, top=680)]
    assert read(tmp_path, page)[0] == f"{' '.join(left)} | {' '.join(right)}"


def test_cells_of_a_table_row_stay_together(tmp_path: Path) -> None:
    rows: list[Text] = [(x, y, 9, f"{x}/{y}") for y in (700, 670, 640) for x in (50, 200, 350)]
    assert read(tmp_path, rows)[0].split("\n\n")[1] == "50/670 | 200/670 | 350/670"


def test_list_items_stay_apart(tmp_path: Path) -> None:
    page = lines(["• Mast and boom", "• Fin for stability", "• Harness"])
    assert read(tmp_path, page)[0] == "• Mast and boom\n• Fin for stability\n• Harness"


def test_running_headers_and_page_numbers_go_but_the_text_stays(tmp_path: Path) -> None:
    pages = [
        [
            (50, 770, 9, "Annual report"),
            *lines([f"Page text that is unlike others: {word}."]),
            (300, 20, 9, f"Page {number} of 4"),
        ]
        for number, word in enumerate(["gull", "tern", "auk", "shag"], start=1)
    ]
    texts = read(tmp_path, *pages)
    assert texts[2] == "Page text that is unlike others: auk."
    assert len(texts) == 4


def test_a_first_line_that_only_one_page_has_is_no_header(tmp_path: Path) -> None:
    texts = read(tmp_path, lines(["Chapter on gulls"]), lines(["Terns"]), lines(["Auks"]))
    assert texts == ["Chapter on gulls", "Terns", "Auks"]


@pytest.mark.parametrize(
    ("parts", "known", "joined"),
    [
        (["a surf-", "board"], "surfboard", "a surfboard"),
        (["a surf\x02", "board"], "", "a surfboard"),
        (["a two-", "step"], "two-step", "a two-step"),
        (["not-for-", "profit"], "", "not-for-profit"),
        (["the Anglo-", "Saxon"], "", "the Anglo-Saxon"),
        (["2006-05-", "13"], "", "2006-05-13"),
        (["islands—", "all of them"], "", "islands—all of them"),
        (["see (https://example.org/a/very/long/add", "ress/of-a-page) there"], "", "see there"),
    ],
)
def test_words_divided_at_line_ends(parts: list[str], known: str, joined: str) -> None:
    assert join_lines(parts, Counter(known.split()), Counter()) == joined


def test_clean_removes_control_characters_and_ligatures() -> None:
    assert clean("a\x00b\x07c\u200bd\r\nﬁn\tz") == "abcd\nfin\tz"
