"""Questions → their nearest chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lib.rag.index import COLLECTION, Index, open_client
from lib.records import Chunk
from lib.settings import SetupError

_SPARE = 20  # candidates beyond top_k, ranked again with exact distances


def retrieve(index: Index, questions: Sequence[str], *, top_k: int) -> list[list[Chunk]]:
    """The `top_k` chunks nearest to each question by cosine, nearest first.

    Candidates of the approximate search are ranked by their exact similarity, ties by chunk id, so
    that the same index and question always give the same list.
    """
    if top_k > index.num_chunks:
        raise SetupError(
            f"top_k is {top_k}, and the index holds {index.num_chunks} chunks. Ask for fewer, "
            "or give 1_gen.ipynb more documents."
        )
    if not questions:
        return []
    vectors = index.embedder.queries(questions)
    with open_client(index.folder) as client:
        found = client.get_collection(COLLECTION, embedding_function=None).query(
            query_embeddings=vectors,
            n_results=min(top_k + _SPARE, index.num_chunks),
            include=["documents", "metadatas", "embeddings"],
        )
    columns = [found[key] for key in ("ids", "documents", "metadatas", "embeddings")]
    return [_nearest(*row, top_k=top_k) for row in zip(vectors, *columns, strict=True)]


def _nearest(
    vector: Any, ids: list[str], texts: list[str], metadatas: list[dict], rows: Any, *, top_k: int
) -> list[Chunk]:
    # Six digits: smaller differences are rounding errors, so they count as ties.
    similarities = [round(float(row @ vector), 6) for row in rows]
    order = sorted(range(len(ids)), key=lambda i: (-similarities[i], ids[i]))
    return [Chunk(id=ids[i], text=texts[i], **metadatas[i]) for i in order[:top_k]]
