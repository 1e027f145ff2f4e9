"""Chunks → a vector index on disk: Chroma inside our process, with our own vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lib.progress import Progress
from lib.rag.embedder import Embedder, load_embedder
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError, portable
from lib.store import artefact_dir, building

COLLECTION = "chunks"
# One thread always builds the same graph; a wide search finds what brute force finds (tested).
_HNSW = {
    "space": "cosine",
    "num_threads": 1,
    "ef_construction": 200,
    "ef_search": 200,
    "max_neighbors": 32,
}


@dataclass(frozen=True)
class Index:
    """A finished index. Each retrieval opens the folder and closes it."""

    folder: Path
    embedder: Embedder
    num_chunks: int


def build_index(chunks: Sequence[Chunk], recipe: Recipe) -> Index:
    """Embed the chunks into `artefacts/indexes/<model>-<fingerprint>`, or reuse that folder.

    The folder appears only when it is complete, so an interrupted build is never reused.
    """
    if not chunks:
        raise SetupError("There are no chunks to index. Run 1_gen.ipynb on at least one document.")
    if len({chunk.id for chunk in chunks}) < len(chunks):
        raise SetupError("Two chunks have one id. The dataset is damaged: run 1_gen.ipynb again.")
    embedder = load_embedder(recipe)
    made_of = {"chunks": [asdict(chunk) for chunk in chunks], "embedder": embedder.identity}
    target = artefact_dir("indexes", embedder.name, made_of)
    if target.is_dir():
        print(f"index        reused · {len(chunks):,} chunks · {portable(target)}")
        return Index(target, embedder, len(chunks))
    progress = Progress("index", len(chunks), note=lambda: embedder.name)
    vectors = embedder.documents([chunk.text for chunk in chunks], on_done=progress.advance)
    with building(target) as folder, open_client(folder) as client:
        _fill(client, chunks, vectors)
    progress.close()
    return Index(target, embedder, len(chunks))


def _fill(client: Any, chunks: Sequence[Chunk], vectors: Any) -> None:
    collection = client.create_collection(
        COLLECTION, embedding_function=None, configuration={"hnsw": _HNSW}
    )
    step = client.get_max_batch_size()
    for start in range(0, len(chunks), step):
        part = chunks[start : start + step]
        metadatas = [asdict(chunk) for chunk in part]
        collection.add(
            ids=[fields.pop("id") for fields in metadatas],
            embeddings=vectors[start : start + step],
            documents=[fields.pop("text") for fields in metadatas],
            metadatas=metadatas,
        )


def open_client(folder: Path) -> Any:
    """A Chroma client on a folder, without telemetry; a context manager that closes it."""
    from chromadb import PersistentClient
    from chromadb.config import Settings

    return PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False))
