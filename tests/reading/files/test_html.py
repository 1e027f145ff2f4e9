from __future__ import annotations

import re
from pathlib import Path

import pytest

from lib.reading.assemble import Text
from lib.reading.files.html import read
from lib.reading.tables import decode
from lib.reading.web.page import main_text


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
        ('<meta charset="cp1252">등대', "cp949", "text/html; charset=euc-kr"),
    ],
)
def test_encodings(text: str, encoding: str, content_type: str) -> None:
    assert decode(text.encode(encoding), content_type) == text


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
    found = read(path)
    (text,) = found.pages
    assert found.title == "Lamp_oil"
    assert text.startswith("# Lamp oil\n\nThe keeper burned colza_oil * 2 until 1868.\n\n")
    assert "* Phở bò\n* 등대" in text
    assert not any(word in text for word in ("draw", "http", "base64", "{}"))


@pytest.mark.parametrize(("given", "read_as"), [("0", "1"), ("-2", "1"), ("2000", "1000")])
def test_spans_are_those_of_browsers(tmp_path: Path, given: str, read_as: str) -> None:
    pages = []
    for span in (given, read_as):
        cell = f"<td colspan={span} rowspan=2>Sandry"
        (tmp_path / "a.html").write_text(f"<table><tr>{cell}<td>1<tr><td>2</table>")
        pages.append(read(tmp_path / "a.html"))
    assert pages[0] == pages[1]


def test_an_html_file_in_another_encoding_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes('<meta charset="euc-kr"><p>등대지기</p>'.encode("cp949"))
    assert read(path) == Text("", ["등대지기"])


HIDDEN = [
    "<template><p>{}</p></template>",
    "<noscript><p>{}</p></noscript>",
    "<div hidden><p>{}</p></div>",
    '<p style="color: red; DISPLAY : none">{}</p>',
    '<div style="visibility:hidden"><p>{}</p></div>',
    "<dialog><p>{}</p></dialog>",
    "<script>document.write('{}')</script>",
    "<!-- {} -->",
    "<iframe>{}</iframe>",
    "<video>{}</video>",
    "<datalist><option>{}</option></datalist>",
    '<a href="x"><span class="sr-only">{}</span></a>',
    '<i class="material-icons left">{}</i>',
    '<span class="material-symbols-outlined">{}</span>',
]


@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_a_browser_hides_is_not_read(tmp_path: Path, hidden: str) -> None:
    shown = "The pier is open on every day of the summer and closed in the winter."
    page = f"<html><body><p>{shown}</p>{hidden.format('Turn on scripts, please.')}and a tail</body>"
    (tmp_path / "a.html").write_text(page)
    assert read(tmp_path / "a.html").pages == [f"{shown}\n\nand a tail"]
    (text,) = main_text(page.encode(), "text/html").pages
    assert shown in text
    assert "scripts" not in text


def test_items_stay_apart(tmp_path: Path) -> None:
    page = (
        "<title>Old page<h1>Welcome<p>The ferry leaves<p>at nine<br>daily<li>loose item"
        "<td>loose cell<table><tr><td>Left<table><tr><td>a</td><td>b</td></tr></table></td>"
        "<td>Right</td></tr></table><select><option>One<option>Two</select>"
        "<details><summary>More</summary>Inside</details>"
    )
    (tmp_path / "a.html").write_text(page)
    found = read(tmp_path / "a.html")
    assert found.title == "Old page"
    assert [line.strip("#- ") for line in found.pages[0].splitlines() if line.strip()] == [
        "Welcome", "The ferry leaves", "at nine", "daily", "loose item", "loose cell",
        "Left", "| a | b |", "| --- | --- |", "Right", "One", "Two", "More", "Inside",
    ]  # fmt: skip


def test_cells_behind_a_cell_of_several_rows_stay_in_their_columns(tmp_path: Path) -> None:
    page = (
        "<table><thead><tr><th rowspan=2>Pier<th colspan=2>Dues<th rowspan=9>Year</tr>"
        "<tr><th>boats<th>ships</thead>"
        "<tbody><tr><td rowspan=2>Sandry<td>1<td>2<td>1867<tr><td>3<td>4<td>1868"
        "<tr><td>Ferrow<td colspan=2 rowspan=x>none<td>1869</tbody></table>"
    )
    (tmp_path / "a.html").write_text(page)
    assert read(tmp_path / "a.html").pages[0].splitlines() == [
        "| Pier | Dues | | Year |",
        "| --- | --- | --- | --- |",
        "|  | boats | ships |  |",
        "| Sandry | 1 | 2 | 1867 |",
        "|  | 3 | 4 | 1868 |",
        "| Ferrow | none | | 1869 |",
    ]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<table><tr><td><p>One</p><p>Two</p>three</table>", "One\n\nTwo\n\nthree"),
        ("<aside>One</aside><footer>Two</footer>three", "One\n\nTwo\n\nthree"),
        ("<form><fieldset><legend>One</legend>Two</fieldset>three</form>", "One\n\nTwo\n\nthree"),
    ],
)
def test_blocks_stay_apart(tmp_path: Path, page: str, text: str) -> None:
    (tmp_path / "a.html").write_text(page)
    assert read(tmp_path / "a.html").pages == [text]


def test_code_beside_its_line_numbers_keeps_its_lines(tmp_path: Path) -> None:
    numbers = "<td class='linenos'><pre>1\n2</pre></td>"
    code = f"<table><tr>{numbers}<td class=code><pre>x = 1\ny = 2</pre></td></tr></table>"
    inline = "<pre><span class='linenos'>1</span>z = 3</pre>"
    (tmp_path / "a.html").write_text(code + inline)
    found = read(tmp_path / "a.html")
    assert found.pages == ["```\nx = 1\ny = 2\n```\n\n```\nz = 3\n```"]
    assert found.dropped == {"1 2": 1, "1": 1}


NUMBERS = [
    ("10<sup>5</sup> m<sup>2</sup>", "10⁵ m²"),
    ("2<sup>-10</sup>", "2⁻¹⁰"),
    ("in 1867<sup><a href='#n'>1, 2</a></sup>", "in 1867¹, ²"),
    ("in 1867<sup><a href='#n'>[3]</a></sup>", "in 1867[3]"),
    ("the 1<sup>st</sup> H<sub>2</sub>O", "the 1st H2O"),
]


@pytest.mark.parametrize(("written", "read_as"), NUMBERS)
def test_a_raised_number_is_none_of_the_line(tmp_path: Path, written: str, read_as: str) -> None:
    page = f"<html><body><p>{MAIN} It holds {written} of oil.</p></body></html>"
    (tmp_path / "a.html").write_text(page)
    assert f"It holds {read_as} of oil." in read(tmp_path / "a.html").pages[0]
    assert f"It holds {read_as} of oil." in main_text(page.encode(), "text/html").pages[0]


AROUND = ["{}", "<ul><li>in a list{}</ul>", "<table><tr><td>{}</table>", "<blockquote>{}"]


@pytest.mark.parametrize(
    ("attributes", "labels"),
    [
        ("", "1. 2. 7."),
        ('start="3"', "3. 4. 7."),
        ('type="a"', "a. b. g."),
        ('type="I" start="3"', "III. IV. VII."),
        ('style="list-style-type: lower-roman"', "i. ii. vii."),
        ("reversed", "3. 2. 7."),
        ('type="a" start="0"', "0. a. g."),
        ('type="a" start="700"', f"{'x' * 27}. {'y' * 27}. g."),
        ('type="i" start="999999999"', "999999999. 1000000000. vii."),
    ],
)
@pytest.mark.parametrize("around", AROUND)
def test_items_keep_the_labels_that_a_browser_shows(
    tmp_path: Path, attributes: str, labels: str, around: str
) -> None:
    items = f"<ol {attributes}><li>ants<li><p>bees</p><p>wasps</p><li value=7>flies</ol>"
    (path := tmp_path / "page.html").write_text(around.format(items))
    [text] = read(path).pages
    found = re.findall(r"([*+-] )?(\S+) (ants|bees|flies)", text)
    assert [label for _, label, _ in found] == labels.split(), text
    assert not any(bullet for bullet, *_ in found)
    assert text.isascii()


def test_an_empty_item_and_a_caption_take_no_text_from_behind_them(tmp_path: Path) -> None:
    table = "<table><caption>Oil</caption>stray<tr><td>a<td>b<tr><td>1<td>2</table>"
    (path := tmp_path / "page.html").write_text(f"<ol start=3><li>ants<li></ol><p>bees</p>{table}")
    assert read(path).pages == [
        "3. ants\n4.\n\nbees\n\nOil\n\nstray\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"
    ]


def test_a_caption_and_a_word_s_reading_are_none_of_a_table_s_rows_and_words(
    tmp_path: Path,
) -> None:
    table = "<table><caption>Oil</caption><tr><td>a</td></tr><tr><td>1</td></tr></table>"
    (path := tmp_path / "page.html").write_text(f"{table}<ruby>東<rp>(</rp><rt>とう</rt></ruby>京")
    assert read(path).pages == ["Oil\n\n| a |\n| --- |\n| 1 |\n\n東京"]


def test_a_page_without_a_title_is_called_by_its_heading(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<svg><title>Icon</title></svg><h1>Lamp oil</h1><p>It burns.")
    assert read(tmp_path / "a.html").title == "Lamp oil"


MAIN = "The pier is open on every day of the summer and closed in the whole of the winter."


@pytest.mark.parametrize(
    ("page", "text", "dropped"),
    [
        ("<nav>Home <a href='/x'>Shop</a></nav><p>{}</p>", MAIN, {"Home Shop": 1}),
        ("<p>{}</p><div role=navigation>Home</div>tail", f"{MAIN}\n\ntail", {"Home": 1}),
        ("<h2>Pier<a class=headerlink href='#pier'>¶</a></h2><p>{}</p>", f"## Pier\n\n{MAIN}", {}),
        ("<p>{}<a href='#note'>1</a></p>", f"{MAIN}1", {}),
        (
            "<div>Shop of the year</div><!-- ad --><div><p>Log in</p>"
            "<main><h1>Pier</h1><p>{}</p></main></div><footer>Cookies</footer>",
            f"# Pier\n\n{MAIN}",
            {"Log in": 1, "Shop of the year": 1, "Cookies": 1},
        ),
        (
            "<header><h1>Pier</h1></header><div role=main><p>{}</p></div>",
            f"# Pier\n\n{MAIN}",
            {},
        ),
        (  # The main part is not where the text is.
            f"<p>{MAIN} {MAIN}</p><main><p>{{}}</p></main>", f"{MAIN} {MAIN}\n\n{MAIN}", {}
        ),
        (f"<main><p>{MAIN}</p></main><main><p>{{}}</p></main>", f"{MAIN}\n\n{MAIN}", {}),
    ],
)  # fmt: skip
def test_what_surrounds_a_document_is_left_out_and_counted(
    tmp_path: Path, page: str, text: str, dropped: dict[str, int]
) -> None:
    (tmp_path / "a.html").write_text(f"<html><body>{page.format(MAIN)}</body></html>")
    found = read(tmp_path / "a.html")
    assert (found.pages, found.dropped) == ([text], dropped)


def test_a_formula_is_read_once(tmp_path: Path) -> None:
    source = "<annotation encoding='application/x-tex'>E = mc^2</annotation>"
    math = f"<math><semantics><mrow><mi>E</mi></mrow>{source}</semantics></math>"
    drawn = "<span class='katex-html' aria-hidden='true'>E</span>"
    page = f"<p>Energy is <span class='katex'>{math}{drawn}</span> here.</p>"
    (tmp_path / "a.html").write_text(page)
    assert read(tmp_path / "a.html").pages == ["Energy is $E = mc^2$ here."]


@pytest.mark.parametrize(
    ("formula", "read_as"),
    [
        (
            "<math alttext='\\tfrac{a_1}{2}'><mfrac><mi>a</mi><mn>2</mn></mfrac></math>",
            r"$\tfrac{a_1}{2}$",
        ),
        ("<math><mfrac><mn>1</mn><mn>2</mn></mfrac><mi>m</mi></math>", "1/2m"),
        ("<math><msup><mi>c</mi><mn>2</mn></msup></math>", "c²"),
    ],
)
def test_a_formula_keeps_its_form(tmp_path: Path, formula: str, read_as: str) -> None:
    page = f"<html><body><p>{MAIN} It is {formula} here.</p></body></html>"
    (tmp_path / "a.html").write_text(page)
    for found in (read(tmp_path / "a.html"), main_text(page.encode(), "text/html")):
        assert f"It is {read_as} here." in found.pages[0]


@pytest.mark.filterwarnings("ignore:HTML document is too deeply")
@pytest.mark.parametrize(("depth", "is_read"), [(300, True), (3000, False)])
def test_what_is_nested_too_deep_is_reported(tmp_path: Path, depth: int, is_read: bool) -> None:
    page = f"<p>Before.</p>{'<span>' * depth}<p>Inside.</p>{'</span>' * depth}"
    (tmp_path / "a.html").write_text(page)
    found = read(tmp_path / "a.html")
    assert ("Inside." in found.pages[0]) == is_read
    assert (found.notes == {}) == is_read
