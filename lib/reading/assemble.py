"""From the text that a reader found to a Document: pages joined, title chosen, markers harmless."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field

from lib.prompts.student import neutralise
from lib.records import Document, Page
from lib.text import gap_between, one_line

_UNDESIRED = re.compile(
    r"\xad\n?|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2060\ufeff\ufffe\uffff\ud800-\udfff]"
)
_LIGATURES = {
    0xFB00 + i: text for i, text in enumerate(("ff", "fi", "fl", "ffi", "ffl", "ft", "st"))
}

# Pictures inside a text: of Markdown, whose words stay, and any other
_INLINED = re.compile(
    r"!?\[([^\]\n]*)\]\(\s*<?data:[^)]*\)"
    r"|data:[^\s\"'<>(),]*;base64,[A-Za-z\d+/=%_-]*(?:\n[ \t]*[A-Za-z\d+/]{40,}=*)*"
    r"(?:\n[ \t]*[A-Za-z\d+/]+=*(?=[\"'>)]))?"
)

RAISED = str.maketrans("0123456789+-−–", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻")  # 10⁵: without it, a text says 105
_ROMAN = {"m": 1000, "cm": 900, "d": 500, "cd": 400, "c": 100, "xc": 90, "l": 50, "xl": 40,
          "x": 10, "ix": 9, "v": 5, "iv": 4, "i": 1}  # fmt: skip
DIVIDED = "\u00ad"  # at the end of a page's text: the next page ends the word

PICTURE = "a picture without a text layer"


@dataclass(frozen=True)
class Text:
    """What a reader found in a file or web page."""

    title: str  # what the document calls itself; "" = nothing
    pages: list[str]
    notes: dict[str, list[int]] = field(default_factory=dict)  # what is amiss → the pages, from 1
    dropped: dict[str, int] = field(default_factory=dict)  # running lines → how often left out


@dataclass(frozen=True)
class Skipped:
    """A file, page or record that gave no document."""

    path: str  # the id that its document would have, or an address
    reason: str


def assemble(text: Text, *, id: str, name: str, sha256: str = "") -> Document:
    """The Document of a text; a ValueError, which can be shown to users, if it holds no word.

    `name`: of its file, or the end of its address; the title of a text that has no good one.
    `sha256`: of its file; else that of the text.
    """
    sha256 = sha256 or hashlib.sha256("".join(text.pages).encode(errors="replace")).hexdigest()
    whole, pages, divided = "", [], False
    for number, page_text in enumerate(text.pages, start=1):
        page_text = unicodedata.normalize("NFC", neutralise(page_text)).strip()
        if page_text and whole:
            whole += _page_break(whole, page_text, divided=divided)
        divided = page_text.endswith(DIVIDED)
        page_text = page_text.removesuffix(DIVIDED)
        pages.append(Page(number, len(whole), len(whole) + len(page_text)))
        whole += page_text
    if not re.search(r"\w", whole):
        raise ValueError(
            "no text layer: is it scanned?" if PICTURE in text.notes else "it holds no text"
        )
    dropped = tuple(text.dropped.items())
    title = _title_of(text.title, name)
    return Document(id, title, whole, tuple(pages), sha256, dropped=dropped)


def _page_break(before: str, after: str, *, divided: bool) -> str:
    """What line ends have between words where a sentence runs on over the page's end, else an
    empty line. `divided`: so is the last word of `before`."""
    # Only the end of `before` is looked at: a book has a thousand pages.
    gap = gap_between(before, after)
    # A letter or a part of one, or a digit
    ends, begins = (unicodedata.category(one)[0] in "LMN" for one in (before[-1], after[0]))
    within = ends or before[-1] in ",;–—-"
    runs_on = within and (re.match(r"[a-zß-ÿ(]", after) if gap else begins)
    # A paragraph, not a heading or a cell
    long = len(before) - before.rfind("\n") > (61 if gap else 31)
    if not (runs_on and long):
        return "-\n\n" if divided else "\n\n"
    return "" if divided or re.search(r"[^\W\d_]-$", before[-2:]) else gap


def _title_of(title: str, name: str) -> str:
    """What a document calls itself, if that is one short line and says something (not "Microsoft
    Word - x.doc"); else its name."""
    title = one_line(as_read(title))
    poor = re.search(r"(?i)\.(?:docx?|pdf|tex|indd|pptx?)$|^(?:untitled|microsoft word)", title)
    if len(title) <= 160 and not poor and re.search(r"[^\W\d_]{2}|[^\W\d_a-zA-Z]", title):
        return title
    plain = re.sub(r"\.x?html?$|_|(?<=[a-z])-(?=[a-z])", " ", clean(name))
    return one_line(as_read(plain)) or name


def counted(number: int, form: str) -> str:
    """`3, "lowerLetter"` → `c`, `"upperRoman"` → `III`; other forms, and outside 1 to 3999: `3`."""
    written = str(number)
    form = form if 0 < number < 4000 else ""
    if form.endswith("Letter"):
        written = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
    elif form.endswith("Roman"):
        written = ""
        for digit, value in _ROMAN.items():
            written += digit * (number // value)
            number %= value
    return written.upper() if form.startswith("upper") else written


def reason_of(error: Exception) -> str:
    """`Permission denied`, or what a reader says."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def as_read(text: str) -> str:
    """The text, or a part of one, as a document has it: clean, markers harmless, NFC."""
    return unicodedata.normalize("NFC", neutralise(clean(text))).strip()


def clean(text: str) -> str:
    """The text with \\n as line end; without control characters, soft hyphens, zero-width spaces,
    halves of UTF-16 pairs (JSON can hold them), ligature characters and inlined pictures."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n")
    if "\x1b" in text or "\b" in text:  # colours of a terminal; bold and underlined (man pages)
        text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]|[^\n]\x08", "", text)
    if "data:" in text:
        text = _INLINED.sub(r"\1", text)
    text = text.replace("\u2028", "\n").replace("\u2029", "\n\n").replace("\x85", "\n")
    return _UNDESIRED.sub("", text).translate(_LIGATURES)
