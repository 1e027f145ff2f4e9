"""Contextual compression: of each document only what helps, word for word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel

from lib.prompts.retrieval import extract_messages, parse_extract
from lib.rag.chat_model import ask_all
from lib.rag.documents import Compressor
from lib.rag.sentences import SentenceVectors, sentences_of


class SentenceCompressor(Compressor):
    """The sentences nearest to the question by the embedder, `keep` of each document."""

    sentences: SentenceVectors
    keep: int = 3

    def refine_one(self, documents: Sequence[Document], question: str) -> list[Document]:
        cosines = self.sentences.cosines(question, [d.page_content for d in documents])
        return [_shortened(d, self._best(d, c)) for d, c in zip(documents, cosines, strict=True)]

    def _best(self, document: Document, cosines: Sequence[float]) -> list[str]:
        sentences = sentences_of(document.page_content)
        order = sorted(range(len(sentences)), key=lambda place: (-cosines[place], place))
        return [sentences[place] for place in sorted(order[: self.keep])]


class ModelCompressor(Compressor):
    """The sentences that a chat model copies. A document is left out if the model says NONE.

    Where it says so of all of a question's documents, these stay as they are.
    """

    model: BaseChatModel

    def refine(
        self, found: Sequence[Sequence[Document]], questions: Sequence[str]
    ) -> list[list[Document]]:
        pairs = [(q, d) for q, documents in zip(questions, found, strict=True) for d in documents]
        asked = [extract_messages(q, document.page_content) for q, document in pairs]
        replies = iter(ask_all(self.model, asked, "+ compress"))
        return [self._copied(documents, replies) for documents in found]

    def _copied(self, documents: Sequence[Document], replies: Iterator[str]) -> list[Document]:
        copied = [(d, parse_extract(next(replies), d.page_content)) for d in documents]
        return [_shortened(d, sentences) for d, sentences in copied if sentences] or [*documents]


def _shortened(document: Document, sentences: Sequence[str]) -> Document:
    return document.model_copy(update={"page_content": " ".join(sentences)})
