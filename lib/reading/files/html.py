"""HTML files, as Markdown (markitdown)."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lib.reading.assemble import RAISED, Text, clean, counted
from lib.reading.files.md import first_heading
from lib.reading.tables import decode, read_bytes
from lib.text import one_line

ENDINGS = (".html", ".htm", ".xhtml")
IN_WORKER = True

_MARKDOWN_OPTIONS: dict[str, Any] = {
    # Words without marks inside a sentence: a teacher that quotes it would leave them out.
    "strip": ["a", "img", "b", "strong", "i", "em", "u"],
    "escape_underscores": False,
    "escape_asterisks": False,
    "table_infer_header": True,  # Word's tables name none
}
# What an element holds for browsers that do not know it is hidden, too.
_HIDDEN = (
    "//template | //noscript | //script | //style | //*[@hidden] | //dialog[not(@open)] | //iframe"
    " | //noframes | //datalist | //rt | //rp | //audio | //video | //canvas"
    " | //*[contains(@class, 'katex-html')]"  # a formula once: KaTeX draws it beside its MathML
    " | //*[self::i or self::span]"  # names of icons: chevron_right
    "[contains(@class, 'material-icons') or contains(@class, 'material-symbols')]"
) + "".join(  # "(opens in a new tab)": of a link, only for those who listen
    f" | //*[self::a or self::button]//*[contains(@class, '{name}')]"
    for name in ("sr-only", "visually-hidden", "visuallyhidden", "screen-reader-text")
)
_HIDING = re.compile(r"(?i)\b(?:display\s*:\s*none|visibility\s*:\s*hidden)")
TOO_DEEP = "its tags are nested too deep, and what is inside is not read: are they closed?"
_NAVIGATION = "//nav | //*[@role='navigation' or @role='search'] | " + " | ".join(
    f"//*[contains(concat(' ', @class, ' '), ' {name} ')]"  # the numbers of lines of code
    for name in ("lineno", "linenos", "rouge-gutter")
)
# Blocks of a browser that are none to markdownify
_BLOCKS = (
    "address", "aside", "center", "details", "fieldset", "figure", "footer", "form", "header",
    "hgroup", "legend", "main", "option", "search", "summary", "svg", "textarea",
)  # fmt: skip
# `<ol type="a">`, and what a style says of it
_FORMS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_STYLED = re.compile(r"list-style(?:-type)?\s*:\s*(lower|upper)-(alpha|latin|roman)")
_LABEL = re.compile(r"(?:[*+-] )?\ue000([\w.-]+)\ue001(?:\s+(?= ))? ?")
_OPEN_TITLE = re.compile(r"(?i)<title\b[^>]*>[^<]*(?=<(?!/title)[a-z/!])")


def read(path: Path) -> Text:
    """Headings, lists and tables are kept, links become their words; the navigation, and what
    stands around a page's main part, are left out and counted."""
    return text_of(decode(read_bytes(path), "text/html"))


def text_of(page: str) -> Text:
    """The text of a page, as Markdown; its title is the page's, or a first heading."""
    from lxml import etree, html  # in the worker alone
    from markitdown.converters import HtmlConverter

    parser = html.HTMLParser(encoding="utf-8", huge_tree=True)
    try:
        closed = _OPEN_TITLE.sub(r"\g<0></title>", page.replace("\0", ""), count=1)
        tree = html.document_fromstring(closed.encode(), parser)
    except etree.ParserError as error:
        raise ValueError("it holds no text") from error
    title = tree.findtext("head/title")
    prepare(tree)
    dropped = _drop_navigation(tree)
    _set_apart(tree)
    _fill_rows(tree)
    shown = html.tostring(tree, encoding="unicode")
    markdown = HtmlConverter().convert_string(shown, **_MARKDOWN_OPTIONS).markdown
    text = re.sub(r"[ \t]+$", "", clean(_LABEL.sub(r"\1 ", markdown)), flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text)
    deep = any("depth" in error.message for error in parser.error_log)
    notes: dict[str, list[int]] = {TOO_DEEP: []} if deep else {}
    return Text(title or first_heading(text), [text], notes, dropped)


def _drop_navigation(tree: Any) -> dict[str, int]:
    found = tree.xpath(_NAVIGATION)
    mains = tree.xpath("//main | //*[@role='main']")
    words = [len("".join(part.text_content().split())) for part in (*mains, tree)]
    if len(mains) == 1 and 2 * words[0] > words[1]:
        for place in (mains[0], *mains[0].iterancestors()):
            if place.tag not in ("body", "html"):
                around = (*place.itersiblings("*"), *place.itersiblings("*", preceding=True))
                found += (one for one in around if one.find(".//h1") is None)
    dropped = Counter(one_line(" ".join(element.itertext()))[:100] for element in found)
    _drop(found)
    return {said: count for said, count in dropped.items() if re.search(r"\w", said)}


def _drop(elements: Iterable[Any]) -> None:
    for element in elements:
        if element.getparent() is not None:
            element.drop_tree()


def prepare(tree: Any) -> None:
    """What a text without tags needs: only what is seen, numbers apart, captions above tables."""
    _drop_hidden(tree)
    _write_numbers(tree)
    for caption in list(tree.iter("caption")):
        if (table := next(caption.iterancestors("table"), None)) is not None:
            caption.tag = "p"
            table.addprevious(caption)


def _drop_hidden(tree: Any) -> None:
    """Take off what a browser does not show, and links within a page that hold no word: ¶, #, ↩."""
    links = tree.xpath("//a[starts-with(@href, '#')]")
    marks = [link for link in links if not re.search(r"\w", link.text_content())]
    styled = (one for one in tree.xpath("//*[@style]") if _HIDING.search(one.get("style")))
    _drop((*tree.xpath(_HIDDEN), *marks, *styled))


def _write_numbers(tree: Any) -> None:
    """`10<sup>5</sup>` as `10⁵`, and a formula as its TeX: a text without tags would say 105.
    Lists that do not count 1, 2, 3 get labels."""
    for fraction in tree.xpath("//mfrac[count(*) = 2]"):
        fraction[0].tail = "/"
    for element in tree.xpath("//sup | //msup/*[2]"):
        number = element.text_content()
        if re.fullmatch(r"\s*[-−–+]?\d[\d, ]*\s*", number):
            element.clear(keep_tail=True)
            element.text = number.translate(RAISED)
    for items in tree.xpath(
        "//ol[@type or @reversed or contains(@style, 'list-style') or @start != '1' or li/@value]"
    ):
        label_items(items)
    for formula in list(tree.iter("math")):
        tex = formula.findtext(".//annotation[@encoding='application/x-tex']")
        tex = tex or formula.get("alttext")
        shown = formula.xpath(".//text()[not(ancestor::annotation or ancestor::annotation-xml)]")
        formula.clear(keep_tail=True)
        formula.tag = "span"
        formula.text = f"${one_line(tex)}$" if tex else one_line("".join(shown))


def label_items(items: Any) -> None:
    """What a browser shows before the items of a list ("b."), between two marks."""
    form = _FORMS.get(items.get("type"), "")
    if styled := _STYLED.search(items.get("style", "").lower()):
        form = styled[1] + ("Roman" if styled[2] == "roman" else "Letter")
    items.tag, inside = "ul", items.findall("li")
    step, first = (1, 1) if items.get("reversed") is None else (-1, len(inside))
    number = _number(items.get("start"), first)
    for item in inside:
        number = _number(item.get("value"), number)
        while not (item.text or "").strip() and len(item) and item[0].tag in ("p", "div"):
            item = item[0]
        item.text = f"\ue000{counted(number, form)}.\ue001 {item.text or ''}"
        number += step


def _number(written: str | None, otherwise: int) -> int:
    found = re.fullmatch(r"\s*([-+]?\d{1,9})\s*", written or "")
    return int(found[1]) if found else otherwise


def _set_apart(tree: Any) -> None:
    """Blocks in place of what Markdown would run together: the parts of a page or a form, and
    tables that only frame a text, or place others, or code beside its line numbers."""
    frame = "count(.//td | .//th) = 1 or (count(.//tr) = 1 and .//pre)"
    outer = tree.xpath(f"//table[.//table or {frame}]")
    parts = tree.iter("thead", "tbody", "tr", "td", "th")
    own = [part for part in parts if next(part.iterancestors("table"), None) in {None, *outer}]
    for element in (*outer, *own, *tree.iter(*_BLOCKS)):
        element.tag = "div"


def _fill_rows(tree: Any) -> None:
    """An empty cell wherever one reaches down from a row above: Markdown has no rowspan, and the
    cells behind it would be in wrong columns."""
    for table in tree.iter("table"):
        reach: dict[int, int] = {}  # column → rows that are still taken
        group = None
        for row in table.iter("tr"):
            if row.getparent() is not group:
                group, reach = row.getparent(), {}
            column = 0
            for cell in [*row.iterchildren("td", "th"), None]:
                while reach.get(column):
                    reach[column] -= 1
                    column += 1
                    empty = row.makeelement("td")
                    row.append(empty) if cell is None else cell.addprevious(empty)
                if cell is not None:
                    spans = (_number(cell.get(name), 1) for name in ("colspan", "rowspan"))
                    width, height = (min(max(span, 1), 1000) for span in spans)  # as browsers do
                    reach.update(dict.fromkeys(range(column, column + width), height - 1))
                    column += width
