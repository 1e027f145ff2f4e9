"""Chunks: verbatim slices of documents."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lib import duplicates
from lib import text as words
from lib.cache import Cache
from lib.duplicates import Marks, Seen
from lib.gen import chunkers
from lib.gen.chunkers import Embed, Span, markdown_spans, recursive_spans, semantic_spans
from lib.rag.embedder import load_embedder
from lib.reading.files.api import is_api_record
from lib.recipe import Recipe
from lib.records import Chunk, Document, Rejected
from lib.text import has_words, one_line

MIN_CHUNK_WORDS = 5
_WORTH_A_FILE = 10  # chunks: fewer are cut again sooner than they are read


def pieces_cache(folder: Path | None = None) -> Cache:
    """The cache in which a Splitter finds the pieces of documents that it cut before."""
    code = [Path(str(module.__file__)) for module in (chunkers, duplicates, words)]
    return Cache(code=[*code, Path(__file__)], folder=folder)


@dataclass(frozen=True)
class Split:
    chunks: list[Chunk]
    dropped: list[Rejected]  # "short": too little to ask about; "same", "near": said before
    near: list[Chunk] = field(default_factory=list)  # those dropped as "near"


class Splitter:
    """Cuts documents one after another. `embed` (texts → their vectors) is for the chunker
    "semantic"; None: the recipe's embedder."""

    def __init__(
        self, recipe: Recipe, *, embed: Embed | None = None, cache: Cache | None = None
    ) -> None:
        self._recipe, self._embed, self._cache = recipe, embed, cache
        self._seen = Seen(recipe.near_duplicate_share)

    def split(self, document: Document) -> Split:
        """The document's chunks that no document before it had.

        A record of API documentation is one chunk, whatever its length. Dropped, with the reason:
        short chunks, and those that repeat an earlier one (`Seen`; a record of an API, only one
        with the same text: each describes a call of its own).
        """
        chunks, near = list[Chunk](), list[Chunk]()
        dropped: list[Rejected] = []
        judges_near = not is_api_record(document.text)
        starts = [page.start for page in document.pages]
        for start, end, length, *marks in self.pieces(document.text):
            page = document.pages[bisect_right(starts, start) - 1]
            place = page.number, start, end, document.text[start:end]
            chunk = Chunk(f"{document.id}#{start}", document.id, document.title, *place)
            if not marks:
                dropped.append(Rejected("", chunk.id, "short", f"only {length} characters"))
                continue
            sketch = tuple(marks[1:]) if judges_near else ()
            if repeated := self._seen.repeated(chunk, Marks(marks[0], sketch)):
                dropped.append(Rejected("", chunk.id, *repeated))
                near += [chunk] if repeated[0] == "near" else []
            else:
                chunks.append(chunk)
        return Split(chunks, dropped, near)

    def pieces(self, text: str) -> list[list[int]]:
        """Start, end, length without white space; and the marks, where it is no short piece."""
        recipe = self._recipe
        # The embedding of the chunker "semantic" is not in the key.
        cache = None if recipe.chunker == "semantic" else self._cache
        if cache is None or len(text) < _WORTH_A_FILE * recipe.chunk_chars:
            return list(self._cut(text))
        sizes = recipe.chunk_chars, recipe.chunk_overlap_chars, recipe.min_chunk_chars
        key = "pieces", text, recipe.chunker, *sizes
        pieces: list[list[int]] | None = cache.get(*key)
        if pieces is None:
            pieces = list(self._cut(text))
            cache.put(pieces, *key)
        return pieces

    def _cut(self, text: str) -> Iterator[list[int]]:
        for start, end in self._spans(text):
            piece = text[start:end]
            length = len(one_line(piece))
            if length < self._recipe.min_chunk_chars or not has_words(piece, least=MIN_CHUNK_WORDS):
                yield [start, end, length]
            else:
                equal, sketch = Marks.of(piece)
                yield [start, end, length, equal, *sketch]

    def _spans(self, text: str) -> Iterator[Span]:
        if is_api_record(text):
            return iter([(0, len(text))])
        recipe = self._recipe
        if recipe.chunker == "semantic":
            self._embed = self._embed or load_embedder(recipe).documents
            return semantic_spans(text, recipe.chunk_chars, recipe.min_chunk_chars, self._embed)
        cut = markdown_spans if recipe.chunker == "markdown" else recursive_spans
        return cut(text, recipe.chunk_chars, recipe.chunk_overlap_chars)
