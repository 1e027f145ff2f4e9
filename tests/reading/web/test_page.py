from __future__ import annotations

import pytest

from lib.reading.assemble import Text
from lib.reading.web.page import main_text

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
    found = main_text(PAGE.encode(), "text/html; charset=utf-8")
    assert found.title == "Lamp oil"
    (text,) = found.pages
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
    assert main_text(PAGE.encode(), "text/html") == found


SAID = [
    ("The <i>Patience Orme</i>, <b>16</b> m long", "The Patience Orme, 16 m long"),
    ("a_b * c [x] &lt;lamp&gt; `z` ~ C:\\_x", "a_b * c [x] <lamp> `z` ~ C:\\_x"),
    ("the <code>a_b\\_c</code> of it", "the `a_b\\_c` of it"),
    (
        "on <time>3 May</time>, <label>250 g</label> of <q>fine</q> flour",
        "on 3 May, 250 g of “fine” flour",
    ),
    ("<ruby>灯<rp>(</rp><rt>とう</rt><rp>)</rp></ruby>台", "灯台"),
]


@pytest.mark.parametrize(("written", "read_as"), SAID)
def test_a_sentence_has_no_marks_that_a_quote_would_leave_out(written: str, read_as: str) -> None:
    others = "Oil burns in the lamp. " * 30  # of short pages trafilatura takes all
    page = PAGE.replace("Phở bò", f"It says {written} here. {others}Phở bò")
    assert f"It says {read_as} here." in main_text(page.encode(), "text/html").pages[0]


def test_a_line_begins_as_it_is_written_and_headings_have_no_mark_of_their_link() -> None:
    page = PAGE.replace("<p>Phở", "<p>1. not a list, but a long line of text.</p><p>Phở")
    mark = "<a href='#here'>¶</a>"
    page = page.replace("Grades</h2>", f"Grades{mark}</h2>").replace("</h1>", f"{mark}</h1>")
    found = main_text(page.encode(), "text/html")
    lines = found.pages[0].splitlines()
    assert found.title == "Lamp oil"
    assert {"1. not a list, but a long line of text.", "## Grades"} <= set(lines)


BLOCKS = [
    ("<center><p>Oil burns.</p></center>", ["Oil burns."]),
    ("<dialog open>Oil burns.</dialog>", ["Oil burns."]),
    ("<ol><li>Run <a href='x'>it</a>:<pre>a\n  b</pre>so</li><li><p>Oil burns.</p></li></ol>",
     ["1. Run it:", "a", "  b", "so", "2. Oil burns."]),
    ("<ul><li>Fill it.</li><li>Oil:<table><tr><td>1</td><td>2</td></tr></table></li></ul>",
     ["Fill it.", "Oil:", "| 1 | 2 |"]),
    ("<ul><li><p>Oil</p><table><tr><td>1</td><td>2</td></tr></table></li></ul>",
     ["Oil", "| 1 | 2 |"]),
    ("<blockquote><table><tr><td>1</td><td>2</td></tr></table></blockquote>", ["| 1 | 2 |"]),
    ("<table><caption>Oil</caption><tr><th>a</th></tr><tr><td>1</td></tr></table>",
     ["Oil", "| a |", "|---|", "| 1 |"]),
    ('<ol type="a" start="2"><li>Oil</li><li>Coal</li></ol>', ["- b. Oil", "- c. Coal"]),
]  # fmt: skip


@pytest.mark.parametrize("others", ["", "Oil burns in the lamp. " * 60], ids=["short", "long"])
@pytest.mark.parametrize(("block", "lines"), BLOCKS)
def test_blocks_keep_their_lines(block: str, lines: list[str], others: str) -> None:
    page = PAGE.replace("<h2>Grades", f"{block}<h2>Grades").replace("Phở bò", f"{others}Phở bò")
    text = main_text(page.encode(), "text/html").pages[0]
    between = text.partition("by boat.")[2].partition("## Grades")[0]
    assert [line.rstrip() for line in between.splitlines() if line.strip()] == lines


def test_lists_in_cells_of_tables_are_read() -> None:
    page = PAGE.replace("<td>1,204</td>", "<td><ul><li>1,204</li><li>1,300</li></ul></td>")
    assert "| 1867 | 1,204 1,300 |" in main_text(page.encode(), "text/html").pages[0]


def test_reading_asks_nothing_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket.connect", no_socket, raising=False)
    monkeypatch.setattr("socket.getaddrinfo", no_socket)
    linked = PAGE.replace("<main>", '<base href="http://a.example/"><img src="b.png"><main>')
    assert "Lamp oil" in main_text(linked.encode(), "text/html").pages[0]


def test_plain_text_is_taken_as_it_is() -> None:
    text = "All about <b>lamps</b>\r\n\r\nThey burn."
    assert main_text(text.encode(), "text/plain") == Text("", [text.replace("\r", "")])


def test_a_page_that_names_no_encoding_is_read_all_the_same() -> None:
    page = f"<html><body><article><p>{'Fyret på Fjære brenner. ' * 9}</p></article></body></html>"
    (text,) = main_text(page.encode("latin-1"), "text/html").pages
    assert "brenner. Fyret" in text


@pytest.mark.parametrize(
    ("page", "content_type", "words"),
    [
        ("", "text/html", "HTML"),
        ("<html><body><script>draw()</script></body></html>", "text/html", "do scripts write it"),
        ("<html><body><p>…</p></body></html>", "text/html", "no main text"),
        (b"Fj\xe6re \xff", "text/plain", "names no other encoding"),
    ],
)
def test_a_page_without_text_says_why(page: str | bytes, content_type: str, words: str) -> None:
    data = page if isinstance(page, bytes) else page.encode()
    with pytest.raises(ValueError, match=words):
        main_text(data, content_type)


def test_an_xhtml_page_in_another_encoding_is_read() -> None:
    page = '<?xml version="1.0" encoding="euc-kr"?>\n' + PAGE.replace("Phở bò ở Huế. ", "")
    assert "등대지기는" in main_text(page.encode("cp949"), "application/xhtml+xml").pages[0]


def test_deep_nesting_costs_one_page_at_most() -> None:
    deep = "<html><body>" + "<div>" * 100_000 + "Deep down." + "</div>" * 100_000
    with pytest.raises(ValueError, match="no main text"):
        main_text(deep.encode(), "text/html")
