"""The numbers that Word shows before paragraphs: no text of the file holds them."""

import re
from dataclasses import dataclass
from typing import Any

from lib.reading.assemble import counted

SPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
}
W = f"{{{SPACES['w']}}}"
_NUMBERED = "//w:p[w:pPr/w:numPr or w:pPr/w:pStyle][not(ancestor::mc:Choice)]"
_BEGIN, _END = "\ue000", "\ue001"  # of a number


@dataclass(frozen=True)
class _Level:
    start: int
    form: str  # decimal, lowerLetter, …
    text: str  # (%1) or %1.%2
    legal: bool  # all of its parts are decimal


def parsed(part: bytes) -> Any:
    """A part of the file; entities stay as they are."""
    from lxml import etree

    return etree.fromstring(part, etree.XMLParser(resolve_entities=False, huge_tree=True))


def mark_numbers(document: Any, numbering: bytes) -> None:
    """Put each paragraph's number before its text, between two marks.

    Only plain numbers ("3.") stay those of lists; "1.1" or "(a)" begin a paragraph.
    """
    from lxml import etree

    levels: dict[tuple[str, int], _Level] = {}
    by_style: dict[str, tuple[str, int]] = {}
    lists, restarts = dict[str, str](), dict[tuple[str, int], int]()
    defined = parsed(numbering)
    for level in defined.iterfind("w:abstractNum/w:lvl", SPACES):
        key = level.getparent().get(f"{W}abstractNumId"), int(level.get(f"{W}ilvl") or 0)
        start, form, text = (_value(level, name) for name in ("start", "numFmt", "lvlText"))
        legal = level.find("w:isLgl", SPACES) is not None
        levels[key] = _Level(int(start or 1), form, text, legal)
        by_style[_value(level, "pStyle")] = key
    for num in defined.iterfind("w:num", SPACES):
        lists[number := num.get(f"{W}numId")] = _value(num, "abstractNumId")
        for override in num.iterfind("w:lvlOverride", SPACES):
            if start := _value(override, "startOverride"):
                restarts[number, int(override.get(f"{W}ilvl") or 0)] = int(start)

    counts: dict[str, dict[int, int]] = {}  # abstract number → level → its last number
    for paragraph in document.xpath(_NUMBERED, namespaces=SPACES):
        style = paragraph.find("w:pPr", SPACES)
        if number := _value(style, "numPr/w:numId"):
            key = lists.get(number, ""), int(_value(style, "numPr/w:ilvl") or 0)
        else:
            key = by_style.get(_value(style, "pStyle") or "-", ("", 0))
        if key not in levels or levels[key].form in ("bullet", "none"):
            continue
        (name, at), last = key, counts.setdefault(key[0], {})
        following = last.get(at, levels[key].start - 1) + 1
        last[at] = restarts.pop((number, at), following)
        counts[name] = {level: count for level, count in last.items() if level <= at}
        label = _label(levels, key, counts[name])
        if not re.fullmatch(r"\d+[.)]?", label):
            for old in style.findall("w:numPr", SPACES):
                style.remove(old)
            none = etree.SubElement(style, f"{W}numPr")
            for tag in ("ilvl", "numId"):
                etree.SubElement(none, W + tag, {f"{W}val": "0"})
        run = etree.Element(f"{W}r")
        etree.SubElement(run, f"{W}t").text = f"{_BEGIN}{label}{_END}"
        style.addnext(run)


def show_numbers(page: str) -> str:
    """The page that mammoth makes of it, with lists that begin where Word has them begin."""
    page = re.sub(rf"<ol><li>{_BEGIN}(\d+)\W*{_END}", r'<ol start="\1"><li>', page)
    page = re.sub(rf"<li>{_BEGIN}[^{_END}]*{_END}", "<li>", page)
    return re.sub(rf"{_BEGIN}([^{_END}]*){_END}", r"\1 ", page)


def _value(element: Any, path: str) -> str:
    found = element.find(f"w:{path}", SPACES)
    return "" if found is None else found.get(f"{W}val", "")


def _label(
    levels: dict[tuple[str, int], _Level], key: tuple[str, int], counts: dict[int, int]
) -> str:
    """`%1.%2` → `3.1`"""

    def part(found: re.Match[str]) -> str:
        at = int(found[1]) - 1
        level = levels.get((key[0], at), levels[key])
        return counted(counts.get(at, level.start), "" if levels[key].legal else level.form)

    return re.sub(r"%(\d)", part, levels[key].text)
