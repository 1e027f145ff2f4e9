from __future__ import annotations

from pathlib import Path

import pytest

from lib.reading.page_text import decode, main_text, read_docx, read_html
from tests.gen.docx import write_docx
from tests.gen.website import website

PAGE = """<!DOCTYPE html><html><head><title>Lamp oil | Harbour museum</title></head><body>
<nav><a href="/">Home</a> <a href="/shop">Shop</a></nav>
<main><article><h1>Lamp oil</h1>
<p>The keeper burned colza oil until 1868, when paraffin arrived by boat.</p>
<h2>Grades</h2><ul><li>Colza: slow and clean</li><li>Paraffin: bright, smoky</li></ul>
<table><tr><th>Year</th><th>Litres</th></tr><tr><td>1867</td><td>1,204</td></tr></table>
<p>Phở bò ở Huế. 등대지기는 매일 밤 계단을 오른다.</p>
<div class="comments"><p>First!</p></div></article></main>
<footer>Cookies and imprint</footer><script>alert("x")</script></body></html>"""


def test_the_main_text_keeps_its_structure_and_loses_its_frame() -> None:
    title, text = main_text(PAGE.encode(), "text/html; charset=utf-8")
    assert title == "Lamp oil"
    lines = [line.rstrip() for line in text.splitlines()]
    for line in (
        "# Lamp oil",
        "## Grades",
        "- Colza: slow and clean",
        "| 1867 | 1,204 |",
        "Phở bò ở Huế. 등대지기는 매일 밤 계단을 오른다.",
    ):
        assert line in lines
    assert not any(word in text for word in ("Shop", "imprint", "alert", "First!"))
    assert main_text(PAGE.encode(), "text/html") == (title, text)


def test_reading_asks_nothing_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket.connect", no_socket, raising=False)
    monkeypatch.setattr("socket.getaddrinfo", no_socket)
    linked = PAGE.replace("<main>", '<base href="http://a.example/"><img src="b.png"><main>')
    assert "Lamp oil" in main_text(linked.encode(), "text/html")[1]


def test_plain_text_is_taken_as_it_is() -> None:
    text = "All about <b>lamps</b>\r\n\r\nThey burn."
    assert main_text(text.encode(), "text/plain") == ("", text.replace("\r", ""))


@pytest.mark.parametrize(
    ("page", "content_type", "words"),
    [
        ("", "text/html", "HTML"),
        ("<html><body><script>draw()</script></body></html>", "text/html", "do scripts write it"),
        ("<html><body><p>…</p></body></html>", "text/html", "no main text"),
        (" …\n", "text/plain", "empty"),
        (b"Fj\xe6re \xff", "text/plain", "names no other encoding"),
    ],
)
def test_a_page_without_text_says_why(page: str | bytes, content_type: str, words: str) -> None:
    data = page if isinstance(page, bytes) else page.encode()
    with pytest.raises(ValueError, match=words):
        main_text(data, content_type)


@pytest.mark.parametrize(
    ("text", "encoding", "content_type"),
    [
        ("phở bò", "utf-8", "text/html; charset=iso-8859-1"),  # what it says is often wrong
        ("phở bò", "utf-8-sig", "text/html"),
        ("phở bò", "utf-16", "text/html"),
        ("등대 뷁", "cp949", 'text/html; charset="EUC-KR"'),
        ("灯塔", "gb18030", "text/html;charset=gb2312"),
        ("“Fjære” – 5 €", "cp1252", "text/html; charset=ISO-8859-1"),
        ('<meta charset="windows-1258">Huê', "cp1258", "text/html"),
        ('<?xml version="1.0" encoding="euc-kr"?>등대', "cp949", "application/xhtml+xml"),
        ('<meta charset="cp949">등대', "cp949", "text/html; charset=nonsense"),
    ],
)
def test_encodings(text: str, encoding: str, content_type: str) -> None:
    assert decode(text.encode(encoding), content_type) == text


def test_an_xhtml_page_in_another_encoding_is_read() -> None:
    page = '<?xml version="1.0" encoding="euc-kr"?>\n' + PAGE.replace("Phở bò ở Huế. ", "")
    assert "등대지기는" in main_text(page.encode("cp949"), "application/xhtml+xml")[1]


def test_deep_nesting_costs_one_page_at_most() -> None:
    deep = "<html><body>" + "<div>" * 100_000 + "Deep down." + "</div>" * 100_000
    with pytest.raises(ValueError, match="no main text"):
        main_text(deep.encode(), "text/html")


# --- files ---------------------------------------------------------------------------------------


def test_an_html_file_keeps_all_its_words_and_no_marks_inside_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(
        "<html><head><title>Lamp_oil</title><style>p {}</style></head><body><h1>Lamp oil</h1>"
        "<div> \n</div>\n<div>\n\n\n</div>"
        '<p>The <b>keeper</b> burned <a href="http://a.example/">colza_oil</a> * 2 '
        '<img src="data:image/png;base64,AAAA" alt="a lamp">until <i>1868</i>.</p>'
        "<ul><li>Phở bò</li><li>등대</li></ul><script>draw()</script></body></html>",
        encoding="utf-8",
    )
    title, text = read_html(path)
    assert title == "Lamp_oil"
    assert text.startswith("# Lamp oil\n\nThe keeper burned colza_oil * 2 until 1868.\n\n")
    assert "* Phở bò\n* 등대" in text
    assert not any(word in text for word in ("draw", "http", "base64", "{}"))


def test_an_html_file_in_another_encoding_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes('<meta charset="euc-kr"><p>등대지기</p>'.encode("cp949"))
    assert read_html(path) == ("", "등대지기")


def test_a_docx_keeps_its_headings_and_tables(tmp_path: Path) -> None:
    texts = ["Colza_oil * 2 <b>.", "Phở bò ở Huế. 등대지기는 매일 밤 계단을 오른다."]
    write_docx(tmp_path / "a.docx", heading="Lamp oil", texts=texts, table="Year Litres/1867 1,204")
    title, text = read_docx(tmp_path / "a.docx")
    assert title == "Lamp oil"
    table = "| Year | Litres |\n| --- | --- |\n| 1867 | 1,204 |"
    assert text == "\n\n".join(["# Lamp oil", *texts, table])


def test_a_picture_that_a_docx_links_to_is_not_fetched(tmp_path: Path) -> None:
    with website(pages={"/a.png": "a picture"}) as site:
        write_docx(tmp_path / "a.docx", heading="Oil", texts=["Text"], picture=f"{site.url}/a.png")
        assert read_docx(tmp_path / "a.docx") == ("Oil", "# Oil\n\nText")
        assert site.requests == []
