"""Chunks as LangChain's documents, which retrievers find and compressors refine, many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever

from lib.prompts.student import neutralise
from lib.records import Chunk


def as_document(chunk: Chunk, *, score: float = 0.0) -> Document:
    """Its metadata are the chunk's other fields and the score."""
    metadata = vars(chunk) | {"score": score}
    return Document(id=metadata.pop("id"), page_content=metadata.pop("text"), metadata=metadata)


def as_chunk(document: Document) -> Chunk:
    """Of a document of ours, or of another retriever's, which LangChain's loaders give a `source`:
    its title, if it has none. Its markers are made harmless, as ours are where they are read.
    """
    given, text = document.metadata, neutralise(document.page_content)
    source = str(given.get("source") or document.id or "")
    fields = dict[str, Any](document_id=source, title=source, page=1, start=0, end=len(text))
    fields |= {name: given[name] for name in fields if name in given}
    return Chunk(id=str(document.id or source), text=text, **fields)


def parts_of(documents: Sequence[Document]) -> dict[str, list[Chunk]]:
    """By its id, the chunks that a document was joined from: each has its own page."""
    return {str(d.id): d.metadata["parts"] for d in documents if "parts" in d.metadata}


def scored(document: Document, score: float) -> Document:
    return document.model_copy(update={"metadata": document.metadata | {"score": score}})


class Retriever(BaseRetriever):
    """A LangChain retriever that looks many questions up at once: `find` is all that it adds."""

    model_config: ClassVar = {"arbitrary_types_allowed": True}

    def find(self, questions: Sequence[str]) -> list[list[Document]]:
        """The documents of each question, the best first."""
        raise NotImplementedError

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return self.find([query])[0]

    def batch(
        self, inputs: list[str], config: Any = None, *, return_exceptions: bool = False, **_: Any
    ) -> list[list[Document]]:
        return self.find(inputs)


class Compressor(BaseDocumentCompressor):
    """A document compressor of LangChain that takes what many questions have found at once.

    It has `refine`, or `refine_one` where each question is looked at alone.
    """

    model_config: ClassVar = {"arbitrary_types_allowed": True}

    def refine(
        self, found: Sequence[Sequence[Document]], questions: Sequence[str]
    ) -> list[list[Document]]:
        """Of each question, from its documents."""
        return list(map(self.refine_one, found, questions))

    def refine_one(self, documents: Sequence[Document], question: str) -> list[Document]:
        raise NotImplementedError

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        return self.refine([documents], [query])[0]
