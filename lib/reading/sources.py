"""What `doc_path` names: files and sitemaps, each with the name that its document will have."""

from __future__ import annotations

import gzip
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, SetupError

KINDS = {
    ".pdf": "pdf", ".txt": "txt", ".md": "md", ".markdown": "md", ".docx": "docx",
    ".html": "html", ".htm": "html", ".xhtml": "html", ".json": "json", ".jsonl": "json",
}  # fmt: skip
READABLE = "PDF, TXT, Markdown, DOCX, HTML and JSON"

Paths = str | Path | Sequence[str | Path]  # a folder, file, glob or sitemap, or a list of them


@dataclass(frozen=True)
class Source:
    """One file or sitemap."""

    name: str  # a file's path relative to the folder that all share; a sitemap's address
    place: Path | str  # str: of a sitemap
    kind: str  # one of DOCTYPES, "sitemap", or "" = it is not read
    held_out: bool = False


@dataclass(frozen=True)
class Skipped:
    """A file, page or record that gave no text."""

    path: str  # what its document's id would be, or an address
    reason: str


def find_documents(recipe: Recipe) -> list[Source]:
    """The sources in the order of reading, each once; those of eval_doc_path first, held out.

    A relative path is looked up from the current folder, then from the project's. Hidden files of
    a folder are passed over. Only a sitemap that is itself named is one: to read a folder never
    means to ask the web.

    Raises:
        SetupError: a path does not exist, a glob matches nothing, or the doctype is unknown.
    """
    doctype = recipe.doctype
    found: dict[Path | str, Source] = {}
    bases: list[Path] = []
    for parameter in ("eval_doc_path", "doc_path"):
        held_out = parameter == "eval_doc_path"
        for item in _items(getattr(recipe, parameter)):
            if "://" in str(item) or _is_sitemap(find_path(item)):
                if doctype:
                    raise SetupError(
                        f"doctype = '{doctype}' is for files, and {item} is a sitemap. Leave "
                        "doctype empty."
                    )
                found.setdefault(str(item), Source(str(item), str(item), "sitemap", held_out))
                continue
            base, files = _expand(item, parameter)
            bases.append(base)
            for path in files:
                kind = doctype or KINDS.get(path.suffix.lower(), "")
                found.setdefault(path, Source("", path, kind, held_out))
    root = Path(os.path.commonpath(bases)) if bases else Path()
    return [
        replace(source, name=_name(place, root)) if isinstance(place, Path) else source
        for place, source in found.items()
    ]


def find_path(path: str | Path) -> Path | None:
    """As given, or from the current folder, then from the project's; None if it is not there."""
    path = Path(path).expanduser()
    there = (candidate for candidate in (path, PROJECT_DIR / path) if candidate.exists())
    return next(there, None)


def _items(paths: Paths) -> Sequence[str | Path]:
    if isinstance(paths, str | Path):
        return [paths] if str(paths) else []
    return paths


def _expand(item: str | Path, parameter: str) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and the files, in the order of their names."""
    if found := find_path(item):
        if found.is_file():
            base = found.parent.resolve()
            return base, [base / found.name]
        base = found.resolve()
        return base, _visible([base], base)
    parts = Path(item).expanduser().parts
    magic = next((i for i, part in enumerate(parts) if re.search(r"[*?[]", part)), None)
    if magic is None:
        raise SetupError(
            f"{item} does not exist. Set {parameter} to a file or folder of {READABLE}, a glob, "
            "or a sitemap."
        )
    for start in (Path.cwd(), PROJECT_DIR):
        base = start.joinpath(*parts[:magic]).resolve()
        with suppress(ValueError):  # no pattern at all: "**.md", say
            if files := _visible(base.glob(str(Path(*parts[magic:]))), base):
                return base, files
    raise SetupError(
        f"{item} matches no files. Set {parameter} to a glob that does: docs/**/*.md, say, where "
        "** stands for any folders."
    )


def _visible(places: Iterable[Path], base: Path) -> list[Path]:
    """The files among the places and in folders among them, without those hidden below base."""
    files = {
        path
        for place in places
        for path in ([place] if place.is_file() else place.rglob("*"))
        if path.is_file() and not any(n[0] == "." for n in path.relative_to(base).parts)
    }
    return sorted(files, key=lambda path: path.relative_to(base).as_posix())


def _name(path: Path, root: Path) -> str:
    return unicodedata.normalize("NFC", path.relative_to(root).as_posix())


def _is_sitemap(path: Path | None) -> bool:
    """`….xml` or `….xml.gz` with a root <urlset> or <sitemapindex>."""
    if not path or not path.name.lower().endswith((".xml", ".xml.gz")):
        return False
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            beginning = file.read(10_000)
    except (OSError, EOFError):
        return False
    return re.search(rb"<(?:[\w.-]+:)?(?:urlset|sitemapindex)[\s>]", beginning) is not None
