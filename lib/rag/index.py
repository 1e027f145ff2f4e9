"""Chunks → an index on disk: Chroma inside our process with our own vectors, and BM25 beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING, Any

from lib.progress import Progress
from lib.rag import keywords
from lib.rag.embedder import Embedder, load_embedder
from lib.rag.sentences import SentenceVectors
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError, portable
from lib.store import artefact_dir, building

if TYPE_CHECKING:
    from langchain_chroma import Chroma

COLLECTION = "chunks"
ROWS_AT_ONCE = 5000  # SQLite takes 32,766 variables in a statement; Chroma sends one a row
# One thread always builds the same graph; a wide search finds what brute force finds (tested).
_HNSW = {
    "space": "cosine",
    "num_threads": 1,
    "ef_construction": 200,
    "ef_search": 200,
    "max_neighbors": 32,
}


class Index:
    """A finished index. It is opened when it is first asked, until `close` or the end of `with`."""

    def __init__(self, folder: Path, embedder: Embedder, num_chunks: int) -> None:
        self.folder, self.embedder, self.num_chunks = folder, embedder, num_chunks

    @cached_property
    def _client(self) -> Any:
        return open_client(self.folder)

    @cached_property
    def collection(self) -> Any:
        """The Chroma collection: ids, vectors, texts, and the chunks' other fields as metadata."""
        return self._client.get_collection(COLLECTION, embedding_function=None)

    @cached_property
    def keywords(self) -> keywords.KeywordIndex:
        return keywords.load(self.folder)

    @cached_property
    def sentences(self) -> SentenceVectors:
        return SentenceVectors(self.embedder)

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        parts = (ids[i : i + ROWS_AT_ONCE] for i in range(0, len(ids), ROWS_AT_ONCE))
        found = (_chunks(self.collection.get(ids=list(part))) for part in parts)
        return {chunk.id: chunk for chunks in found for chunk in chunks}

    def chunks_of(self, document_ids: Iterable[str]) -> list[Chunk]:
        """All chunks of some documents, in the documents' order."""
        wanted = {"document_id": {"$in": sorted(set(document_ids))}}
        found = _chunks(self.collection.get(where=wanted))
        return sorted(found, key=lambda chunk: (chunk.document_id, chunk.start))

    def vector_store(self) -> Chroma:
        """The index as LangChain's VectorStore, for chains of your own."""
        from langchain_chroma import Chroma

        from lib.rag.embedder import as_embeddings

        return Chroma(
            COLLECTION, client=self._client, embedding_function=as_embeddings(self.embedder)
        )

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()
        for opened in ("_client", "collection"):
            self.__dict__.pop(opened, None)

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def build_index(chunks: Sequence[Chunk], recipe: Recipe) -> Index:
    """Index the chunks in `artefacts/indexes/<model>-<fingerprint>`, or reuse that folder.

    Where an earlier index of the same model has some of their texts, only the others are embedded,
    and where it has most of them, it is copied and updated. The folder appears only when it is
    complete, so an interrupted build is never reused; one that is damaged is built anew.
    """
    if not chunks:
        raise SetupError("There are no chunks to index. Run 1_gen.ipynb on at least one document.")
    if len({chunk.id for chunk in chunks}) < len(chunks):
        raise SetupError("Two chunks have one id. The dataset is damaged: run 1_gen.ipynb again.")
    embedder = load_embedder(recipe)
    made_of = {"chunks": [asdict(chunk) for chunk in chunks], "embedder": embedder.identity}
    target = artefact_dir("indexes", embedder.name, made_of | {"format": 2})
    if target.is_dir() and _is_readable(target):
        print(f"index        reused · {len(chunks):,} chunks · {portable(target)}")
        return Index(target, embedder, len(chunks))
    earlier, vectors = _earlier(target, embedder)
    with building(target) as folder:
        if earlier and 2 * sum(chunk.text in vectors for chunk in chunks) > len(vectors):
            copytree(earlier, folder, dirs_exist_ok=True)
        new = [chunk.text for chunk in chunks if chunk.text not in vectors]
        if known := len(chunks) - len(new):
            print(f"index        {known:,} of {len(chunks):,} chunks are known")
        vectors |= _embed(new, embedder)
        with open_client(folder) as client:
            _fill(client, chunks, vectors, embedder.identity)
        keywords.build(chunks, folder)
    return Index(target, embedder, len(chunks))


def _earlier(target: Path, embedder: Embedder) -> tuple[Path | None, dict[str, Any]]:
    """The newest readable index of this model, and its vectors by their texts."""
    folders = [path for path in target.parent.glob(f"{embedder.name}-*") if path.is_dir()]
    for folder in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True):
        if folder != target and _is_readable(folder):
            with open_client(folder) as client:
                collection = client.get_collection(COLLECTION, embedding_function=None)
                if (collection.metadata or {}).get("embedder") == embedder.identity:
                    vectors: dict[str, Any] = {}
                    for found in _parts(collection, "documents", "embeddings"):
                        vectors |= zip(found["documents"], found["embeddings"], strict=True)
                    return folder, vectors
    return None, {}


def _is_readable(folder: Path) -> bool:
    """Whether its database holds chunks. SQLite says it: Chroma remembers a client that failed."""
    path = (folder / "chroma.sqlite3").resolve()
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute("SELECT COUNT(*) FROM embeddings").fetchone()[0])
    except sqlite3.Error as error:
        print(f"index        {portable(folder)} cannot be read ({error}): it is not used")
        return False


def _embed(texts: Sequence[str], embedder: Embedder) -> dict[str, Any]:
    """Text → its vector."""
    unique = list(dict.fromkeys(texts))
    if not unique:
        return {}
    progress = Progress("index", len(unique), note=lambda: embedder.name)
    vectors = embedder.documents(unique, on_done=progress.advance)
    progress.close()
    return dict(zip(unique, vectors, strict=True))


def _fill(client: Any, chunks: Sequence[Chunk], vectors: Mapping[str, Any], identity: str) -> None:
    """Make the collection hold these chunks, whatever it holds."""
    collection = client.get_or_create_collection(
        COLLECTION,
        embedding_function=None,
        configuration={"hnsw": _HNSW},
        metadata={"embedder": identity},
    )
    parts = _parts(collection, "documents", "metadatas")
    known = {chunk.id: chunk for part in parts for chunk in _chunks(part)}
    new = [chunk for chunk in chunks if known.get(chunk.id) != chunk]
    gone = list(known.keys() - {chunk.id for chunk in chunks})
    step = client.get_max_batch_size()
    for start in range(0, len(gone), step):
        collection.delete(ids=gone[start : start + step])
    for start in range(0, len(new), step):
        part = new[start : start + step]
        metadatas = [asdict(chunk) for chunk in part]
        collection.upsert(
            ids=[fields.pop("id") for fields in metadatas],
            documents=[fields.pop("text") for fields in metadatas],
            embeddings=[vectors[chunk.text] for chunk in part],
            metadatas=metadatas,
        )


def _parts(collection: Any, *columns: str) -> Iterator[Mapping[str, Any]]:
    """All its rows."""
    for start in range(0, collection.count(), ROWS_AT_ONCE):
        yield collection.get(limit=ROWS_AT_ONCE, offset=start, include=list(columns))


def _chunks(found: Mapping[str, Any]) -> list[Chunk]:
    columns = (found["ids"], found["documents"], found["metadatas"])
    return [
        Chunk(id=name, text=text, **fields) for name, text, fields in zip(*columns, strict=True)
    ]


def open_client(folder: Path) -> Any:
    """A Chroma client on a folder, without telemetry; a context manager that closes it."""
    from chromadb import PersistentClient
    from chromadb.config import Settings

    return PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False))
