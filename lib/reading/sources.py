"""The files and sitemaps that `doc_path` names, each with the id that its document will have."""

import gzip
import os
import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lib.reading.assemble import reason_of
from lib.reading.files import readable, types_by_ending
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, SetupError, expanded


@dataclass(frozen=True)
class Source:
    """One file or sitemap."""

    name: str  # a file's path relative to the folder that all share; a sitemap's address
    place: Path | str  # str: of a sitemap
    kind: str  # a file type (a module of `files`), "sitemap", or "" = it is not read
    held_out: bool = False
    problem: str = ""  # why it cannot be read; "" = it may be


def find_documents(recipe: Recipe) -> list[Source]:
    """The sources in the order of reading, each once; those of eval_doc_path first, held out.

    Hidden files of a folder are left out. A sitemap must be named itself: reading a folder never
    asks the web.
    """
    doctype = recipe.doctype
    found: dict[Path | str, Source] = {}
    bases: list[Path] = []
    for parameter in ("eval_doc_path", "doc_path"):
        paths, held_out = getattr(recipe, parameter), parameter == "eval_doc_path"
        for item in paths if isinstance(paths, list) else [paths] if paths else []:
            if "://" in item or _is_sitemap(find_path(item)):
                if doctype:
                    raise SetupError(
                        f"doctype = '{doctype}' is for files, and {item} is a sitemap. Leave "
                        "doctype empty."
                    )
                found.setdefault(item, Source(item, item, "sitemap", held_out))
                continue
            base, files = _expand(item, parameter)
            bases.append(base)
            for path, problem in files.items():
                kind = doctype or types_by_ending().get(path.suffix.lower(), "")
                found.setdefault(path, Source("", path, kind, held_out, problem))
    root = Path(os.path.commonpath(bases)) if bases else Path()
    return [
        source if isinstance(place, str) else replace(source, name=_name(place.relative_to(root)))
        for place, source in found.items()
    ]


def _name(path: Path) -> str:
    """With forward slashes; bytes that are no UTF-8, and control characters, as `\\udcff`."""
    return "".join(
        repr(letter)[1:-1] if unicodedata.category(letter) in ("Cc", "Cs") else letter
        for letter in unicodedata.normalize("NFC", path.as_posix())
    )


def find_path(path: str | Path) -> Path | None:
    """As given, or from the current folder, then from the project's; None if it is not there."""
    path = expanded(path)
    there = (candidate for candidate in (path, PROJECT_DIR / path) if candidate.exists())
    return next(there, None)


def _expand(item: str, parameter: str) -> tuple[Path, dict[Path, str]]:
    """The folder that ids are relative to, and what `_visible` gives."""
    if found := find_path(item):
        if found.is_file():
            base = found.parent.resolve()
            return base, {base / found.name: ""}
        base = found.resolve()
        return base, _visible([base], base)
    parts = expanded(item).parts
    magic = next((i for i, part in enumerate(parts) if re.search(r"[*?[]", part)), None)
    if magic is None:
        raise SetupError(
            f"{item} does not exist. Set {parameter} to a file or folder ({readable()}), a glob, "
            "or a sitemap."
        )
    for start in (Path.cwd(), PROJECT_DIR):
        base = start.joinpath(*parts[:magic]).resolve()
        with suppress(ValueError):  # not a pattern: "**.md", say
            if files := _visible(base.glob(str(Path(*parts[magic:]))), base):
                return base, files
    raise SetupError(
        f"{item} matches no files. Set {parameter} to a glob that does, like docs/**/*.md, where "
        "** means any folders."
    )


def _visible(places: Iterable[Path], base: Path) -> dict[Path, str]:
    """The files among the places and below them, sorted by name, but for those hidden below base;
    each with the reason why it cannot be read, or "".

    Links to folders are not followed: they could lead in a circle, or to the whole disk.
    """
    found: dict[Path, str] = {}
    link = "a link to a folder: name that folder itself"

    def refused(error: OSError) -> None:
        found[Path(error.filename)] = f"the folder cannot be entered: {reason_of(error)}"

    for place in places:
        is_link = place.is_symlink() and place != base
        if is_link or not place.is_dir():
            found[place] = link if is_link and place.is_dir() else ""
            continue
        for folder, folders, files in os.walk(place, onerror=refused):
            folders[:] = (name for name in folders if name[0] != ".")
            found.update((Path(folder, name), "") for name in files)
            links = (path for name in folders if (path := Path(folder, name)).is_symlink())
            found.update((path, link) for path in links)
    for path, problem in found.items():
        # Path.is_file raises an error in a folder that cannot be entered.
        if not problem and not os.path.isfile(path):  # noqa: PTH113
            found[path] = "a link that leads nowhere, or no ordinary file"
        elif not problem and _is_pointer(path):
            found[path] = "a pointer of Git LFS, not the file: run `git lfs pull`"
    names = {path: path.relative_to(base) for path in found}
    return {
        path: found[path]
        for path in sorted(found, key=lambda path: names[path].as_posix())
        if not any(part[0] == "." for part in names[path].parts)
    }


def _is_pointer(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return file.read(40).startswith(b"version https://git-lfs.")
    return False


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
