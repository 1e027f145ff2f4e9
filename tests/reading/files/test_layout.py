from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lib.reading.assemble import assemble, clean
from lib.reading.files import pdf
from lib.reading.files.pdf.hyphens import Hyphens
from lib.reading.files.pdf.layout import join_lines
from tests.gen.make import Text, lines, write_pdf
from tests.reading import pdfs
from tests.reading.pdfs import GLYPH_WIDTH, Shown, column

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
    assert read(tmp_path, page) == [" ".join(left + right)]
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
    ("letter", "first", "begins"),
    [
        ("T", "he pier at Sandry", "The pier at Sandry"),
        ("T", "HE PIER at Sandry", "THE PIER at Sandry"),
        ("“T", "he pier at Sandry", "“The pier at Sandry"),
        ("A", " pier at Sandry", "A pier at Sandry"),
        ("A", "granite pier", "A granite pier"),  # as browsers print it; "granite" comes again
        ("A", "bout the pier", "About the pier"),
        ("A", "Aachen, Aalen", "A Aachen, Aalen"),  # of an index
        ("7", "piers at Sandry", "7 piers at Sandry"),
    ],
)
@pytest.mark.parametrize("tall", [1, 2, 3])  # lines; 1: it stands on the first
def test_a_drop_cap_is_the_first_letter_of_its_paragraph(
    tmp_path: Path, letter: str, first: str, begins: str, tall: int
) -> None:
    size = {1: 22, 2: 24, 3: 36}[tall]
    width = size * sum({"T": 0.611, "A": 0.667, "“": 0.333, "7": 0.556}[one] for one in letter)
    indent = round(width + 4)
    texts = [f"{first} was built by the engineer Barnard Lisle, who", *PARAGRAPH[1:]]
    page: list[Text] = [(60, 700 - 14 * (tall - 1), size, letter)]
    page += [(60 + indent * (n < tall), 700 - 14 * n, 11, text) for n, text in enumerate(texts)]
    (found,) = read(tmp_path, page)
    rest = f" was built by the engineer Barnard Lisle, who {PARAGRAPH[1]} {PARAGRAPH[2]}"
    joined = letter not in "7" and "Aachen" not in first
    assert found.replace("\n\n", " ") == begins + rest
    assert ("\n\n" not in found) == joined


@pytest.mark.parametrize(
    ("parts", "known", "joined"),
    [
        (["a surf-", "board"], "surfboard", "a surfboard"),
        (["a surf\x02", "board"], "", "a surfboard"),
        (["a two-", "step"], "two-step", "a two-step"),
        (["a state-", "of-the-art"], "state-of-the-art", "a state-of-the-art"),
        (["\uf0b7 The first item"], "", "• The first item"),
        (["not-for-", "profit"], "", "not-for-profit"),
        (["the Anglo-", "Saxon"], "", "the Anglo-Saxon"),
        (["2006-05-", "13"], "", "2006-05-13"),
        (["islands—", "all of them"], "", "islands—all of them"),
        (["see (https://example.org/a/very/long/add", "ress/of-a-page) there"], "", "see there"),
    ],
)
def test_words_divided_at_line_ends(parts: list[str], known: str, joined: str) -> None:
    assert join_lines(parts, Hyphens(known.split()), Counter()) == joined


@pytest.mark.parametrize(
    ("lines", "between"),
    [
        ((), ""),
        (("all of the sea-", "weed", "on a bar", "and mounted"), ""),
        (("a wind-", "mill,", "a mill in the wind", "a bar is mounted"), "-"),
        (("a wind-", "mill,", "a windmill, a mill in the wind", "a bar is mounted"), ""),
        (("a wind-", "mill,", "a mill in the wind", "a barmounted lamp"), ""),
    ],
)
def test_a_hyphen_of_a_document_that_divides_no_words_stays(
    lines: Sequence[str], between: str
) -> None:
    """As browsers print it."""
    assert Hyphens(lines).between("a bar-", "mounted") == between


def test_clean_removes_control_characters_and_ligatures() -> None:
    assert clean("a\x00b\x07c\u200bd\r\nﬁn\tz") == "abcd\nfin\tz"


# --- what word processors and browsers print -----------------------------------------------------

TEXT = (
    "The keeper lit the lamp at dusk and wrote the names of all the ships into a large green book. "
    "His sister carried the oil up the stairs, and nobody counted how often in a winter night. "
    "Responsibility for the administration of the Commonwealth's lighthouses was undisputed then. "
)


def wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)


def justified(text: str, *, x: float, top: float, width: int, size: float = 10) -> list[Shown]:
    """Each word on its own, the last one of each line at the right edge, but for the last line."""
    shown = []
    rows = wrapped(text, width)
    for at, row in enumerate(rows):
        words = row.split()
        room = width - sum(map(len, words))
        gap = GLYPH_WIDTH * size * (room / (len(words) - 1) if words[1:] and row != rows[-1] else 1)
        left = x
        for word in words:
            shown.append(Shown(word, left, top - 1.2 * size * at, size))
            left += shown[-1].width + gap
    return shown


@pytest.mark.parametrize("width", [22, 26, 30, 40])
def test_wide_spaces_of_justified_text_part_no_sentence(tmp_path: Path, width: int) -> None:
    page = justified(TEXT * 2, x=60, top=700, width=width)
    page += justified(TEXT * 2, x=330, top=700, width=width)
    found = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages
    assert found[0].split("\n\n") == [(TEXT * 2).strip()] * 2


def test_cells_with_equal_gaps_stay_cells(tmp_path: Path) -> None:
    rows = [["alpha", "12.50", "13.50", "14.50"], ["gamma", "22.50", "23.50", "24.50"]]
    page = [
        Shown(cell, 60 + 60 * at, 700 - 12 * row, 10)
        for row, cells in enumerate([*rows, *rows])
        for at, cell in enumerate(cells)
    ]
    found = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages
    assert found[0].split("\n\n") == [" | ".join(cells) for cells in [*rows, *rows]]


@pytest.mark.parametrize(
    ("words", "gaps", "text"),
    [
        (
            ["Oil", "1,204", "12.5%", "(0.3)", "−7"],
            [40, 6, 6, 7],
            "Oil | 1,204 | 12.5% | (0.3) | −7",
        ),
        (["Oil", "1,204", "9"], [40, 3], "Oil | 1,204 9"),
        (
            ["see", "1.", "31", "days", "to", "May", "13,", "2009"],
            [6] * 7,
            "see 1. 31 days to May 13, 2009",
        ),
        (["some", "odd", "10", "000", "lamps"], [6] * 4, "some odd 10 000 lamps"),  # justified
    ],
)
def test_columns_of_figures_may_be_close(
    tmp_path: Path, words: list[str], gaps: list[int], text: str
) -> None:
    line = [Shown(words[0], 60, 700)]
    for word, gap in zip(words[1:], gaps, strict=True):
        line.append(Shown(word, line[-1].x + line[-1].width + gap, 700))
    assert pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [line])).pages == [text]


def test_a_bullet_of_a_font_with_high_boxes_parts_no_item(tmp_path: Path) -> None:
    page = []
    for line in (0, 3, 6):
        page += [Shown("•", 52, 700 - 12 * line, 28), *column(PARAGRAPH, x=78, top=700 - 12 * line)]
    text = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages[0]
    assert text.split("\n") == [f"• {' '.join(PARAGRAPH)}"] * 3


@pytest.mark.parametrize("size", [6, 8])
def test_notes_at_the_end_of_a_page_or_column_part_no_sentence(tmp_path: Path, size: int) -> None:
    """8: as large as the text, they are no notes."""
    note = Shown("1 Lisle was an engineer.", 60, 90, size)
    texts = ["The pier at Sandry was built by the", "engineer Barnard Lisle, who used the"]
    first, second = column(texts, top=130, size=8), column(["granite of the north."], size=8)
    whole = " ".join([*texts, second[0].text])
    other_page = assemble(
        pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [[*first, note], second])),
        id="a", name="a", sha256="",
    )  # fmt: skip
    right = [replace(line, x=360) for line in second]
    other_column = pdf.read(pdfs.write_pdf(tmp_path / "b.pdf", [[*first, note, *right]])).pages[0]
    for text in (other_page.text, other_column):
        assert (text.split("\n\n") == [note.text, whole]) is (size == 6)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_lines_that_are_centred_or_end_at_the_right_are_one_sentence(
    tmp_path: Path, share: float
) -> None:
    texts = ["The lamps of the northern harbour in the year in which", "they were", "lit"]
    lines = [Shown(text, 0, 700 - 12 * line) for line, text in enumerate(texts)]
    page = [replace(line, x=60 + share * (450 - line.width)) for line in lines[:2]]
    page.append(replace(lines[2], x=60))  # begins and ends elsewhere
    text = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages[0]
    assert text.split("\n\n") == [" ".join(texts[:2]), "lit"]


def test_an_indent_of_an_inch_parts_no_paragraph(tmp_path: Path) -> None:
    first, *others = column(PARAGRAPH, top=700, size=8)
    label = Shown("Lamps", 60, 650, 8)  # beside a cell
    page = [replace(first, x=104), *others, label, Shown(PARAGRAPH[0], 108, 650, 8)]
    page.append(Shown("and oil, which were all brought by boat in the summer", 60, 640.4, 8))
    text = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages[0]
    assert text.split("\n\n")[:2] == [" ".join(PARAGRAPH), f"Lamps | {PARAGRAPH[0]}"]


def test_a_font_with_higher_lines_parts_no_paragraph(tmp_path: Path) -> None:
    page = [replace(line, font="FG"[at % 2]) for at, line in enumerate(column(PARAGRAPH))]
    assert pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages == [" ".join(PARAGRAPH)]


def test_a_table_drawn_last_stays_whole_where_it_is_printed(tmp_path: Path) -> None:
    page = [Shown("12", 300, 90), *column(PARAGRAPH, top=700), *column(PARAGRAPH, top=560)]
    rows = [["Year", "Lamps"], ["1887", "two"], ["1911", "three"]]
    for line, row in enumerate(rows):
        page += [Shown(cell, 80 + 100 * at, 640 - 20 * line) for at, cell in enumerate(row)]
    text = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages[0]
    whole = " ".join(PARAGRAPH)
    assert text.split("\n\n") == ["12", whole, *(" | ".join(row) for row in rows), whole]


def test_a_page_number_drawn_first_pulls_no_column_up(tmp_path: Path) -> None:
    left = ["The pier at Sandry was built by the", "engineer Barnard Lisle in one year."]
    right = ["It is old, and has stood in all gales", "since the year in which it was made."]
    page = [Shown("12", 500, 90), Shown("Lamps", 60, 740, 16)]
    page += [*column(left, top=700), *column(right, x=320, top=760)]
    text = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages[0]
    assert text.split("\n\n") == ["12", "Lamps", " ".join(left), " ".join(right)]


def test_a_headline_drawn_last_goes_on_in_no_column_where_no_letter_is_a_capital(
    tmp_path: Path,
) -> None:
    left, right = (
        ["등대는 밤마다 불을 밝힌다"] * 4,
        ["기름은 먼 바다에서 배로 오고 등대는 밤마다 탄다"] * 3,
    )
    page = [*column(left, top=600), *column(right, x=320, top=660)]
    page += [Shown("불을 밝힌다", 320, 530), Shown("등대 소식", 400, 700, 18)]
    text = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages[0]
    assert text.startswith("등대 소식")


def test_rows_of_figures_with_equal_gaps_are_no_paragraph(tmp_path: Path) -> None:
    rows = [("14-17", "231,000", "1.3"), ("18-19", "3,769,000", "21.2"), ("20-21", "80", "1.313")]
    page = []
    for line, row in enumerate(rows):
        width, gap = GLYPH_WIDTH * 10, (180 - GLYPH_WIDTH * 10 * len("".join(row))) / 2
        for at, cell in enumerate(row):
            x = 60 + at * gap + width * len("".join(row[:at]))
            page.append(Shown(cell, x, 700 - 12 * line))
    text = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages[0]
    assert text.split("\n\n") == [" | ".join(row) for row in rows]


def test_figures_below_one_another_in_cells_are_rows(tmp_path: Path) -> None:
    page = [*column(["Treated", "Control"]), *column(["85.1%", "7.3%"], x=250)]
    page += column(["14.9%", "92.7%"], x=350)
    text = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages[0]
    assert text == "Treated | 85.1% | 14.9%\n\nControl | 7.3% | 92.7%"


def test_a_paragraph_that_begins_the_second_column_follows_the_first(tmp_path: Path) -> None:
    rows = wrapped(TEXT, 40)
    left = [*column(rows[:3], top=700), *column(rows, top=640)]
    page = [*left, *column(rows, x=320, top=700), *column(rows, x=320, top=560)]
    found = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages
    assert found[0].split("\n\n") == [" ".join(rows[:3]), *[TEXT.strip()] * 3]


@pytest.mark.parametrize("lines_before", [1, 2, 3])
def test_a_sentence_runs_on_at_the_top_of_the_second_column(
    tmp_path: Path, lines_before: int
) -> None:
    """However few of its lines end the first."""
    rows = wrapped(TEXT, 40)
    left = [*column(rows, top=700), *column(rows[:lines_before], top=560)]
    page = [*left, *column(rows[lines_before:], x=320, top=700), *column(rows, x=320, top=560)]
    found = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages
    assert found[0].split("\n\n") == [TEXT.strip()] * 3


def test_a_note_and_a_label_do_not_run_on_in_the_second_column(tmp_path: Path) -> None:
    rows = wrapped(TEXT, 40)
    note = "See the register of the northern harbour"
    for last in (Shown(note, 60, 520, 8), Shown("The pier", 60, 520)):
        page = [*column(rows, top=700), last, *column([rows[0].lower(), *rows[1:]], x=320, top=700)]
        found = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages
        assert found[0].split("\n\n") == [TEXT.strip(), last.text, "t" + TEXT[1:].strip()]


@pytest.mark.parametrize(
    ("before", "accent", "after", "read"),
    [
        ("Schr", "¨", "odinger wrote", "Schrödinger wrote"),
        ("na", "¨", "ıve sailors", "naïve sailors"),
        ("", "´", "Emile wrote", "Émile wrote"),
        ("a fa", "¸", "cade", "a façade"),
    ],
)
def test_an_accent_that_is_printed_over_a_letter_is_a_part_of_it(
    tmp_path: Path, before: str, accent: str, after: str, read: str
) -> None:
    """As TeX prints it; behind its letter some programs do."""
    first = Shown(before, 60, 700)
    second = Shown(after, 60 + first.width, 700)
    over = Shown(accent, second.x, 701)
    for page in ([first, over, second], [first, Shown(after[0], second.x, 700), over]):
        if page[-1] is over:
            page.append(Shown(after[1:], second.x + GLYPH_WIDTH * 10, 700))
        found = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages
        assert found == [read]


_LIGATURES = dict(zip(range(0x0B, 0x10), ("ff", "fi", "fl", "ffi", "ffl"), strict=True))
# As TeX writes "affluent, efficient officials first offered a fit off the office floor"
_OT1 = "a\x0bluent, e\x0ecient o\x0ecials \x0crst o\x0bered a \x0ct o\x0b the o\x0ece \x0door"
_T1 = _OT1.translate({code: code + 16 for code in range(0x0B, 0x10)})


@pytest.mark.parametrize("text", [_OT1, _T1.replace("\x1ct o\x1b", "\x0ct o\x0b")])
def test_fonts_of_tex_that_name_neither_heights_nor_ligatures(tmp_path: Path, text: str) -> None:
    low = "a cone so narrow once sees us once we can see one cove near a moor"
    rows = [low, f"on a {text}", low, "and the lighthouse stood behind that wall"]
    found = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [column(rows)], tex=True)).pages
    whole = text.translate(
        {16 * n + code: ligature for n in (0, 1) for code, ligature in _LIGATURES.items()}
    )
    assert found == [" ".join([low, f"on a {whole}", *rows[2:]])]


@pytest.mark.parametrize("leading", [12, 20, 27.6])
def test_the_lines_of_a_paragraph_may_be_far_apart(tmp_path: Path, leading: float) -> None:
    paragraphs = [TEXT.strip(), TEXT.replace("keeper", "pilot").strip()]
    rows = [row for text in paragraphs for row in wrapped(text, 60)]
    page = [Shown(row, 60, 700 - leading * at) for at, row in enumerate(rows)]
    found = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages
    assert found[0].split("\n\n") == paragraphs


def test_a_raised_mark_that_sets_a_line_apart_ends_no_paragraph(tmp_path: Path) -> None:
    rows = wrapped(TEXT, 60)
    page = column(rows[:2]) + column(rows[2:], top=700 - 12 * 2 - 5)
    found = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", [page])).pages
    assert found == [TEXT.strip()]


@pytest.mark.parametrize("height", [715, 730, 742])
def test_a_header_below_the_margin_is_dropped_where_sentences_run_on(
    tmp_path: Path, height: int
) -> None:
    """Word processors put it above the text inside the page's own margins."""
    rows = wrapped(TEXT * 6, 60)[:28]
    texts = [rows[:7], rows[7:14], rows[14:21], rows[21:]]
    pages = [[Shown("Harbour guide", 60, height), *column(text)] for text in texts]
    found = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", pages))
    assert found.dropped == {"Harbour guide": 4}
    assert " ".join(" ".join(found.pages).split()) == " ".join(rows)
    # The first line of records stays.
    pages = [
        [Shown("Harbour guide", 60, height), *column([f"Vessel {i}", "Tons: 3"])] for i in "ab"
    ]
    found = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", pages))
    assert not found.dropped
    assert all("Harbour guide" in page for page in found.pages)


def test_what_is_dropped_is_listed_in_the_order_of_the_page(tmp_path: Path) -> None:
    """Not in that of a set, which changes from one process to the next."""
    marks = ["Harbour guide", "Spring", "For pilots", "Draft", "Second edition"]
    top = [Shown(mark, 60 + 100 * at, 780) for at, mark in enumerate(marks)]
    pages = [[*top, Shown(f"Page text {letter}", 60, 600)] for letter in "abcd"]
    found = pdf.read(pdfs.write_pdf(tmp_path / "a.pdf", pages))
    assert list(found.dropped) == marks


@pytest.mark.parametrize(
    "printed", ["\x1b[1mbold\x1b[0m and \x1b[38;5;1mred", "b\bbo\bol\bld\bd and _\br_\be_\bd"]
)
def test_clean_removes_what_a_terminal_makes_bold_with(printed: str) -> None:
    assert clean(printed) == "bold and red"
