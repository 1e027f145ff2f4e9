"""The documents of a run and their chunks, read while the first are already asked about."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import closing

from lib.duplicates import Conflicts, conflicts
from lib.gen.ask.estimates import estimate
from lib.gen.chunks import Splitter, pieces_cache
from lib.gen.splits import check_corpus
from lib.reading.documents import Skipped, iter_documents
from lib.reading.evaluation_file import read_evaluation_file
from lib.recipe import Recipe
from lib.records import Chunk, Document, Rejected
from lib.settings import SetupError, endpoint_settings


class Corpus:
    """What was read so far: documents and their chunks, in an order that is always the same.

    Iterating gives the chunks, those that were read before first, and reads on. The first comes
    once there are enough of them to fill rows, so that nothing is paid for documents that cannot.

    Raises:
        SetupError: when read: a path does not exist, nothing can be read, or the documents cannot
            fill a row.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.documents: list[Document] = []
        self.skipped: list[Skipped] = []
        self.chunks: list[Chunk] = []
        self.dropped: list[Rejected] = []  # chunks that are too short or were seen before
        self.same: Conflicts = {}  # chunks that count as the same, once all are read
        # Read first: a mistake in it is said before anything is paid.
        self.evaluation = read_evaluation_file(recipe.eval_file) if recipe.eval_file else []
        self._reading = self._read()

    @property
    def held_out(self) -> set[str]:
        """The ids of the documents that only evaluate."""
        return {document.id for document in self.documents if document.held_out}

    def read(self, documents: int | None = None) -> Corpus:
        """Read until there are so many documents; None: all."""
        while documents is None or len(self.documents) < documents:
            if next(self._reading, None) is None:
                break
        return self

    def __iter__(self) -> Iterator[Chunk]:
        given, look_at = 0, 1
        enough = self.recipe.dataset_kind == "qa"
        while next(self._reading, None) is not None:
            if not enough and len(self.chunks) >= look_at:
                look_at = 2 * len(self.chunks)  # seldom: each look compares all chunks
                enough = self._fills_rows()
            while enough and given < len(self.chunks):
                yield self.chunks[given]
                given += 1
        yield from self.chunks[given:]

    def _read(self) -> Iterator[Document | Skipped]:
        recipe = self.recipe
        embed = None
        if recipe.chunker == "semantic":
            from lib.rag.embedder import load_embedder

            embed = load_embedder(recipe).documents
        with closing(pieces_cache()) as cache:
            splitter = Splitter(recipe, embed=embed, cache=cache)
            for entry in iter_documents(recipe):
                if isinstance(entry, Skipped):
                    self.skipped.append(entry)
                    print(f"skipped: {entry.path}: {entry.reason}", flush=True)
                else:
                    split = splitter.split(entry)
                    self.documents.append(entry)
                    self.chunks += split.chunks
                    self.dropped += split.dropped
                yield entry
        self._all_read()

    def _all_read(self) -> None:
        """Check what there is, and say what asking will take."""
        documents, chunks = len(self.documents), len(self.chunks)
        print(f"{documents:,} documents, {chunks:,} chunks ({len(self.dropped):,} dropped)")
        if not self.chunks:
            raise SetupError(
                f"The {documents} documents hold no chunk of {self.recipe.min_chunk_chars} "
                "characters or more. Add documents with text."
            )
        if self.recipe.dataset_kind != "qa":
            self.same = conflicts(self.chunks)
            check_corpus(self.chunks, self.same, self.recipe, eval_documents=self.held_out)
        print(estimate(self.chunks, self.recipe), flush=True)

    def _fills_rows(self) -> bool:
        """Whether the chunks so far would do: then all will."""
        recipe = dataclasses.replace(self.recipe, split_by="chunk", too_few="error")
        same = conflicts(self.chunks)
        try:
            check_corpus(self.chunks, same, recipe, eval_documents=self.held_out)
        except SetupError:
            return False
        return True


def needs_all(recipe: Recipe) -> bool:
    """Whether every document must be read before the first question."""
    draws = recipe.max_chunks > 0 or recipe.chunker == "semantic"
    return draws or recipe.batch or recipe.dry_run or endpoint_settings("teacher") is None
