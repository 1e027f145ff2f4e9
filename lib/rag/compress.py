"""Contextual compression: of each document only what helps, word for word."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.language_models import BaseChatModel

from lib.prompts.retrieval import extract_messages, parse_extract
from lib.rag.chat_model import ask_all
from lib.rag.sentences import SentenceVectors, sentences_of


class SentenceCompressor(BaseDocumentCompressor, arbitrary_types_allowed=True):
    """The sentences nearest to the question by the embedder, `keep` of each document."""

    sentences: SentenceVectors
    keep: int = 3

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        cosines = self.sentences.cosines(query, [d.page_content for d in documents])
        return [_shortened(d, self._best(d, c)) for d, c in zip(documents, cosines, strict=True)]

    def _best(self, document: Document, cosines: Sequence[float]) -> list[str]:
        sentences = sentences_of(document.page_content)
        order = sorted(range(len(sentences)), key=lambda place: (-cosines[place], place))
        return [sentences[place] for place in sorted(order[: self.keep])]


class ModelCompressor(BaseDocumentCompressor):
    """The sentences that a chat model copies. A document without any is left out.

    Where it copies none at all, the documents stay as they are.
    """

    model: BaseChatModel

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        replies = ask_all(
            self.model, [extract_messages(query, document.page_content) for document in documents]
        )
        copied = [parse_extract(r, d.page_content) for r, d in zip(replies, documents, strict=True)]
        kept = [_shortened(d, s) for d, s in zip(documents, copied, strict=True) if s]
        return kept or documents


def _shortened(document: Document, sentences: Sequence[str]) -> Document:
    return document.model_copy(update={"page_content": " ".join(sentences)})
