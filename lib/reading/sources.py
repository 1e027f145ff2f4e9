"""The files and sitemaps that `doc_path` names, each with the id that its document will have."""

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
    kind: str  # a file type (a module of `files`), "sitemap", or "" = none
    held_out: bool = False
    problem: str = ""  # why it is not read; "" = it is


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
            if "://" in item and doctype:
                raise SetupError(
                    f"doctype = '{doctype}' is for files, and {item} is a sitemap. Leave it empty."
                )
            xml = not doctype and re.search(r"(?i)\.xml(\.gz)?$", item)
            if "://" in item or (xml and (file := find_path(item)) and file.is_file()):
                found.setdefault(item, Source(item, item, "sitemap", held_out))
                continue
            base, files = _expand(item, parameter)
            bases.append(base)
            for path, problem in files.items():
                ending = path.suffix.lower()
                kind = doctype or types_by_ending().get(ending, "")
                if not kind:
                    problem = problem or f"{ending or 'no'} ending: only {readable()} are read"
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
        base = (found.parent if found.is_file() else found).resolve()
        return base, {base / found.name: ""} if found.is_file() else _visible([base], base)
    parts = expanded(item).parts
    magic = next((i for i, part in enumerate(parts) if re.search(r"[*?[]", part)), len(parts))
    for start in (Path.cwd(), PROJECT_DIR) if parts[magic:] else ():
        base = start.joinpath(*parts[:magic]).resolve()
        with suppress(ValueError):  # not a pattern: "**.md", say
            if files := _visible(base.glob(str(Path(*parts[magic:]))), base):
                return base, files
    raise SetupError(
        f"{item} does not exist, and as a glob it matches no files. Set {parameter} to a file or "
        f"folder ({readable()}), a glob (docs/**/*.md: ** means any folders) or a sitemap."
    )


def _visible(places: Iterable[Path], base: Path) -> dict[Path, str]:
    """The files among the places and below them, sorted by name, but for those hidden below base;
    each with the reason why it cannot be read, or "".

    Links to folders are not followed: they could lead in a circle, or to the whole disk.
    """
    found: set[Path] = set()
    refused: dict[Path, str] = {}

    def refuse(error: OSError) -> None:
        refused[Path(error.filename)] = f"the folder cannot be entered: {reason_of(error)}"

    for place in places:
        found.add(place)
        if place == base or (place.is_dir() and not place.is_symlink()):
            for folder, folders, files in os.walk(place, onerror=refuse):
                folders[:] = (name for name in folders if name[0] != ".")
                found.update(Path(folder, name) for name in (*files, *folders))
    names = {path.relative_to(base).as_posix(): path for path in found}
    visible = (names[name] for name in sorted(names) if not re.search(r"(^|/)\.[^/]", name))
    problems = ((path, refused.get(path) or _problem(path)) for path in visible)
    return {path: problem for path, problem in problems if problem is not None}


def _problem(path: Path) -> str | None:
    """Why it is not read; "" = it is, None = it is a folder."""
    # Path's own methods raise an error in a folder that cannot be entered.
    if os.path.isdir(path):  # noqa: PTH112
        return "a link to a folder: name that folder itself" if path.is_symlink() else None
    if not os.path.isfile(path):  # noqa: PTH113
        return "a link that leads nowhere, or no ordinary file"
    with suppress(OSError), path.open("rb") as file:
        if file.read(40).startswith(b"version https://git-lfs."):
            return "a pointer of Git LFS, not the file: run `git lfs pull`"
    return ""
