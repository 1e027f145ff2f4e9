from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from lib.reading.assemble import Text
from lib.reading.files.docx import read
from tests.gen.docx import write_docx
from tests.gen.website import website


def test_a_docx_keeps_its_headings_and_tables(tmp_path: Path) -> None:
    texts = ["Colza_oil * 2 <b>.", "Phở bò ở Huế. 등대지기는 매일 밤 계단을 오른다."]
    write_docx(tmp_path / "a.docx", heading="Lamp oil", texts=texts, table="Year Litres/1867 1,204")
    table = "| Year | Litres |\n| --- | --- |\n| 1867 | 1,204 |"
    text = "\n\n".join(["# Lamp oil", *texts, table])
    assert read(tmp_path / "a.docx") == Text("Lamp oil", [text])


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
    write_docx(tmp_path / "a.docx", heading="Oil", texts=["Figure here: a lamp"])
    with ZipFile(tmp_path / "a.docx") as old, ZipFile(tmp_path / "b.docx", "w") as new:
        for name in old.namelist():
            xml = old.read(name).decode()
            run = around.format("<w:r><w:t>7</w:t></w:r>")
            xml = xml.replace("here: a", f"</w:t></w:r>{run}<w:r><w:t>: a")
            new.writestr(name, xml)
    assert read(tmp_path / "b.docx").pages == ["# Oil\n\nFigure 7: a lamp"]
