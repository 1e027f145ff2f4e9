"""Markdown."""

from __future__ import annotations

import re
from pathlib import Path

from lib.reading.assemble import Text, clean
from lib.tables import read_text

ENDINGS = (".md", ".markdown")
IN_WORKER = False


def read(path: Path) -> Text:
    text = clean(read_text(path))
    return Text(first_heading(text), [text])


def first_heading(text: str) -> str:
    """The first heading of the first or second level; "" = there is none."""
    pattern = r"^#{1,2}[ \t]+(.+?)[ \t]*#*$|^(?=\S)(.+)\n=+[ \t]*$"
    match = re.search(pattern, text, re.MULTILINE)
    return (match.group(1) or match.group(2)) if match else ""
