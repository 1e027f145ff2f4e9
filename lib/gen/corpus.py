"""The documents of a run and their chunks, read while the first are already asked about."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from lib.duplicates import Conflicts, conflicts, repeated
from lib.gen.ask.estimates import estimate
from lib.gen.ask.shares import drawn, shares
from lib.gen.chunks import MIN_CHUNK_WORDS, Splitter, pieces_cache
from lib.gen.own_questions import OwnQuestions, find_own
from lib.gen.splits import check_corpus, too_few_documents
from lib.reading.documents import Skipped, iter_documents, read_sources
from lib.reading.questions_file import documents_of, read_evaluation_file, read_training_file
from lib.reading.sources import Source, find_documents
from lib.recipe import Recipe
from lib.records import Chunk, Document, Rejected
from lib.settings import SetupError

_PART = 8  # files that a worker of a cluster reads together
_MOST_LOOKED_AT = 2000  # chunks; where so many do not prove that rows can be filled, all are read


class Corpus:
    """What was read so far: documents and their chunks, in an order that is always the same.

    Iterating gives the chunks, and reads on. The first comes once it is proved that every split and
    row can be filled, whatever is still read. Chunks that may repeat an earlier one come last.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.documents: list[Document] = []
        self.skipped: list[Skipped] = []
        self.chunks: list[Chunk] = []
        self.dropped: list[Rejected] = []  # chunks that are too short or were seen before
        self.same: Conflicts = {}  # chunks that count as the same, once all are read
        self._near: list[Chunk] = []  # dropped as near duplicates; those that came back
        # Read first: a mistake in it is said before anything is paid.
        self.evaluation = read_evaluation_file(recipe.eval_file) if recipe.eval_file else []
        self.own = OwnQuestions()  # of train_file, once all is read
        self.notes: list[str] = []  # on the splits and rows to come, which are said then
        self._items = read_training_file(recipe.train_file) if recipe.train_file else []
        self._reading = self._read()

    @property
    def held_out(self) -> set[str]:
        return {document.id for document in self.documents if document.held_out}

    def read(self, documents: int | None = None) -> "Corpus":
        """Read until there are so many documents; None: all."""
        while documents is None or len(self.documents) < documents:
            if next(self._reading, None) is None:
                break
        return self

    def __iter__(self) -> Iterator[Chunk]:
        given, look_at = list[Chunk](), 1
        enough = self.recipe.dataset_kind == "qa"
        while next(self._reading, None) is not None:
            if not enough and look_at <= min(len(self.chunks), _MOST_LOOKED_AT):
                look_at = 2 * len(self.chunks)  # seldom: each look compares all chunks
                enough = self._fills_rows()
            while enough and len(given) < len(self.chunks):
                given.append(self.chunks[len(given)])
                yield given[-1]
        ids, last = ({chunk.id for chunk in chunks} for chunks in (given, self._near))
        rest = (chunk for chunk in self.chunks if chunk.id not in ids)
        yield from sorted(rest, key=lambda chunk: chunk.id in last)

    def _read(self) -> Iterator[Document | Skipped]:
        recipe = self.recipe
        splitter = Splitter(recipe, cache=pieces_cache())
        if recipe.cluster and recipe.doc_path:
            _fill_cache(recipe)
        entries = documents_of(self._items, Path(recipe.train_file).name)
        for entry in iter_documents(recipe) if recipe.doc_path else entries:
            if isinstance(entry, Skipped):
                self.skipped.append(entry)
                print(f"skipped: {entry.path}: {entry.reason}", flush=True)
            else:
                split = splitter.split(entry)
                self.documents.append(entry)
                self.chunks += split.chunks
                self.dropped += split.dropped
                self._near += split.near
            yield entry
        # All is read: check what there is, and say what asking will take.
        self._bring_back()
        documents, chunks = len(self.documents), len(self.chunks)
        print(f"{documents:,} documents, {chunks:,} chunks ({len(self.dropped):,} dropped)")
        if not self.chunks:
            raise SetupError(
                f"The {documents} documents of doc_path = {recipe.doc_path!r} hold no chunk of "
                f"{recipe.min_chunk_chars} characters and {MIN_CHUNK_WORDS} words or more. Add "
                "documents with text, or, where doc_path is '', passages to train_file."
            )
        if self._items:
            self.own = find_own(self._items, self.documents, self.chunks, recipe)
            print(self.own)
            if not self.own.given and not recipe.questions_per_chunk:
                first = self.own.rejected[0]
                raise SetupError(
                    f"No question of train_file can be used. The first, {first.question_id}: "
                    f"{first.reason}. Set doc_path to the documents that they are about, or to '' "
                    "if the rows bring their own passages."
                )
        if recipe.dataset_kind != "qa":
            self.same = conflicts(self.chunks)
            given = [given.question for given in self.own.given]
            asked = {share.chunk.id for share in shares(drawn(self.chunks, recipe), recipe)}
            asked.update(chunk_id for question in given for chunk_id in question.chunk_ids)
            corpus = self.chunks, self.same, recipe
            held_out = self.held_out
            self.notes = check_corpus(*corpus, asked=asked, given=given, eval_documents=held_out)
            print(*self.notes, sep="\n", end="\n" * bool(self.notes))
        print(estimate(self.chunks, recipe, self.own.given), flush=True)

    def _bring_back(self) -> None:
        """The chunks whose near duplicates only have the same boilerplate are not dropped."""
        if not self._near:
            return
        order = {document.id: number for number, document in enumerate(self.documents)}
        every = sorted([*self.chunks, *self._near], key=lambda c: (order[c.document_id], c.start))
        near = {chunk.id for chunk in self._near}
        back = near - repeated(every, near, self.recipe.near_duplicate_share)
        self.chunks = [chunk for chunk in every if chunk.id in back or chunk.id not in near]
        self.dropped = [item for item in self.dropped if item.chunk_id not in back]
        self._near = [chunk for chunk in self._near if chunk.id in back]

    def _fills_rows(self) -> bool:
        """Whether the chunks so far do, if all that share anything counted as the same: then all
        chunks will."""
        recipe = dataclasses.replace(self.recipe, too_few="error")
        chunks = self.chunks[:_MOST_LOOKED_AT]
        if recipe.split_by == "document" and too_few_documents(chunks):
            return False
        with suppress(SetupError):
            check_corpus(chunks, conflicts(chunks, share=0), recipe)
            return True
        return False


def _fill_cache(recipe: Recipe) -> None:
    """Read and cut the files on the nodes of the cluster; what they leave out is done here."""
    from lib.cluster import on_nodes

    files = [source for source in find_documents(recipe) if source.kind != "sitemap"]
    parts = [files[start : start + _PART] for start in range(0, len(files), _PART)]
    cut = sum(on_nodes(partial(_cut_part, recipe), parts, recipe.cluster))
    print(f"{cut:,} documents were read by the cluster {recipe.cluster}", flush=True)


def _cut_part(recipe: Recipe, files: Sequence[Source]) -> int:
    """On a node: texts and pieces of documents go into the cache; returns their number."""
    splitter, cut = Splitter(recipe, cache=pieces_cache()), 0
    for entry in read_sources(files, recipe):
        if isinstance(entry, Document):
            cut += 1
            if recipe.chunker != "semantic":  # it embeds
                splitter.pieces(entry.text)
    return cut
