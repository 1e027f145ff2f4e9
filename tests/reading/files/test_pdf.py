"""What is kept of a PDF, what is left out, and what is said about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

import pytest
from pypdfium2 import PdfDocument

from lib.reading.assemble import Text
from lib.reading.files import pdf
from lib.reading.files.pdf import forms
from lib.reading.files.pdf.language import NO_LANGUAGE, reads_like_no_language
from lib.settings import PROJECT_DIR
from lib.text import find_quote
from tests.reading.load import load
from tests.reading.pdfs import Field, Shown, column, write_pdf

SENTENCES = (
    "The keeper lit the lamp at dusk and wrote the names of the ships into a large green book. "
    "His sister carried the oil up the stairs, and nobody counted how often in a winter night. "
)


def read(tmp_path: Path, pages: list[list[Shown]], **how: object) -> Text:
    return pdf.read(write_pdf(tmp_path / "a.pdf", pages, **how))  # type: ignore[arg-type]


@pytest.mark.parametrize("path", sorted((PROJECT_DIR / "sample_data").glob("*.pdf")), ids=str)
def test_all_letters_of_a_page_are_kept_but_for_running_lines(path: Path) -> None:
    document, found = pdf.open_pdf(path), pdf.read(path)
    given = "".join(page.get_textpage().get_text_range() for page in document)
    kept = "".join([*found.pages, *Counter(found.dropped).elements()])
    assert Counter(filter(str.isalpha, given)) == Counter(filter(str.isalpha, kept))
    assert 1 <= len(found.dropped) <= 2


# --- running headers and footers -----------------------------------------------------------------


def body(number: int) -> list[Shown]:
    words = Random(number).choices(SENTENCES.split(), k=60)
    return column([" ".join(words[start : start + 10]) for start in range(0, 60, 10)])


@pytest.mark.parametrize("top", [780, 770, 745, 700, 400, 60])
@pytest.mark.parametrize("step", [1, 10])
def test_records_of_one_form_are_kept_wherever_they_stand(
    tmp_path: Path, top: int, step: int
) -> None:
    records = [
        [f"Vessel no. {step * i}", f"Built: {1800 + i}", f"Tons: {3 * i}", f"Owner {i}"]
        for i in range(1, 121)
    ]
    found = read(tmp_path, [column(lines, top=top, size=9) for lines in records])
    assert [page.split() for page in found.pages] == [" ".join(lines).split() for lines in records]
    assert not found.dropped


@pytest.mark.parametrize(
    "footer",
    [
        "#", "– # –", "Page # of 4", "page #/4", "Seite # von 4", "第 # 页", "Guide, page #",
        "The lights of Ferrow | #", "# · The lights of Ferrow", "Стр. #", "쪽 #",
    ],
)  # fmt: skip
def test_a_page_number_is_dropped_and_counted(tmp_path: Path, footer: str) -> None:
    pages = [
        [*body(number), Shown(footer.replace("#", str(number + 6)), 200, 25)]
        for number in range(1, 5)
    ]
    found = read(tmp_path, pages)
    assert [len(page.split()) for page in found.pages] == [60] * 4
    assert found.dropped == {footer.replace("4", "#"): 4}


@pytest.mark.parametrize(
    "line", ["Invoice no. #", "Pump P#", "# barrels", "# June 1911", "Berth #"]
)
def test_other_numbers_in_the_margin_are_kept(tmp_path: Path, line: str) -> None:
    pages = [[Shown(line.replace("#", str(n)), 60, 770), *body(n)] for n in range(1, 9)]
    found = read(tmp_path, pages)
    assert all(line.replace("#", str(n)) in page for n, page in enumerate(found.pages, start=1))


def test_the_name_of_a_chapter_beside_a_page_number_is_dropped(tmp_path: Path) -> None:
    chapters = "Oil", "Wicks", "Glass", "Brass", "Soot"
    pages = [
        [Shown(chapters[page // 3], 60, 770), Shown(str(page + 1), 500, 770), *body(page)]
        for page in range(13)
    ]
    found = read(tmp_path, pages)
    assert [len(page.split()) for page in found.pages] == [60] * 12 + [61]
    assert found.dropped == {"#": 13, **dict.fromkeys(chapters[:4], 3)}


def test_a_number_of_any_length_is_read(tmp_path: Path) -> None:
    digits = "7" * 5000  # more than int() takes
    assert read(tmp_path, [[Shown(digits, 60, 770, size=0.1)]]).pages == [digits]


def test_a_number_in_a_deep_lower_margin_is_dropped(tmp_path: Path) -> None:
    pages = [[*body(number), Shown(str(number), 300, 95)] for number in range(1, 5)]
    assert read(tmp_path, pages).dropped == {"#": 4}


def test_the_first_line_of_a_letter_is_kept_in_a_wide_margin(tmp_path: Path) -> None:
    pages = [column(["Dear Sir,", f"The pump {i} runs well."], x=110, top=725) for i in range(3)]
    assert not read(tmp_path, pages).dropped


def test_numbers_that_do_not_count_the_pages_are_kept(tmp_path: Path) -> None:
    years = ["1842", "1837", "1901", "1856"]
    found = read(tmp_path, [[Shown(year, 60, 770), *body(i)] for i, year in enumerate(years)])
    assert [page[:4] for page in found.pages] == years


def test_at_most_two_rows_a_side_are_running_lines(tmp_path: Path) -> None:
    rows = [Shown(f"Line {word}", 90, 795 - 11 * i, 8) for i, word in enumerate("abcde")]
    found = read(tmp_path, [[*rows, *(Shown(s.text, 120, s.y - 100) for s in body(i))]
                            for i in range(4)])  # fmt: skip
    assert found.dropped == {"Line a": 4, "Line b": 4}
    assert all("Line c" in page for page in found.pages)


def test_no_page_is_left_empty(tmp_path: Path) -> None:
    header = Shown("The lights of Ferrow", 60, 775)
    found = read(tmp_path, [[header, *body(1)], [header], [header, *body(3)]])
    assert found.pages[1] == "The lights of Ferrow"
    assert found.dropped == {"The lights of Ferrow": 2}


def test_dropped_lines_are_counted_in_the_document(tmp_path: Path) -> None:
    pages = [[Shown("The lights of Ferrow", 60, 775), *body(i)] for i in range(3)]
    (document,) = load(write_pdf(tmp_path / "a.pdf", pages)).documents
    assert document.dropped == (("The lights of Ferrow", 3),)


def test_printed_addresses_are_counted_too(tmp_path: Path) -> None:
    address = "https://lights.example/registers/of/the/keepers"
    found = read(
        tmp_path, [column([f"The register ({address}) is kept", "in the harbour office."])]
    )
    assert found.pages == ["The register is kept in the harbour office."]
    assert found.dropped == {address: 1}


@pytest.mark.parametrize("rotate", [0, 90])
@pytest.mark.parametrize("pieces", [lambda part: [part], list], ids=["words", "glyphs"])
def test_a_raised_number_is_none_of_the_line(
    tmp_path: Path, rotate: int, pieces: Callable[[str], Iterable[str]]
) -> None:
    parts = ["It paid $320", "1", " for 3 x 10", "5", " m", "2", " of oil, 1,204 in 1867", "12,13"]
    line, x = list[Shown](), 60.0
    for number, part in enumerate(parts):
        for piece in pieces(part):
            raised = number % 2
            shown = Shown(piece, x, 700 + 4 * raised, 6 if raised else 10)
            line += [shown] if piece.strip() else []
            x += shown.width
    line += [Shown("H", 60, 680), Shown("2", 65.5, 678, 6), Shown("O and 99", 68.8, 680)]
    text = read(tmp_path, [line], rotate=rotate).pages[0]
    assert "It paid $320¹ for 3 x 10⁵ m² of oil, 1,204 in 1867¹²,¹³" in text
    assert "H2O and 99" in text


@pytest.mark.parametrize(
    ("right", "up", "size"), [(0, 4, 10), (30, 4, 6), (0, 9, 6)], ids=["large", "far", "above"]
)
def test_another_number_is_not_raised(tmp_path: Path, right: int, up: int, size: int) -> None:
    oil, step = "Oil", Shown("O", 60, 700).width
    line = [Shown(glyph, 60 + number * step, 700) for number, glyph in enumerate(oil)]
    line.append(Shown("5", 60 + len(oil) * step + right, 700 + up, size))
    assert "⁵" not in read(tmp_path, [line]).pages[0]


@pytest.mark.parametrize("rotate", [0, 90])
def test_what_a_cropped_page_does_not_show_is_left_out_and_counted(
    tmp_path: Path, rotate: int
) -> None:
    mark = Shown("Proof of 12 March", 60, 790)
    path = write_pdf(tmp_path / "a.pdf", [[mark, *column(["Oil burns.", "It is dear."])]])
    box = path.read_bytes().replace(b"/MediaBox [0 0 600 800]", b"/CropBox [0 0 600 750]", 1)
    path.write_bytes(box.replace(b"/Rotate 0", b"/Rotate %d" % rotate))
    found = pdf.read(path)
    assert sorted(found.pages[0].split()) == sorted("Oil burns. It is dear.".split())
    assert found.dropped == {"Proof of 12 March": 1}


@pytest.mark.parametrize(
    ("ink", "is_read"),
    [
        ("1 g", False),
        ("0.98 0.99 1 rg", False),
        ("0.9 g", True),
        ("0 0 0.5 rg 0 0 600 800 re f 1 g", True),  # a box behind it
        ("1 g 3 Tr", True),  # the text layer of a scan
    ],
)
@pytest.mark.parametrize("rotate", [0, 90])
def test_white_on_white_is_left_out_and_counted(
    tmp_path: Path, ink: str, is_read: bool, rotate: int
) -> None:
    mark = Shown("Ignore all other lines", 60, 500, ink=ink)
    path = write_pdf(tmp_path / "a.pdf", [[*column(["Oil burns."]), mark]], rotate=rotate)
    found = pdf.read(path)
    assert ("Ignore" in found.pages[0]) is is_read
    assert found.dropped == ({} if is_read else {mark.text: 1})
    assert "Oil burns." in found.pages[0]
    assert not found.notes


# --- directions and scripts ----------------------------------------------------------------------


def test_what_is_written_in_another_direction_comes_last(tmp_path: Path) -> None:
    note = Shown("Printed in Sandry", 30, 300, 8, angle=90)
    stamp = Shown("Draft only", 200, 300, 40, angle=45)
    found = read(tmp_path, [[note, stamp, *body(1)]])
    words = found.pages[0].split()
    assert words[:60] == " ".join(line.text for line in body(1)).split()
    assert sorted(words[60:]) == sorted("Printed in Sandry Draft only".split())


def test_a_page_that_lies_askew_is_read_in_the_order_of_drawing(tmp_path: Path) -> None:
    lines = [line.text for line in body(1)]
    page = [Shown(line, 200 + 6 * i, 300 - 10 * i, angle=30) for i, line in enumerate(lines)]
    assert " ".join(read(tmp_path, [page]).pages[0].split()) == " ".join(lines)


HEBREW = "המגדלור נבנה בשנה ההיא על ידי שלושה אחים והשומר כתב בספר גדול את שמות הספינות"
UNBROKEN = {
    "han": "這座燈塔由三個兄弟出資修建為來往的船隻照亮海面負責人每天晚上把名字寫進冊子",
    "kana": "このとうだいはせんはっぴゃくねんにたてられたものでまいばんみちをてらしている",
    "thai": "ประภาคารแห่งนี้สร้างขึ้นโดยพี่น้องสามคนเพื่อส่องทางให้เรือ",
    "khmer": "បង្គោលភ្លើងហ្វារនេះត្រូវបានសាងសង់ឡើងដោយបងប្អូនបីនាក់",
}


@pytest.mark.parametrize("script", UNBROKEN)
def test_scripts_without_spaces_have_none_at_line_and_page_ends(
    tmp_path: Path, script: str
) -> None:
    words = 6 * UNBROKEN[script]
    lines = [words[start : start + 40] for start in range(0, len(words), 40)]
    whole = "".join(lines)
    middle = len(lines) // 2
    pages = [column(lines[:middle], top=140), column(lines[middle:])]
    (document,) = load(write_pdf(tmp_path / "a.pdf", pages)).documents
    assert document.text == whole


def test_letters_of_one_shape_are_in_order(tmp_path: Path) -> None:
    for drawn in ("أيضًا إلى", "أي ًضا إلى"):  # the second is what PDFium gives of Word's
        assert read(tmp_path, [[Shown(drawn[::-1], 100, 700)]]).pages == ["أيضًا إلى"]
    for shape, read_as in (("\ufefb", "لا"), ("ا", "ا")):
        text = f"تحسين المشك{shape}ت من خ{shape}ل البرمجة"
        found = read(tmp_path, [[Shown(text[::-1], 100, 700)]])
        assert found.pages == [text.replace(shape, read_as)]


def test_a_latin_word_parts_no_line_from_right_to_left(tmp_path: Path) -> None:
    before, word, after = "تعتبر البرمجة بلغة ", "Python", "من الأدوات القوية"
    line = f"{after[::-1]}{word} {before.rstrip()[::-1]}"
    found = read(tmp_path, [[Shown(line, 100, 700)]])
    assert found.pages == [f"{before}{word}{after}"]


def test_a_ragged_paragraph_from_right_to_left_is_one(tmp_path: Path) -> None:
    words, lines = (HEBREW + " ") * 4, [""]
    for word in words.split():
        if len(lines[-1]) > 42:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    shown = [Shown(line[::-1], 500 - 5.5 * len(line), 700 - 12 * i) for i, line in enumerate(lines)]
    assert read(tmp_path, [shown]).pages == [" ".join(words.split())]


# --- forms ---------------------------------------------------------------------------------------


def test_what_was_typed_into_a_form_follows_its_label(tmp_path: Path) -> None:
    page = [
        *column(["Owner of the vessel:", "Burden in tons:"]),
        *column([SENTENCES[:60]], top=500),
    ]
    typed = [
        Field("Marta Lindqvist", (220, 696, 400, 712)),
        Field("148", (220, 684, 400, 698)),
        Field("Approved on 4 June.", (60, 300, 400, 340), subtype="FreeText"),
        Field("secret", (220, 600, 400, 612), more="/FT /Tx /T (p) /V (secret) /Ff 8192"),
    ]
    found = read(tmp_path, [page], fields={0: typed})
    assert found.pages == [
        "Owner of the vessel: Marta Lindqvist\n\nBurden in tons: 148\n\n"
        f"{SENTENCES[:60]}\n\nApproved on 4 June."
    ]


@pytest.mark.parametrize("rotate", [0, 90])
def test_a_value_below_its_label_and_a_ticked_box(tmp_path: Path, rotate: int) -> None:
    page = [Shown("Name", 60, 700), Shown("A new boat", 100, 600), Shown("An old boat", 100, 580)]
    box = "/FT /Btn /T (a) /V /On /AS /On /AP << /N << /On 3 0 R /Off 3 0 R >> >>"
    ticked, typed = (98, 595, 60, 608), (60, 670, 300, 690)
    ticked = (80, 595, 92, 608)
    if rotate:  # as the page lies before it is turned
        ticked, typed = ((800 - t, left, 800 - b, right) for left, b, right, t in (ticked, typed))
    fields = [Field("Sea Lark", typed), Field("", ticked, more=box)]
    found = read(tmp_path, [page], fields={0: fields}, rotate=rotate)
    assert found.pages == ["Name\n\nSea Lark\n\n[x] A new boat\n\nAn old boat"]


def test_a_form_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [body(1)], fields={0: [Field("x", (60, 90, 99, 99))]})
    data = path.read_bytes()
    at = data.index(b"/AcroForm << ")
    xfa = data[:at] + b"/AcroForm << /XFA 3 0 R /NeedsRendering true " + data[at + 13 :]
    path.write_bytes(xfa.replace(b"/Type /Catalog", b"/Type /Catalog /NeedsRendering true"))
    assert forms.NOT_READ in pdf.read(path).notes


# --- what cannot be read -------------------------------------------------------------------------


def test_a_font_that_lies_or_says_nothing_is_reported_by_page(tmp_path: Path) -> None:
    names = ["wkh nhhshu olw wkh odps dw gxvn dqg zurwh wkh qdphv ri wkh vklsv"] * 7
    cipher = read(tmp_path, [body(0)], to_unicode=1)
    assert cipher.notes == {NO_LANGUAGE: [1]}
    with pytest.raises(ValueError, match=r"font without Unicode"):  # not a page can be read
        read(tmp_path, [body(i) for i in range(3)], to_unicode=1)
    found = read(tmp_path, [body(1), column(names), body(2)])
    assert found.notes == {NO_LANGUAGE: [2]}
    skipped = load(tmp_path / "a.pdf").skipped
    assert [(entry.path, entry.reason) for entry in skipped] == [("a.pdf, page 2", NO_LANGUAGE)]


def test_pages_that_lose_text_and_can_be_read_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "LEAST_KEPT", 2.0)  # every page has lost some
    found = read(tmp_path, [body(1), body(2)])
    assert found.notes == {pdf.LOST: [1, 2]}
    assert all(found.pages)


def test_attached_files_are_reported(tmp_path: Path) -> None:
    document = PdfDocument(write_pdf(tmp_path / "a.pdf", [column(["Open it in Acrobat."])]))
    document.new_attachment("report.pdf").set_data(b"%PDF-1.4")
    document.save(tmp_path / "b.pdf")
    assert list(pdf.read(tmp_path / "b.pdf").notes) == ["files attached to it are not read: 1"]


def test_a_damaged_page_loses_only_itself(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [body(1), body(2), body(3)])
    data, pages = path.read_bytes(), path.read_bytes().split(b"/Type /Page ")
    path.write_bytes(
        b"/Type /Page ".join(pages[:2]) + b"/Type /Pxge " + b"/Type /Page ".join(pages[2:])
    )
    assert len(path.read_bytes()) == len(data)
    found = pdf.read(path)
    assert (found.notes, found.pages[1]) == ({pdf.DAMAGED: [2]}, "")
    assert [len(page.split()) for page in found.pages] == [60, 0, 60]


def test_a_page_that_loses_characters_is_reported(tmp_path: Path) -> None:
    spoilt = [line.text[:30] + "\x05" * 12 for line in body(2)]
    assert read(tmp_path, [body(1), column(spoilt)]).notes == {pdf.LOST: [2]}


@pytest.mark.parametrize(
    "language",
    [
        SENTENCES,
        "Der Wärter zündete die Lampe in der Dämmerung an und schrieb die Namen der Schiffe auf. ",
        "Le gardien allumait la lampe au crépuscule et notait les noms des navires qui passaient. ",
        "Latarnik zapalał lampę o zmierzchu i zapisywał nazwy statków w wielkiej księdze. ",
        "Người gác đèn thắp đèn lúc chạng vạng và ghi tên các con tàu vào một quyển sổ lớn. ",
        "Majakanvartija sytytti lampun hämärässä ja kirjoitti laivojen nimet suureen kirjaan. ",
        "Kaptan akşam olunca lambayı yaktı ve geçen gemilerin adlarını büyük bir deftere yazdı. ",
        HEBREW,
        *UNBROKEN.values(),
        "12.5  1842  70 m  × 3\n" * 20,
        "Contents . . . . . . . . . . . . . . . . . . 12\n" * 20,
        "for (i = 0; i < n; i++) { total += values[i]; }\n",
    ],
)
def test_languages_tables_and_code_pass(language: str) -> None:
    assert not reads_like_no_language(10 * language)


def test_letters_that_are_set_apart_are_reported() -> None:
    assert reads_like_no_language(" ".join(3 * SENTENCES))
    assert not reads_like_no_language(3 * SENTENCES)


def test_quotes_are_found_in_what_was_read(tmp_path: Path) -> None:
    for script, words in UNBROKEN.items():
        lines = [words[start : start + 13] for start in range(0, len(words), 13)]
        (document,) = load(write_pdf(tmp_path / f"{script}.pdf", [column(lines)])).documents
        assert find_quote(words, document.text) == words
