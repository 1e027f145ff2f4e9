"""Search by words: BM25 (Lucene's formula, by bm25s) over the terms of `lib.text`.

No stop words and no stems: the documents may be in any language. A term with accents is also a term
without them, for questions that are typed without accents (docs/experiments.md).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.records import Chunk
from lib.store import artefact_dir, building, read_json, write_json
from lib.text import terms, unaccented

if TYPE_CHECKING:
    import bm25s

_IDS = "ids.json"


@dataclass(frozen=True)
class KeywordIndex:
    ids: list[str]  # of the chunks, in the index's order
    bm25: bm25s.BM25

    def search(self, questions: Sequence[str], *, k: int) -> list[list[tuple[str, float]]]:
        """(chunk id, score) of at most k chunks that share a word, the best first."""
        asked = [_terms(question) for question in questions]
        count = min(k + 20, len(self.ids))  # those of one score stand in the order of their ids
        found, scores = self.bm25.retrieve(asked, k=count, show_progress=False)
        return [
            sorted(
                ((self.ids[place], round(float(score), 4)) for place, score in pairs if score > 0),
                key=lambda pair: (-pair[1], pair[0]),
            )[:k]
            for pairs in (zip(*row, strict=True) for row in zip(found, scores, strict=True))
        ]


def index_terms(texts: Sequence[str], of: Callable[[str], list[str]]) -> Any:
    """A BM25 index by the terms `of` each text; ids in place of words: a tenth of the memory."""
    from array import array

    import bm25s

    vocabulary: dict[str, int] = {}
    ids = [
        array("i", (vocabulary.setdefault(t, len(vocabulary)) for t in of(text) or [""]))
        for text in texts
    ]
    index = bm25s.BM25(csc_backend="scipy")
    index.index((ids, vocabulary), show_progress=False)
    return index


def _terms(text: str) -> list[str]:
    """`"cầu phà"` → `["cầu", "phà", "cau", "pha"]`"""
    found = terms(text)
    accented = (term for term in found if not term.isascii())
    return [*found, *(plain for t in accented if (plain := unaccented(t)) != t)]


def open_index(chunks: Collection[Chunk]) -> KeywordIndex:
    """Of `artefacts/indexes/bm25-<fingerprint>`, which is built if it cannot be read."""
    made_of = {"texts": [(chunk.id, chunk.text) for chunk in chunks], "format": 1}
    target = artefact_dir("indexes", "bm25", made_of)
    try:
        return _read(target)
    except (OSError, ValueError, LookupError, EOFError):  # not there, or damaged
        with building(target) as folder:
            index = index_terms([chunk.text for chunk in chunks], _terms)
            index.save(folder, show_progress=False)
            write_json(folder / _IDS, [chunk.id for chunk in chunks])
        return _read(target)


def _read(folder: Path) -> KeywordIndex:
    import bm25s

    return KeywordIndex(read_json(folder / _IDS), bm25s.BM25.load(folder, show_progress=False))
