from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from zipfile import ZipFile

import pytest

from lib.reading.assemble import Text
from lib.reading.files.docx import read
from lib.reading.workers import Workers
from tests.gen.docx import OFFICE, write_docx
from tests.gen.website import website


def test_a_docx_keeps_its_headings_and_tables(tmp_path: Path) -> None:
    texts = ["Colza_oil * 2 <b>.", "Phở bò ở Huế. 등대지기는 매일 밤 계단을 오른다."]
    write_docx(tmp_path / "a.docx", heading="Lamp oil", texts=texts, table="Year Litres/1867 1,204")
    table = "| Year | Litres |\n| --- | --- |\n| 1867 | 1,204 |"
    text = "\n\n".join(["# Lamp oil", *texts, table])
    assert read(tmp_path / "a.docx") == Text("Lamp oil", [text])


def test_cells_behind_a_merged_cell_stay_in_their_columns(tmp_path: Path) -> None:
    path = write_docx(tmp_path / "a.docx", heading="Oil", texts=[], table="1867 a/- b")
    cell, merged = "<w:tc><w:p><w:r><w:t>{}", "<w:tc><w:tcPr><w:vMerge{}/></w:tcPr><w:p><w:r><w:t>"
    path = rewritten(path, cell.format("1867"), merged.format(' w:val="restart"') + "1867")
    path = rewritten(path, cell.format("-"), merged.format(""))
    assert read(path).pages == ["# Oil\n\n| 1867 | a |\n| --- | --- |\n|  | b |"]


def test_a_table_inside_of_a_cell_is_a_table_of_its_own(tmp_path: Path) -> None:
    path = write_docx(tmp_path / "a.docx", heading="Oil", texts=[], table="here b")
    cell = "<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>"
    inner = f"<w:tbl><w:tr>{cell.format('x')}{cell.format('y')}</w:tr></w:tbl><w:p/>"
    path = rewritten(path, "here</w:t></w:r></w:p>", f"Rates</w:t></w:r></w:p>{inner}")
    assert read(path).pages == ["# Oil\n\nRates\n\n| x | y |\n| --- | --- |\n\nb"]


def test_entities_stay_unread_and_a_broken_part_refuses_the_file(tmp_path: Path) -> None:
    path = write_docx(tmp_path / "a.docx", heading="Oil", texts=["Text here."])
    path = rewritten(path, "here.", "&x;.")
    path = rewritten(path, "<w:document", '<!DOCTYPE d [<!ENTITY x "boom">]><w:document')
    assert read(path).pages == ["# Oil\n\nText ."]
    path = rewritten(path, "</w:body>", "")
    with pytest.raises(ValueError, match="not a readable DOCX"):
        read(path)


def test_the_paragraph_of_style_title_is_the_title(tmp_path: Path) -> None:
    path = write_docx(tmp_path / "a.docx", heading="Lamp oil", texts=["Text"])
    path = rewritten(rewritten(path, "Heading1", "Title"), "heading 1", "Title")
    assert read(path) == Text("Lamp oil", ["# Lamp oil\n\nText"])


def test_a_drop_cap_begins_its_paragraph(tmp_path: Path) -> None:
    path = write_docx(tmp_path / "a.docx", heading="Oil", texts=["T", "he lamp burns."])
    framed = '<w:p><w:pPr><w:framePr w:dropCap="drop" w:lines="3"/></w:pPr><w:r><w:t>T<'
    path = rewritten(path, "<w:p><w:r><w:t>T<", framed)
    assert read(path).pages == ["# Oil\n\nThe lamp burns."]
    path = rewritten(path, 'w:dropCap="drop"', 'w:dropCap="none"')
    assert read(path).pages == ["# Oil\n\nT\n\nhe lamp burns."]


def test_notes_follow_the_text_and_raised_numbers_stay_apart(tmp_path: Path) -> None:
    raised = '<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>5</w:t></w:r>'
    note = '<w:r><w:footnoteReference w:id="1"/></w:r>'
    notes = (
        '<w:footnotes xmlns:w="{}"><w:footnote w:id="1"><w:p><w:r><w:t>In 1867.</w:t></w:r></w:p>'
    )
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    path = changed(
        tmp_path,
        "here: a lamp",
        f"10{runs(raised + note)}",
        footnotes=f"{notes.format(word)}</w:footnote></w:footnotes>",
    )
    link = f'<Relationship Id="r9" Type="{OFFICE}/footnotes" Target="footnotes.xml"/>'
    path = rewritten(path, "</Relationships>", f"{link}</Relationships>")
    found = read(path)
    assert found.pages == ["# Oil\n\nFigure 10⁵[1]\n\n1. In 1867."]
    assert not found.notes


# (form, text) of each level of list 1; list 2 goes on at 5; (text, level, list) of each paragraph
NUMBERS = [
    (  # Text between the items of a list
        [("decimal", "%1.")],
        [("a", 0, 1), ("text", 0, 0), ("b", 0, 1), ("text", 0, 0), ("c", 0, 2), ("d", 0, 2)],
        "1. a\n\ntext\n\n2. b\n\ntext\n\n5. c\n6. d",
    ),
    (  # Clauses
        [("decimal", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "(%3)")],
        [("A", 0, 1), ("b", 1, 1), ("c", 1, 1), ("d", 2, 1), ("E", 0, 1), ("f", 1, 1)],
        "1. A\n\n1.1 b\n\n1.2 c\n\n(a) d\n\n2. E\n\n2.1 f",
    ),
    (
        [("upperRoman", "Part %1"), ("upperLetter", "%1-%2")],
        [*[("a", 0, 1)] * 4, ("b", 1, 1)],
        "Part I a\n\nPart II a\n\nPart III a\n\nPart IV a\n\nIV-A b",
    ),
    (
        [("upperLetter", "Appendix %1"), ("decimal", "%1.%2")],
        [("a", 0, 1), ("b", 0, 1), ("c", 1, 1)],
        "Appendix A a\n\nAppendix B b\n\nB.1 c",
    ),
    (  # "legal": all of its parts are decimal
        [("upperRoman", "Article %1"), ("legal", "%1.%2")],
        [("a", 0, 1), ("b", 0, 1), ("c", 1, 1)],
        "Article I a\n\nArticle II b\n\n2.1 c",
    ),
    ([("bullet", "·")], [("a", 0, 1), ("b", 0, 1)], "* a\n* b"),
]


@pytest.mark.parametrize(("levels", "paragraphs", "text"), NUMBERS)
def test_numbers_are_those_that_word_shows(
    tmp_path: Path,
    levels: list[tuple[str, str]],
    paragraphs: list[tuple[str, int, int]],
    text: str,
) -> None:
    path = write_docx(tmp_path / "a.docx", heading="Oil", texts=["here"])
    written = "".join(
        f'<w:p><w:pPr><w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'
        f"</w:pPr><w:r><w:t>{said}</w:t></w:r></w:p>"
        for said, level, number in paragraphs
    )
    path = rewritten(path, "<w:p><w:r><w:t>here</w:t></w:r></w:p>", written)
    assert read(numbered(path, levels)).pages == [f"# Oil\n\n{text}"]


def test_a_heading_has_its_number(tmp_path: Path) -> None:
    path = write_docx(tmp_path / "a.docx", heading="Oil", texts=["Text"])
    found = read(numbered(path, [("decimal", "§ %1")], style="Heading1"))
    assert found.pages == ["# § 1 Oil\n\nText"]


def test_an_item_in_a_text_box_is_counted_once(tmp_path: Path) -> None:
    item = (
        '<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr>'
        "<w:r><w:t>{}</w:t></w:r></w:p>"
    )
    box = BOTH.format(NEWER, f"<mc:Fallback>{OLDER}</mc:Fallback>")
    box = re.sub("<w:p>.*?</w:p>", item.format("in a box"), box)
    path = write_docx(tmp_path / "a.docx", heading="Oil", texts=["here"])
    path = rewritten(path, "here</w:t>", f"here</w:t>{box}")
    path = rewritten(path, "</w:body>", f"{item.format('last')}</w:body>")
    assert "§ 2 last" in read(numbered(declared(path), [("decimal", "§ %1")])).pages[0]


def numbered(path: Path, levels: list[tuple[str, str]], *, style: str = "") -> Path:
    """With two lists of these levels, which number the paragraphs of a style, too."""
    defined = "".join(
        f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>'
        f"{'<w:isLgl/>' * (form == 'legal')}"
        f'<w:pStyle w:val="{style}"/><w:lvlText w:val="{text}"/></w:lvl>'
        for at, (form, text) in enumerate(levels)
    )
    start = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride>'
    lists = "".join(
        f'<w:num w:numId="{number}"><w:abstractNumId w:val="7"/>{start * (number == 2)}</w:num>'
        for number in (1, 2)
    )
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    numbering = (
        f'<w:numbering xmlns:w="{word}"><w:abstractNum w:abstractNumId="7">{defined}'
        f"</w:abstractNum>{lists}</w:numbering>"
    )
    link = (
        f'<Relationship Id="r8" Type="{OFFICE}/numbering" Target="numbering.xml"/></Relationships>'
    )
    return rewritten(path, "</Relationships>", link, numbering=numbering)


def test_a_file_that_word_inserts_is_named(tmp_path: Path) -> None:
    path = write_docx(tmp_path / "a.docx", heading="Oil", texts=["Text"])
    path = rewritten(path, "</w:body>", '<w:altChunk r:id="r7"/></w:body>')
    with pytest.raises(ValueError, match="save it again in Word"):
        read(path)


def test_a_picture_that_a_docx_links_to_is_not_fetched(tmp_path: Path) -> None:
    with website(pages={"/a.png": "a picture"}) as site:
        write_docx(tmp_path / "a.docx", heading="Oil", texts=["Text"], picture=f"{site.url}/a.png")
        assert read(tmp_path / "a.docx") == Text("Oil", ["# Oil\n\nText"])
        assert site.requests == []


@pytest.mark.parametrize(
    "around",
    [
        '<w:fldSimple w:instr="SEQ Figure">{}</w:fldSimple>',
        '<w:customXml w:element="x">{}</w:customXml>',
        '<w:moveTo w:id="1">{}</w:moveTo>',
        '<w:dir w:val="rtl">{}</w:dir>',
        "<w:r><w:ruby><w:rt><w:r><w:t>lo</w:t></w:r></w:rt><w:rubyBase>{}</w:rubyBase></w:ruby></w:r>",
    ],
)
def test_text_inside_of_fields_and_the_like_is_kept(tmp_path: Path, around: str) -> None:
    run = around.format("<w:r><w:t>7</w:t></w:r>")
    assert read(changed(tmp_path, "here", runs(run))).pages == ["# Oil\n\nFigure 7: a lamp"]


def changed(tmp_path: Path, old: str, new: str, *, picture: str = "", **more: str) -> Path:
    """A Word file with another XML in the place of a text, and other parts."""
    texts = ["Figure here: a lamp"]
    path = write_docx(tmp_path / "a.docx", heading="Oil", texts=texts, picture=picture)
    return rewritten(path, old, new, **more)


def rewritten(path: Path, old: str, new: str, **more: str) -> Path:
    with ZipFile(path) as before, ZipFile(path.with_name(f"x{path.name}"), "w") as after:
        for name in before.namelist():
            after.writestr(name, before.read(name).decode().replace(old, new))
        for name, xml in more.items():
            after.writestr(f"word/{name}.xml", xml)
    return path.with_name(f"x{path.name}")


def runs(inside: str) -> str:
    return f"</w:t></w:r>{inside}<w:r><w:t>"


def test_hidden_text_headers_and_footers_are_left_out_and_counted(tmp_path: Path) -> None:
    hidden = "<w:r><w:rPr><w:b/><w:vanish/></w:rPr><w:t>secret</w:t></w:r>"
    shown = '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t> shown</w:t></w:r>'
    moved = '<w:moveFrom w:id="1"><w:r><w:t>moved</w:t></w:r></w:moveFrom>'
    header = '<w:hdr xmlns:w="http://w"><w:p><w:r><w:t>Oil &amp; Co</w:t></w:r></w:p></w:hdr>'
    found = read(changed(tmp_path, "here: a", runs(hidden + shown + moved), header1=header))
    assert found.pages == ["# Oil\n\nFigure shown lamp"]
    assert found.dropped == {"secret": 1, "moved": 1, "Oil & Co": 1}
    assert not found.notes


@pytest.mark.parametrize("target", ["https://a.example/a.png", "media/gone.png"])
@pytest.mark.parametrize("attribute", ["r:embed", 'r:link="r2" r:embed'])
def test_a_picture_that_is_not_in_the_file_loses_no_text(
    tmp_path: Path, attribute: str, target: str
) -> None:
    path = changed(tmp_path, "r:link", attribute, picture=target)
    assert read(path).pages == ["# Oil\n\nFigure here: a lamp"]


def test_an_old_picture_that_is_not_in_the_file_loses_no_text(tmp_path: Path) -> None:
    spaces = f'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:r="{OFFICE}"'
    picture = f'<w:r><w:pict><v:imagedata {spaces} r:id="r2"/></w:pict></w:r>'
    path = changed(tmp_path, "here:", runs(picture), picture="media/gone.png")
    assert read(path).pages == ["# Oil\n\nFigure a lamp"]


def test_line_ends_and_tabs_part_words(tmp_path: Path) -> None:
    page = '<w:br w:type="page"/><w:t>y</w:t>'
    new = runs(f'<w:r><w:cr/></w:r><w:r><w:t>x</w:t><w:ptab w:alignment="right"/>{page}</w:r>')
    assert read(changed(tmp_path, "here:", new)).pages == ["# Oil\n\nFigure\nx\n\ny a lamp"]


def test_an_equation_that_cannot_be_converted_takes_no_other_with_it(tmp_path: Path) -> None:
    space = "http://schemas.openxmlformats.org/officeDocument/2006/math"

    def equation(inside: str) -> str:
        return f"<m:oMath>{inside}</m:oMath>"

    term, no_properties = (
        "<m:r><m:t>{}</m:t></m:r>",
        "<m:f><m:num>{}</m:num><m:den>{}</m:den></m:f>",
    )
    good, bad = term.format("a+b"), no_properties.format(term.format("c"), term.format("d"))
    path = changed(tmp_path, "here:", runs(equation(good) + equation(bad)))
    path = rewritten(path, "<w:document ", f'<w:document xmlns:m="{space}" ')
    assert read(path).pages == ["# Oil\n\nFigure $a+b$$cd$ a lamp"]


BOX = "<w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p></w:txbxContent>"
NEWER = f"<w:drawing><wp:anchor><wps:txbx>{BOX}</wps:txbx></wp:anchor></w:drawing>"
OLDER = f"<w:pict><v:oval><v:textbox>{BOX}</v:textbox></v:oval></w:pict>"
BOTH = "<mc:AlternateContent><mc:Choice>{}</mc:Choice>{}</mc:AlternateContent>"
SPACES = {
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
    "v": "urn:schemas-microsoft-com:vml",
}


def declared(path: Path) -> Path:
    """With the names of what text boxes are made of."""
    named = "".join(f'xmlns:{prefix}="{space}" ' for prefix, space in SPACES.items())
    return rewritten(path, "<w:document ", f"<w:document {named}")


@pytest.mark.parametrize(
    "box",
    [
        NEWER,
        OLDER,
        BOTH.format(NEWER, f"<mc:Fallback>{OLDER}</mc:Fallback>"),
        BOTH.format(NEWER, ""),
        BOTH.format(NEWER, "<mc:Fallback><w:pict/></mc:Fallback>"),
    ],
)
def test_a_text_box_of_any_form_is_read_once(tmp_path: Path, box: str) -> None:
    path = changed(tmp_path, "here", runs(f"<w:r>{box}</w:r>"))
    found = read(declared(path))
    assert found.pages == ["# Oil\n\nFigure : a lamp\n\nin a box"]
    assert not found.notes


def test_a_text_that_is_not_read_is_reported(tmp_path: Path) -> None:
    drawing = '<w:r><w:drawing><x xmlns="http://x"><w:t>on a drawing</w:t></x></w:drawing></w:r>'
    found = read(changed(tmp_path, "here:", runs(drawing)))
    assert found.dropped == {"on a drawing": 1}
    assert list(found.notes) == ["1 of its texts are not read (a chart? a drawing?)"]


@pytest.mark.parametrize(
    "part", ["word/document.xml", "word/styles.xml", "word/_rels/document.xml.rels"]
)
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_part_that_is_cut_is_one_line(tmp_path: Path, part: str, share: float) -> None:
    """And ends no worker process: the next file is read by the same one."""
    write_docx(tmp_path / "a.docx", heading="Oil", texts=["Text"])
    with ZipFile(tmp_path / "a.docx") as before, ZipFile(tmp_path / "b.docx", "w") as after:
        for name in before.namelist():
            content = before.read(name)
            after.writestr(name, content[: int(share * len(content))] if name == part else content)
    with Workers() as workers:
        workers.read(read, tmp_path / "a.docx")
        process = workers._all[0]._process
        with suppress(ValueError):
            workers.read(read, tmp_path / "b.docx")
        assert workers._all[0]._process is process
