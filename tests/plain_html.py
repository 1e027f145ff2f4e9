"""HTML as a viewer shows it that drops every style, and as text when it drops the tags, too."""

from __future__ import annotations

from html.parser import HTMLParser

_INSIDE_WORDS = {"a", "b", "code", "em", "i", "mark", "span", "strong"}  # they may part a word


def glued(html: str) -> list[str]:
    """Where text of two elements runs together (`71</td><td>63`), or is parted by a style alone.

    A `<small>` in a cell beside other text needs parentheses: it was a line of its own by a style.
    """
    page = _Page()
    page.feed(html)
    page.close()
    return page.found


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._text = ""
        self._cell: str | None = None  # the text of the cell so far; None: outside of cells
        self._parted = self._in_style = self._opens_small = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._parted |= tag not in _INSIDE_WORDS
        self._in_style |= tag == "style"
        if tag in ("td", "th"):
            self._cell = ""
        self._opens_small = tag == "small" and bool((self._cell or "").strip())

    def handle_endtag(self, tag: str) -> None:
        self._parted |= tag not in _INSIDE_WORDS
        self._in_style &= tag != "style"
        if tag in ("td", "th"):
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._in_style:
            return
        runs_on = self._parted and self._text[-1:].isalnum() and data[0].isalnum()
        if runs_on or (self._opens_small and data[0] != "("):
            self.found.append(f"{self._text[-20:]}|{data[:20]}")
        self._text += data
        if self._cell is not None:
            self._cell += data
        self._parted = self._opens_small = False
