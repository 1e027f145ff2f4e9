"""Chunks → an index on disk: Chroma inside our process with our own vectors, and BM25."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.progress import Progress
from lib.prompts.languages import language_of
from lib.rag import keywords
from lib.rag.embedder import MINILM_NAME, Embedder, load_embedder
from lib.rag.sentences import SentenceVectors
from lib.recipe import Recipe, division_of, retrieval_parts
from lib.records import Chunk
from lib.settings import SetupError, portable
from lib.store import artefact_dir, building, read_json, write_json

if TYPE_CHECKING:
    from langchain_chroma import Chroma

COLLECTION = "chunks"
_SIZES = "sizes.json"
_READ_FOR_LANGUAGE = 2000  # characters of a document
_READ_FOR_MINILM = 200  # documents
_MULTILINGUAL = "intfloat/multilingual-e5-small"
ROWS_AT_ONCE = 5000  # SQLite takes 32,766 variables in a statement; Chroma sends one a row
# One thread always builds the same graph; a wide search finds what brute force finds (tested).
_HNSW = {
    "space": "cosine",
    "num_threads": 1,
    "ef_construction": 200,
    "ef_search": 200,
    "max_neighbors": 32,
}


class Index(AbstractContextManager["Index"]):
    """Chunks to look up, by vectors and by words.

    Either is built, or found in its folder, when it is first asked for. Opened until `close` or the
    end of `with`.
    """

    def __init__(self, chunks: Iterable[Chunk], load: Callable[[], Embedder]) -> None:
        self.by_id, self._load = {chunk.id: chunk for chunk in chunks}, load
        self._divided: dict[str, dict[str, Index]] = {}

    @property
    def num_chunks(self) -> int:
        return len(self.by_id)

    @cached_property
    def embedder(self) -> Embedder:
        return self._load()

    @cached_property
    def folder(self) -> Path:
        """The folder of its vectors."""
        return _vectors_dir(list(self.by_id.values()), self.embedder)

    @cached_property
    def _client(self) -> Any:
        return open_client(self.folder)

    @cached_property
    def collection(self) -> Any:
        """The Chroma collection: ids, vectors, texts, and the chunks' other fields as metadata."""
        return self._client.get_collection(COLLECTION, embedding_function=None)

    @cached_property
    def keywords(self) -> keywords.KeywordIndex:
        return keywords.open_index(self.by_id.values())

    @cached_property
    def sentences(self) -> SentenceVectors:
        return SentenceVectors(self.embedder)

    @cached_property
    def by_document(self) -> dict[str, list[Chunk]]:
        """Document id → its chunks, in their order."""
        found: dict[str, list[Chunk]] = defaultdict(list)
        for chunk in sorted(self.by_id.values(), key=lambda chunk: chunk.start):
            found[chunk.document_id].append(chunk)
        return found

    def divided(self, by: str, recipe: Recipe) -> dict[str, Index]:
        """An index for each of the "languages" of its documents, or of their "folders"; "": itself.

        Names are ISO 639 codes, or first folders ("." = in none) and hosts.
        """
        if not by:
            return {"": self}
        if by not in self._divided:
            parts: dict[str, list[Chunk]] = defaultdict(list)
            for document_id, chunks in self.by_document.items():
                parts[_group(document_id, chunks, by)] += chunks
            counts = (f"{name} {len(parts[name]):,}" for name in sorted(parts))
            print(f"{'index':12} chunks of {by}: {', '.join(counts)}")
            loads = {name: lambda: self.embedder for name in sorted(parts)}
            for name, model in recipe.model_of_index.items():
                loads[name] = partial(load_embedder, replace(recipe, embedding_model=model))
            self._divided[by] = {name: Index(parts[name], loads[name]) for name in sorted(parts)}
        return self._divided[by]

    def vector_store(self) -> Chroma:
        """The index as LangChain's VectorStore, for chains of your own."""
        from langchain_chroma import Chroma
        from langchain_core.embeddings import Embeddings

        embedder = self.embedder

        class OurEmbeddings(Embeddings):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return [row.tolist() for row in embedder.documents(texts)]

            def embed_query(self, text: str) -> list[float]:
                return [float(value) for value in embedder.queries([text])[0]]

        return Chroma(COLLECTION, client=self._client, embedding_function=OurEmbeddings())

    def close(self) -> None:
        self.__dict__.pop("collection", None)
        if client := self.__dict__.pop("_client", None):
            client.close()
        for part in chain.from_iterable(parts.values() for parts in self._divided.values()):
            part.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def build_index(chunks: Sequence[Chunk], recipe: Recipe) -> Index:
    """An index of the chunks, with what the recipe's retrieval looks them up by: see `Index`."""
    if not chunks:
        raise SetupError("There are no chunks to index. Run 1_gen.ipynb on at least one document.")
    if len({chunk.id for chunk in chunks}) < len(chunks):
        raise SetupError("Two chunks have one id. The dataset is damaged: run 1_gen.ipynb again.")
    index = Index(chunks, partial(load_embedder, recipe))
    searches = [
        (parts[0], index.divided(division_of(parts), recipe))
        for parts in map(retrieval_parts, recipe.retrieval)
    ]
    names = {name for _, indexes in searches for name in indexes if name}
    if unknown := [name for name in recipe.model_of_index if name not in names]:
        raise SetupError(
            f"index_models names '{unknown[0]}', and the indexes of these documents are: "
            f"{', '.join(sorted(names))}. Name one of these."
        )
    for search, indexes in searches:
        for one in indexes.values():
            if search != "keywords":
                _ = one.folder
            if search != "dense":
                _ = one.keywords
    return index


def _group(document_id: str, chunks: Sequence[Chunk], by: str) -> str:
    """`harbour/tides.md` → "harbour", `https://docs.example.com/a` → "docs.example.com"."""
    if by == "languages":
        return language_of(" ".join(chunk.text for chunk in chunks)[:_READ_FOR_LANGUAGE])
    first, is_inside, _ = document_id.split("://", 1)[-1].partition("/")
    return first if is_inside else "."


def _vectors_dir(chunks: Sequence[Chunk], embedder: Embedder) -> Path:
    """`artefacts/indexes/<model>-<fingerprint>`, built if it is not there.

    Of an earlier index of the same model only the vectors of the same texts are taken: Chroma's
    graph loses chunks when others are deleted or replaced. A damaged folder is built anew.
    """
    made_of = {"chunks": [asdict(chunk) for chunk in chunks], "embedder": embedder.identity}
    target = artefact_dir("indexes", embedder.name, made_of | {"format": 3})
    if target.is_dir() and _is_readable(target, len(chunks)):
        print(f"index        reused · {len(chunks):,} chunks · {portable(target)}")
        return target
    if embedder.name == MINILM_NAME:
        _say_other_languages(chunks)
    vectors = _known_vectors(target, embedder, chunks)
    if known := sum(chunk.text in vectors for chunk in chunks):
        print(f"index        {known:,} of {len(chunks):,} chunks are known")
    new = list(dict.fromkeys(chunk.text for chunk in chunks if chunk.text not in vectors))
    with building(target) as folder:
        if new:
            progress = Progress("index", len(new), note=lambda: embedder.name)
            vectors |= zip(new, embedder.documents(new, on_done=progress.advance), strict=True)
            progress.close()
        with open_client(folder) as client:
            _fill(client, chunks, vectors, embedder.identity)
        write_json(folder / _SIZES, _graph_sizes(folder))
    return target


def _say_other_languages(chunks: Sequence[Chunk]) -> None:
    """MiniLM reads English alone, and makes vectors of any text."""
    begins = {chunk.document_id: chunk.text for chunk in reversed(chunks)}
    sample = [*begins.values()][:: 1 + len(begins) // _READ_FOR_MINILM]
    counts = Counter(map(language_of, sample))
    if 2 * counts.pop("en", 0) < len(sample):
        found = ", ".join(f"{name} {count}" for name, count in counts.most_common(3))
        print(
            f"index        {MINILM_NAME} reads English, and most documents are not in English "
            f"(of {len(sample)}: {found}). Set embedding_model, for example to {_MULTILINGUAL}."
        )


def _known_vectors(target: Path, embedder: Embedder, chunks: Sequence[Chunk]) -> dict[str, Any]:
    """Text → its vector, of the readable index of this model with the most of these chunks, the
    newest of several."""
    sample = [chunk.id for chunk in chunks[:: 1 + len(chunks) // ROWS_AT_ONCE]]
    shared: dict[Path, int] = {}
    folders = [path for path in target.parent.glob(f"{embedder.name}-*") if path.is_dir()]
    for folder in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True):
        if folder != target and _is_readable(folder):
            with open_client(folder) as client:
                collection = client.get_collection(COLLECTION, embedding_function=None)
                if (collection.metadata or {}).get("embedder") == embedder.identity:
                    shared[folder] = len(collection.get(ids=sample, include=[])["ids"])
    vectors: dict[str, Any] = {}
    if not shared:
        return vectors
    with open_client(max(shared, key=lambda folder: shared[folder])) as client:
        collection = client.get_collection(COLLECTION, embedding_function=None)
        for start in range(0, collection.count(), ROWS_AT_ONCE):
            found = collection.get(
                limit=ROWS_AT_ONCE, offset=start, include=["documents", "embeddings"]
            )
            vectors |= zip(found["documents"], found["embeddings"], strict=True)
    return vectors


def _is_readable(folder: Path, count: int | None = None) -> bool:
    """Whether its database holds so many chunks (None: any), and its graph's files are as written.

    SQLite is asked: Chroma remembers a client that failed, and would find what is left of a graph.
    """
    path = (folder / "chroma.sqlite3").resolve()
    try:
        if (sizes := folder / _SIZES).is_file() and read_json(sizes) != _graph_sizes(folder):
            raise ValueError("files of its graph are damaged")
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            held = database.execute("SELECT COUNT(*) FROM embeddings").fetchone()[0]
        if count not in (None, held):
            raise ValueError(f"it holds {held:,} chunks, not {count:,}")
        return bool(held)
    except (OSError, ValueError, sqlite3.Error) as error:
        print(f"index        {portable(folder)} cannot be read ({error}): it is not used")
        return False


def _graph_sizes(folder: Path) -> dict[str, int]:
    """The bytes of Chroma's files of vectors and their neighbours, which it writes only once."""
    return {path.name: path.stat().st_size for path in sorted(folder.glob("*/*"))}


def _fill(client: Any, chunks: Sequence[Chunk], vectors: Mapping[str, Any], identity: str) -> None:
    """Make a collection of these chunks."""
    collection = client.create_collection(
        COLLECTION,
        embedding_function=None,
        configuration={"hnsw": _HNSW},
        metadata={"embedder": identity},
    )
    step = client.get_max_batch_size()
    for start in range(0, len(chunks), step):
        part = chunks[start : start + step]
        metadatas = [asdict(chunk) for chunk in part]
        collection.add(
            ids=[fields.pop("id") for fields in metadatas],
            documents=[fields.pop("text") for fields in metadatas],
            embeddings=[vectors[chunk.text] for chunk in part],
            metadatas=metadatas,
        )


def open_client(folder: Path) -> Any:
    """A Chroma client on a folder, without telemetry; a context manager that closes it."""
    from chromadb import PersistentClient
    from chromadb.config import Settings

    return PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False))
