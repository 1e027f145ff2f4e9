"""Contextual compression: of each document only what helps, word for word."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.language_models import BaseChatModel
from pydantic import ConfigDict

from lib.prompts.retrieval import extract_messages, parse_extract
from lib.rag.chat_model import ask_all
from lib.rag.sentences import SentenceVectors, sentences_of


class SentenceCompressor(BaseDocumentCompressor):
    """The sentences nearest to the question by the embedder, `keep` of each document."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    sentences: SentenceVectors
    keep: int = 3

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        return [_shortened(document, self._best(document, query)) for document in documents]

    def _best(self, document: Document, query: str) -> list[str]:
        cosines = self.sentences.cosines(query, document.page_content)
        order = sorted(range(len(cosines)), key=lambda place: (-round(cosines[place], 6), place))
        sentences = sentences_of(document.page_content)
        return [sentences[place] for place in sorted(order[: self.keep]) if sentences]


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
    text = " ".join(sentences) or document.page_content
    return document.model_copy(update={"page_content": text})
