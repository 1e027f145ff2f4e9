"""The documents of a path, read as a notebook does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.reading.documents import Skipped, iter_documents
from lib.recipe import Recipe
from lib.records import Document

Paths = str | Path | list[Path]


@dataclass(frozen=True)
class Loaded:
    documents: list[Document]
    skipped: list[Skipped]


def recipe(doc_path: Paths, **knobs: Any) -> Recipe:
    """A recipe that reads a path, or paths."""

    def text(paths: Paths) -> str | list[str]:
        return [str(path) for path in paths] if isinstance(paths, list) else str(paths)

    if "eval_doc_path" in knobs:
        knobs["eval_doc_path"] = text(knobs["eval_doc_path"])
    return Recipe(doc_path=text(doc_path), **knobs)


def load(doc_path: Paths, **knobs: Any) -> Loaded:
    found = list(iter_documents(recipe(doc_path, **knobs)))
    return Loaded(
        [entry for entry in found if isinstance(entry, Document)],
        [entry for entry in found if isinstance(entry, Skipped)],
    )
