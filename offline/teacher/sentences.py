"""Complete sentences of a chunk that may begin and end anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MIN_WORDS, MAX_WORDS = 5, 45
# A paragraph this long on one line (characters) comes from a file that does not wrap its lines.
_UNWRAPPED = 150
_RUNNING = 80  # and this long (characters) it is no heading

_ABBREVIATIONS = frozenset(
    "st mr mrs ms dr capt lt col gen prof sr jr no nos vol fig figs pp p ca c approx mt ft e.g "
    "i.e etc vs al inc ltd co dept est ed eds rev hon jan feb mar apr jun jul aug sep sept oct "
    "nov dec min max tel ext incl sec ch art cf op cit u.s u.k".split()
)
_MARKER = r"\[(?:\d{1,3}|[a-z]|note \d+|citation needed|according to whom\?|when\?|who\?)\]"
_END = re.compile(
    rf"([.!?])([”\"’')\]*_]*)((?:\s?{_MARKER})*)(?=\s+[\"“'‘(\[*_]*[A-Z0-9À-Þ]|\s*$|(?<=\])[A-ZÀ-Þ])"
)
_FINISHED = re.compile(rf"[.!?:;][\"”’')\]*_]*(?:\s?{_MARKER})*$")
_OPENING = re.compile(rf"^(?:\s|{_MARKER})+")
_CERTAIN_START = re.compile(
    r"(?:The|A|An|In|On|At|By|It|They|He|She|Its|Their|His|Her|From|Since|After|Before|When|If|"
    r"During|Every|Each|All|There|This|These|Two|Three|Four|Five|Six|For|Until|Built|Visitors) "
)
_ITEM = re.compile(r"\s*(?:[-*•‣–▪]|\(?\d{1,2}[.)])\s+(?=\S)")
_TABLE = re.compile(r"^\s*\||\|\s*$|\S\s*\|\s*\S.*\|\s*\S|\t.*\t|\S {3,}\S.* {3,}\S")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s|^\s*[=~_*-]{3,}\s*$")
_FURNITURE = re.compile(r"https?://\S|^\s*(?:page\s+)?\d+(?:\s*(?:/|of)\s*\d+)?\s*$", re.IGNORECASE)
_REFERENCE = re.compile(
    r"https?:|www\.|\bRetrieved\b|\bArchived\b|\bISBN\b|\bISSN\b|\bdoi\b|\^|↑|\bpp?\. ?\d|©|"
    r"Wikipedia|Wikimedia|\.\.\.|…"
)
# Left in a sentence without its marks: code, a formula, a word that was cut at its line's end.
_CODE = re.compile(r"&[a-z]+;|[\[\]{}<>|\\=]|‐ |___|‘’|“”|\"\"")
_MARKUP = re.compile(
    r"!?\[([^\]]+)\]\([^)]*\)|(?:\*{1,3}|(?<!\w)_{1,3})(?=\S)|(?<=\S)[*_]{1,3}(?!\w)|`"
)


@dataclass(frozen=True)
class Sentence:
    """One complete sentence and where it stands."""

    quote: str  # the chunk's own words, white space folded
    text: str  # the quote without citation marks, brackets and markup
    start: int  # offset in the chunk's text
    block: int  # number of its paragraph in the chunk


def split_sentences(text: str, *, at_start: bool) -> list[Sentence]:
    """The complete sentences of a chunk; headings, tables, captions and references are none.

    at_start says that the text begins where its document begins. Otherwise the first paragraph
    may begin in the middle of a sentence, and its first sentence counts only when it opens with
    a word that has a capital nowhere else ("The", "In", …).
    """
    found: list[Sentence] = []
    references = len(re.findall(r"\bRetrieved\b|\bArchived from\b", text))
    if references >= 2:
        return found
    broken = False
    for number, (start, end, fresh) in enumerate(_blocks(text, at_start=at_start)):
        # A page's running title may stand inside a sentence: what follows it is not fresh.
        resumed, stripped = broken, text[start:end].strip()
        if len(stripped) >= _RUNNING:
            broken = not _FINISHED.search(stripped)
        for first, last in _spans(text[start:end]):
            raw = text[start + first : start + last]
            opening = first == 0 and (resumed or not fresh)
            # Running text without line breaks was cut behind a full stop; wrapped text anywhere.
            wrapped = resumed or "\n" in text[start:end].strip() or end - start < _UNWRAPPED
            if opening and wrapped and not _CERTAIN_START.match(raw):
                continue
            quote = " ".join(raw.split())
            if _is_sentence(unmarked(quote)):
                plain = plain_text(quote)
                code = _CODE.search(plain) or re.search(r"`[^`]*[\"'(][^`]*`", quote)
                if len(plain.split()) >= MIN_WORDS and not code:
                    found.append(Sentence(quote, plain, start + first, number))
    return found


def plain_text(quote: str) -> str:
    """`The **Tern** (12 m) was built.[3]` → `The Tern was built.`"""
    text = re.sub(rf"\s?{_MARKER}", "", quote)
    text = unmarked(text)
    text = re.sub(r"(?:^|\s+)\([^()]*\)|\(e?s\)", "", text)  # but "Section 501(c)(3)"
    text = re.sub(r"[\"“](\w+(?: \w+){0,3})[\"”]", r"\1", text)
    return " ".join(text.split())


def unmarked(text: str) -> str:
    """The text without the marks of Markdown: a link is its words."""
    return _MARKUP.sub(lambda match: match.group(1) or "", text)


def _blocks(text: str, *, at_start: bool) -> Iterator[tuple[int, int, bool]]:
    """Spans of running text, and whether each is known to begin with a sentence."""
    lines = list(re.finditer(r"[^\n]*\n?", text))[:-1]
    begin: int | None = None
    fresh, code = at_start, False
    for index, line in enumerate(lines):
        content = line.group().rstrip("\n")
        fence = content.lstrip().startswith(("```", "~~~"))
        code ^= fence
        item = _ITEM.match(content)
        alone = code or fence or not content.strip() or _is_furniture(content)
        if (alone or item) and begin is not None:
            yield begin, line.start(), fresh
            begin, fresh = None, True
        if alone:
            fresh = fresh or bool(content.strip())
            continue
        if begin is None:
            begin = line.start() + (item.end() if item else 0)
            fresh = fresh or bool(item)
        if _ends_short(lines, index):
            yield begin, line.end(), fresh
            begin, fresh = None, True
    if begin is not None:
        yield begin, len(text), fresh


def _is_furniture(line: str) -> bool:
    return bool(_HEADING.search(line) or _TABLE.search(line) or _FURNITURE.search(unmarked(line)))


def _ends_short(lines: list[re.Match[str]], index: int) -> bool:
    """The line broke although the next line's first word would have fitted: a heading, a caption.

    The column's width is that of the widest neighbour within three lines.
    """
    line = lines[index].group().strip()
    following = lines[index + 1].group().strip() if index + 1 < len(lines) else ""
    if not line or not following or line.endswith((",", ";", "-", "–")) or following[0].islower():
        return False
    width = max(len(near.group().strip()) for near in lines[max(0, index - 3) : index + 4])
    return len(line) + len(following.split()[0]) + 1 < 0.8 * width


def _spans(block: str) -> Iterator[tuple[int, int]]:
    """Start and end of each piece that ends like a sentence, without its citation marks."""
    begin = 0
    for match in _END.finditer(block):
        if match.group(1) == "." and _is_abbreviation(block[: match.start()], block[match.end() :]):
            continue
        opening = _OPENING.match(block[begin : match.start()])
        first = begin + (opening.end() if opening else 0)
        # A paragraph's first piece keeps offset 0, so that its caller can doubt it.
        yield (0 if begin == 0 and first == 0 else first), match.end(2)
        begin = match.end()


def _is_abbreviation(before: str, after: str) -> bool:
    words = before.split()[-1:] or [""]
    word = words[0].lstrip("(\"'“‘[")
    following = after.lstrip()[:1]
    if re.fullmatch(r"(?:[A-Z]\.)*[A-Z]", word):
        return True
    if word.lower() in {"no", "nos", "fig", "p", "pp", "c", "min", "max", "ed", "art", "sec"}:
        return following.isdigit() or word.lower() in {"pp", "fig", "nos"}
    if word.lower() in {"etc", "inc", "ltd", "co", "ft", "jr", "sr"}:
        return bool(following) and not following.isupper()
    return word.lower() in _ABBREVIATIONS


def _is_sentence(quote: str) -> bool:
    words = quote.split()
    if not MIN_WORDS <= len(words) <= MAX_WORDS or _REFERENCE.search(quote):
        return False
    if not re.match(r"[\"“'‘*_]*[A-Z0-9À-Þ]", quote) or "?" in quote or "#" in quote:
        return False
    if re.match(r"(?:DESCRIPTION|NAME|SYNOPSIS|OPTIONS|NOTES|EXAMPLES?|NOTE|WARNING) ", quote):
        return False
    if re.match(r"\d{1,2}\.\s", quote) or any(not char.isprintable() for char in quote):
        return False
    # A title or caption that no full stop ends runs into the sentence behind it.
    if re.search(r"[\w)] (?:The \w|(?:It|This|These|They|He|She|An|In|At|On|For) [a-z])", quote):
        return False
    balanced = all(quote.count(left) == quote.count(right) for left, right in ("()", "[]", "“”"))
    capitals = sum(word[:1].isupper() for word in words)
    return balanced and quote.count('"') % 2 == 0 and capitals <= 0.75 * len(words)
