"""Markdown."""

import re
from pathlib import Path
from typing import Any

from lib.reading.assemble import Text, clean
from lib.reading.tables import read_text

ENDINGS = (".md", ".markdown")
IN_WORKER = False

_FRONT = re.compile(r"\s*^(---|\+\+\+)[ \t]*\n((?s:.*?))^(?:\1|\.{3})[ \t]*(?:\n|\Z)", re.MULTILINE)
_BEGINNING = 500  # characters: a heading behind them is that of a part ("See also")
# Comments and scripts, but for those that are shown as code
_UNSEEN = re.compile(
    r"(?P<code>^[ \t]*(```|~~~).*?^[ \t]*\2|^(?: {4}|\t).*?$|`[^`\n]+`)"
    r"|<!--.*?-->|<(script|style)\b.*?</\3\s*>",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


def read(path: Path) -> Text:
    """The whole text without comments and front matter, whose title comes before any heading."""
    text, values = clean(read_text(path)), None
    if (front := _FRONT.match(text)) and (values := _front_matter(*front.groups())) is not None:
        text = text[front.end() :]
    text = _UNSEEN.sub(lambda found: found["code"] or "", text)
    return Text(str((values or {}).get("title") or first_heading(text)), [text])


def _front_matter(rule: str, inside: str) -> dict[Any, Any] | None:
    """Its values, of YAML, or TOML between `+++`; None: it is text between two rules."""
    import tomllib

    import yaml

    try:
        values = (tomllib.loads if rule == "+++" else yaml.safe_load)(inside)
    except (ValueError, TypeError, RecursionError, yaml.YAMLError):
        return None
    return (values or {}) if isinstance(values, dict | None) else None


def first_heading(text: str) -> str:
    """The first heading of the first or second level that begins the text; "" = there is none."""
    pattern = r"^#{1,2}[ \t]+(.+?)[ \t]*#*$|^(?=\S)(.+)\n=+[ \t]*$"
    match = re.search(pattern, text, re.MULTILINE)
    return (match[1] or match[2]) if match and match.start() < _BEGINNING else ""
