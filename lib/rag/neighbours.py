"""The text around a hit: chunks before and behind it in its document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document

from lib.rag.documents import as_document
from lib.rag.index import Index
from lib.records import Chunk


class Neighbours(BaseDocumentCompressor, arbitrary_types_allowed=True):
    """Each hit with `each_side` chunks before and behind it; hits that then touch become one."""

    index: Index
    each_side: int = 1

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        in_document: dict[str, list[Chunk]] = defaultdict(list)
        for chunk in self.index.chunks_of(d.metadata["document_id"] for d in documents):
            in_document[chunk.document_id].append(chunk)
        widened: list[Document] = []
        shown: set[str] = set()
        for document in documents:
            if document.id in shown:
                continue
            chunks = in_document[document.metadata["document_id"]]
            hits = {other.id for other in documents}
            place = next(i for i, chunk in enumerate(chunks) if chunk.id == document.id)
            first, last = self._run(chunks, place, hits)
            shown |= {chunk.id for chunk in chunks[first : last + 1]}
            joined = join(chunks[first : last + 1])
            widened.append(as_document(joined, score=document.metadata.get("score", 0.0)))
        return widened

    def _run(self, chunks: Sequence[Chunk], place: int, hits: set[str]) -> tuple[int, int]:
        """First and last place of the text around a hit, and around the hits that it touches."""
        runs: list[list[int]] = []
        for hit in (i for i, chunk in enumerate(chunks) if chunk.id in hits):
            first, last = max(hit - self.each_side, 0), min(hit + self.each_side, len(chunks) - 1)
            if runs and first <= runs[-1][1] + 1:
                runs[-1][1] = last
            else:
                runs.append([first, last])
        first, last = next(run for run in runs if run[0] <= place <= run[1])
        return first, last


def join(chunks: Sequence[Chunk]) -> Chunk:
    """One chunk of chunks that follow each other in a document; what overlaps is there once."""
    first, text, end = chunks[0], chunks[0].text, chunks[0].end
    for chunk in chunks[1:]:
        if chunk.end > end:
            text += chunk.text[end - chunk.start :] if chunk.start <= end else f"\n{chunk.text}"
            end = chunk.end
    return replace(first, text=text, end=end)
