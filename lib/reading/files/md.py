"""Markdown."""

import re
from pathlib import Path

from lib.reading.assemble import Text, clean
from lib.reading.tables import read_text

ENDINGS = (".md", ".markdown")
IN_WORKER = False


def read(path: Path) -> Text:
    """The whole text without front matter, whose title counts where no heading is."""
    text = clean(read_text(path))
    # Without empty lines, and beginning with a key: else it is text between two rules.
    if front := re.match(
        r"---[ \t]*\n((?:[\w-]+:.*\n(?:.+\n)*?)?)(?:---|\.{3})[ \t]*(?:\n|\Z)", text
    ):
        text = text[front.end() :]
    title = re.search(r"^title:[ \t]*[\"']?(.+?)[\"']?[ \t]*$", front[1], re.M) if front else None
    return Text(first_heading(text) or (title[1] if title else ""), [text])


def first_heading(text: str) -> str:
    """The first heading of the first or second level; "" = there is none."""
    pattern = r"^#{1,2}[ \t]+(.+?)[ \t]*#*$|^(?=\S)(.+)\n=+[ \t]*$"
    match = re.search(pattern, text, re.MULTILINE)
    return (match.group(1) or match.group(2)) if match else ""
