"""Word files, as Markdown (markitdown)."""

import re
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from lib.reading.assemble import Text
from lib.reading.files.html import MARKDOWN_OPTIONS, tidied
from lib.reading.tables import read_bytes

ENDINGS = (".docx",)
IN_WORKER = True

# Left out with what they hold by mammoth, with which markitdown reads: fields, moved text, …
_WRAPPERS = re.compile(rb"(</?w:)(?:fldSimple|customXml|moveTo|dir|bdo|ruby|rubyBase)\b")


def read(path: Path) -> Text:
    """Headings, lists and tables are kept, links become their words; the title is a heading."""
    from markitdown import StreamInfo
    from markitdown.converters import DocxConverter

    data = read_bytes(path)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise ValueError("it is an old .doc, or encrypted: save it as DOCX without a password")
    try:
        found = DocxConverter().convert(
            _known_parts(data), StreamInfo(extension=".docx"), **MARKDOWN_OPTIONS
        )
    except (BadZipFile, KeyError) as error:
        raise ValueError("it is not a readable DOCX") from error
    text = tidied(found.markdown)
    heading = re.search(r"^#{1,2} (.+)", text, re.MULTILINE)
    return Text(heading.group(1) if heading else "", [text])


def _known_parts(data: bytes) -> BytesIO:
    """The file with those wrappers as smart tags, whose text is read."""
    changed = BytesIO()
    with ZipFile(BytesIO(data)) as old, ZipFile(changed, "w") as new:
        for name in dict.fromkeys(old.namelist()):
            content = old.read(name)
            if name.startswith("word/") and name.endswith(".xml"):
                content = _WRAPPERS.sub(rb"\1smartTag", content)
            new.writestr(name, content)
    changed.seek(0)
    return changed
