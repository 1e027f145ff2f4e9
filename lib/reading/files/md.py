"""Markdown."""

import re
from pathlib import Path

from lib.reading.assemble import Text, clean
from lib.reading.tables import read_text

ENDINGS = (".md", ".markdown")
IN_WORKER = False

_FRONT = re.compile(r"\s*^(---|\+\+\+)[ \t]*\n((?s:.*?))^(?:\1|\.{3})[ \t]*(?:\n|\Z)", re.MULTILINE)
_TITLE = re.compile(r"^title\s*[:=][ \t]*[\"']?(.+?)[\"']?[ \t]*$", re.MULTILINE)
# Comments and scripts, but for those that are shown as code
_UNSEEN = re.compile(
    r"(?P<code>^[ \t]*(```|~~~).*?^[ \t]*\2|^(?: {4}|\t).*?$|`[^`\n]+`)"
    r"|<!--.*?-->|<(script|style)\b.*?</\3\s*>",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


def read(path: Path) -> Text:
    """The whole text without comments and front matter, whose title counts where no heading is."""
    text, title = clean(read_text(path)), None
    if (front := _FRONT.match(text)) and _is_front_matter(front[1], front[2]):
        text, title = text[front.end() :], _TITLE.search(front[2])
    text = _UNSEEN.sub(lambda found: found["code"] or "", text)
    return Text(first_heading(text) or (title[1] if title else ""), [text])


def _is_front_matter(rule: str, inside: str) -> bool:
    """Whether it is a mapping: YAML, or TOML between `+++`. Else it is text between two rules.

    Lines from `key: …` on without an empty one count, too: their YAML may be broken.
    """
    import tomllib

    import yaml

    try:
        values = (tomllib.loads if rule == "+++" else yaml.safe_load)(inside)
    except (ValueError, TypeError, RecursionError, yaml.YAMLError):
        return re.fullmatch(r"[\w-]+:.*\n(?:.+\n)*", inside) is not None
    return values is None or isinstance(values, dict)


def first_heading(text: str) -> str:
    """The first heading of the first or second level; "" = there is none."""
    pattern = r"^#{1,2}[ \t]+(.+?)[ \t]*#*$|^(?=\S)(.+)\n=+[ \t]*$"
    match = re.search(pattern, text, re.MULTILINE)
    return (match.group(1) or match.group(2)) if match else ""
