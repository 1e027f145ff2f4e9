"""Word files, as HTML (mammoth), which is read as a page is."""

import re
import unicodedata
from collections import Counter
from dataclasses import replace
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from lib.reading.assemble import Text
from lib.reading.files.docx.numbering import SPACES, W, mark_numbers, parsed, show_numbers
from lib.reading.files.html import text_of
from lib.reading.tables import read_bytes

ENDINGS = (".docx",)
IN_WORKER = True

_STYLES = "p[style-name='Title'] => h1:fresh"
# Left out with what they hold by mammoth: fields, moved text, …
_WRAPPERS = re.compile(rb"(</?w:)(?:fldSimple|customXml|moveTo|dir|bdo|ruby|rubyBase)\b")
_PICTURES = re.compile(rb"(?:\br:(?:embed|link)|<v:imagedata\b[^>]*?\br:id)(?==)")
_BREAKS = re.compile(rb"<w:(?:cr|ptab|br)\b[^>]*/>")  # of pages and columns, too
_HIDDEN = re.compile(
    rb"<w:r\b[^>]*>\s*<w:rPr>(?:(?!</w:rPr>).)*<w:vanish\s*/>.*?</w:r>"
    rb"|<w:moveFrom\b.*?</w:moveFrom>|<w:rt>.*?</w:rt>",
    re.DOTALL,
)
_EQUATION = re.compile(rb"<m:oMath>.*?</m:oMath>", re.DOTALL)
_LINE = re.compile(rb"<w:p\b.*?</w:p>", re.DOTALL)
_TEXT = re.compile(rb"<([wa]:t)(?: [^>]*)?>([^<]*)</\1>")


def read(path: Path) -> Text:
    """Headings, lists and tables are kept, links become their words; the title is a heading.

    Headers, footers and hidden text are left out and counted. A text that is not in what is read,
    of a chart, say, is reported.
    """
    import mammoth
    from lxml.etree import XMLSyntaxError
    from markitdown.converter_utils.docx.pre_process import pre_process_docx

    data = read_bytes(path)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise ValueError("it is an old .doc, or encrypted: save it as DOCX without a password")
    dropped, texts = Counter[str](), list[str]()
    try:
        known = _known_parts(data, dropped, texts)
        page = mammoth.convert_to_html(pre_process_docx(known), style_map=_STYLES).value
    except (BadZipFile, KeyError, XMLSyntaxError) as error:
        raise ValueError("it is not a readable DOCX") from error
    found = text_of(show_numbers(page))
    letters, at, lost = _letters(found.pages[0]), 0, list[str]()
    for piece in texts:  # most follow one another: a search from the beginning takes long
        wanted = _letters(piece)
        if (place := letters.find(wanted, at)) < 0 and (place := letters.find(wanted)) < 0:
            lost.append(piece)
        at = max(place, 0)
    dropped.update(lost)
    notes = {f"{len(lost):,} of its texts are not read (a chart? a drawing?)": list[int]()}
    return replace(found, notes=found.notes | (notes if lost else {}), dropped=dict(dropped))


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKD", text))  # "⁵" is "5"


def _known_parts(data: bytes, dropped: Counter[str], texts: list[str]) -> BytesIO:
    """The file with those wrappers as smart tags, whose text is read. Adds what is left out to
    `dropped`, and what is to be read to `texts`."""
    from lxml import etree

    changed = BytesIO()
    with ZipFile(BytesIO(data)) as old, ZipFile(changed, "w") as new:
        for name in dict.fromkeys(old.namelist()):
            content = old.read(name)
            if name.startswith("word/") and name.endswith(".xml"):
                outside = re.match(r"word/(?:header|footer)\d*\.xml", name)
                left_out = (_LINE if outside else _HIDDEN).findall(content)
                dropped.update(filter(None, ("".join(_texts(part)).strip() for part in left_out)))
                content = re.sub(rb"(</?v:)oval\b", rb"\1rect", content)  # ovals are left out, too
                content = _WRAPPERS.sub(rb"\1smartTag", _HIDDEN.sub(b"", content))
                content = _PICTURES.sub(rb"\g<0>.unread", content)  # one may be elsewhere
                content = _EQUATION.sub(_equation, _BREAKS.sub(b"<w:br/>", content))
                if b"<w:altChunk" in content:
                    raise ValueError("it holds a file that Word inserts: save it again in Word")
                if re.match(r"word/(?:document\d*|charts/.*|diagrams/data\d*)\.xml", name):
                    texts += _texts(content)
                if name.startswith("word/document"):
                    document = parsed(content)
                    _open_boxes(document)
                    _join_drop_caps(document)
                    if "word/numbering.xml" in old.namelist():
                        mark_numbers(document, old.read("word/numbering.xml"))
                    content = etree.tostring(document, encoding="UTF-8", xml_declaration=True)
            new.writestr(name, content)
    changed.seek(0)
    return changed


def _open_boxes(document: Any) -> None:
    """Text boxes without the older form that mammoth reads, in its place."""
    for drawing in document.xpath("//w:drawing[.//w:txbxContent]", namespaces=SPACES):
        both = next(drawing.iterancestors(f"{{{SPACES['mc']}}}AlternateContent"), drawing)
        if not both.xpath("mc:Fallback//w:txbxContent", namespaces=SPACES):
            older = drawing.makeelement(f"{W}pict")
            older.extend(drawing.findall(".//w:txbxContent", SPACES))
            both.getparent().replace(both, older)


def _join_drop_caps(document: Any) -> None:
    """A large first letter is a paragraph of its own to Word: "T", "he house"."""
    for letter in document.xpath("//w:p[w:pPr/w:framePr[@w:dropCap!='none']]", namespaces=SPACES):
        paragraph = letter.getnext()
        if paragraph is not None and paragraph.tag == f"{W}p":
            first = len(paragraph.findall("w:pPr", SPACES))
            paragraph[first:first] = [part for part in letter if part.tag != f"{W}pPr"]
            letter.getparent().remove(letter)


def _texts(content: bytes) -> list[str]:
    return [unescape(text.decode(errors="replace")) for _, text in _TEXT.findall(content)]


def _equation(found: re.Match[bytes]) -> bytes:
    """Only its text where markitdown cannot read it: else it leaves out all equations of a file."""
    from xml.etree import ElementTree

    from markitdown.converter_utils.docx.math.omml import OMML_NS, oMath2Latex
    from markitdown.converter_utils.docx.pre_process import MATH_ROOT_TEMPLATE

    try:
        root = ElementTree.fromstring(MATH_ROOT_TEMPLATE.format(found[0].decode()))
        oMath2Latex(root.find(f"{OMML_NS}oMath")).latex  # noqa: B018
    except Exception:
        text = b"".join(re.findall(rb"<m:t\b[^>]*>([^<]*)</m:t>", found[0]))
        return b"<m:oMath><m:r><m:t>%b</m:t></m:r></m:oMath>" % text
    return found[0]
