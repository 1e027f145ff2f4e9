"""The documents of a path, read as a notebook does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lib.reading.documents import Loaded, load_documents
from lib.recipe import Recipe

Paths = str | Path | list[Path]


def recipe(doc_path: Paths, **knobs: Any) -> Recipe:
    """A recipe that reads a path, or paths."""

    def text(paths: Paths) -> str | list[str]:
        return [str(path) for path in paths] if isinstance(paths, list) else str(paths)

    if "eval_doc_path" in knobs:
        knobs["eval_doc_path"] = text(knobs["eval_doc_path"])
    return Recipe(doc_path=text(doc_path), **knobs)


def load(doc_path: Paths, **knobs: Any) -> Loaded:
    return load_documents(recipe(doc_path, **knobs))
