"""The text around a hit: chunks before and behind it in its document."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from langchain_core.documents import Document

from lib.rag.documents import Compressor, as_document
from lib.rag.index import Index
from lib.records import Chunk


class Neighbours(Compressor):
    """Each hit with the chunk before and the chunk behind it; hits that then touch become one."""

    index: Index

    def refine_one(self, documents: Sequence[Document], question: str) -> list[Document]:
        hits, shown = {document.id for document in documents}, set[str]()
        widened: list[Document] = []
        for document in documents:
            if document.id not in shown:
                chunks = self.index.by_document[document.metadata["document_id"]]
                around = _around(document, chunks, hits)
                shown |= {chunk.id for chunk in around}
                score = document.metadata.get("score", 0.0)
                joined = as_document(join(around), score=score)
                joined.metadata["parts"] = list(around)
                widened.append(joined)
        return widened


def _around(
    document: Document, chunks: Sequence[Chunk], hits: Container[str | None]
) -> Sequence[Chunk]:
    """The text around a hit, and around the hits that it touches."""
    places = [place for place, chunk in enumerate(chunks) if chunk.id in hits]
    near = {place + step for place in places for step in (-1, 0, 1)}
    first = last = next(i for i, chunk in enumerate(chunks) if chunk.id == document.id)
    while first > 0 and first - 1 in near:
        first -= 1
    while last + 1 < len(chunks) and last + 1 in near:
        last += 1
    return chunks[first : last + 1]


def join(chunks: Sequence[Chunk]) -> Chunk:
    """One chunk of chunks that follow each other in a document; what overlaps is there once."""
    first, text, end = chunks[0], chunks[0].text, chunks[0].end
    for chunk in chunks[1:]:
        if chunk.end > end:
            text += chunk.text[end - chunk.start :] if chunk.start <= end else f"\n{chunk.text}"
            end = chunk.end
    return replace(first, text=text, end=end)
