"""The main text of a web page, as Markdown (trafilatura), without menus, footers and comments."""

import re
from contextlib import suppress
from typing import Any

from lib.reading.assemble import Text, clean
from lib.reading.files.html import label_items, prepare
from lib.reading.tables import decode

CONTENT_TYPES = ("text/html", "application/xhtml+xml", "text/plain")
# Marks inside a sentence: a teacher that quotes it would leave them out. The last three trafilatura
# leaves out with their words, or makes paragraphs of them.
_INSIDE = ("b", "strong", "i", "em", "u", "sup", "sub", "label", "time", "q")
# The same; and lists and quotations whose code and cells it would run together
_WITH_BLOCKS = "//*[self::ul or self::ol][li//pre or li//table]"
_BLOCKS = f"//center | //dialog | {_WITH_BLOCKS} | {_WITH_BLOCKS}/li | //blockquote[.//table]"
_ESCAPED = re.compile(
    r"(?P<code>```.*?```|`[^`\n]+`)|(?P<start>^ *(?:- )?\d*)\\(?=[#>+.)-])"
    r"|\\(?P<own>\\*)(?P<mark>[*_`~[\]<|])",
    re.DOTALL | re.MULTILINE,
)


def main_text(page: bytes, content_type: str) -> Text:
    """The title and the main text of a page. Runs in a worker process."""
    if content_type.startswith("text/plain"):
        return Text("", [clean(decode(page, content_type))])
    import trafilatura
    from lxml import etree
    from trafilatura.metadata import extract_title

    text: str | bytes = page
    with suppress(ValueError):  # else trafilatura guesses the encoding
        text = decode(page, content_type)
    tree = trafilatura.load_html(text)
    if tree is None:
        raise ValueError("it is not HTML")
    prepare(tree)
    title = extract_title(tree) or ""
    for quote in tree.iter("q"):
        quote.text, quote.tail = f"“{quote.text or ''}", f"”{quote.tail or ''}"
    etree.strip_tags(tree, *_INSIDE)
    for items in tree.xpath("//ol[li//pre or li//table]"):
        label_items(items)
    for block in tree.xpath(_BLOCKS):
        if block.tag == "center":  # maybe of links alone, which trafilatura leaves out of a div
            block.tag = "div"
        else:
            _wrap_loose_text(block)
            block.drop_tag()
    for item in tree.xpath("//td//li | //th//li"):  # trafilatura leaves lists in cells out
        item.tag = "p"
    # No metadata: finding the date takes longer than the text, and depends on today's.
    found = trafilatura.extract(
        tree, output_format="markdown", include_comments=False, include_tables=True
    )
    found = clean(_ESCAPED.sub(_as_written, found or ""))
    if not re.search(r"\w", found):
        raise ValueError("no main text was found: do scripts write it?")
    return Text(title, [found])


def _wrap_loose_text(block: Any) -> None:
    """Paragraphs of what is beside its blocks: trafilatura leaves out what is in none."""
    from lxml.html.defs import block_tags

    parts = [block.makeelement("p")]
    parts[0].text, block.text = block.text, None
    for child in list(block):
        if child.tag in block_tags:
            parts += [child, block.makeelement("p")]
            parts[-1].text, child.tail = child.tail, None
        else:
            parts[-1].append(child)
    block[:] = [part for part in parts if len(part) or (part.text or "").strip()]


def _as_written(found: re.Match[str]) -> str:
    """Without the backslash that trafilatura puts before what Markdown would take for a mark; each
    of the page's own there is doubled."""
    if mark := found["mark"]:
        return found["own"][: len(found["own"]) // 2] + mark
    return found["code"] or found["start"]
