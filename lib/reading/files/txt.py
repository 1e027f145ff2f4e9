"""Plain text, in UTF-8 or UTF-16."""

import re
from pathlib import Path

from lib.reading.assemble import Text, clean
from lib.reading.tables import read_text

ENDINGS = (".txt",)
IN_WORKER = False


def read(path: Path) -> Text:
    """The whole text; its title is a first line that has an empty line below it."""
    text = clean(read_text(path))
    heading = re.search(r"\A\s*(\S.{2,98}[^\s.;,])[ \t]*\n[ \t]*\n", text)
    return Text(heading.group(1) if heading else "", [text])
