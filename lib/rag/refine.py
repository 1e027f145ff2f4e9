"""What is done with the documents found: re-ranking, the text around a hit, compression."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel

from lib.engine.faults import short
from lib.prompts import retrieval as prompts
from lib.rag.chat_model import ask_all
from lib.rag.documents import Compressor, as_document, scored
from lib.rag.index import Index
from lib.rag.retrievers import fuse
from lib.rag.sentences import SentenceVectors, sentences_of
from lib.records import Chunk
from lib.settings import SetupError

_SCORING = ("ForSequenceClassification", "ForCausalLM")  # how the models that score are named


class SentenceReranker(Compressor):
    """By the cosine of a document's best sentence, fused with the order in which they come.

    It needs no model beyond the embedder: what is read is a sentence, where the index has a vector
    for the whole chunk.
    """

    sentences: SentenceVectors
    k: int = 4

    def refine_one(self, documents: Sequence[Document], question: str) -> list[Document]:
        cosines = self.sentences.cosines(question, [d.page_content for d in documents])
        return fuse([_by_score(documents, map(max, cosines)), documents], k=self.k)


class CrossEncoderReranker(Compressor):
    """By a cross-encoder of sentence-transformers, a folder or a name that the hub knows."""

    model: str
    k: int = 4

    def refine_one(self, documents: Sequence[Document], question: str) -> list[Document]:
        pairs = [(question, document.page_content) for document in documents]
        scores = self._encoder.predict(pairs, show_progress_bar=False) if pairs else []
        return _by_score(documents, map(float, scores))[: self.k]

    @cached_property
    def _encoder(self) -> Any:
        from sentence_transformers import CrossEncoder

        try:
            encoder = CrossEncoder(self.model, device="cpu", trust_remote_code=False)
            kinds, scores = encoder.config.architectures or _SCORING, encoder.num_labels
            # Of an embedding model it makes one, with random weights for its score.
            if scores != 1 or not kinds[0].endswith(_SCORING):
                raise ValueError(f"a {kinds[0]} with {scores} labels is not a re-ranker")
        except (OSError, ValueError) as error:
            raise SetupError(
                f"The re-ranker '{self.model}' cannot be loaded: {short(error)}. Give a folder or "
                "a name of a cross-encoder, 'llm', or ''."
            ) from error
        return encoder


class ModelReranker(Compressor):
    """By a chat model, which names the documents that help; the others follow in their order."""

    model: BaseChatModel
    k: int = 4

    def refine(
        self, found: Sequence[Sequence[Document]], questions: Sequence[str]
    ) -> list[list[Document]]:
        pairs = [(q, documents) for q, documents in zip(questions, found, strict=True) if documents]
        asked = [
            prompts.order_messages(q, [d.page_content for d in documents]) for q, documents in pairs
        ]
        replies = iter(ask_all(self.model, asked, "+ rerank", prompts.has_number))
        ranked = []
        for documents in found:
            first = prompts.parse_order(next(replies), len(documents)) if documents else []
            order = dict.fromkeys([*first, *range(len(documents))])
            ranked.append([documents[place] for place in order][: self.k])
        return ranked


def _by_score(documents: Sequence[Document], scores: Iterable[float]) -> list[Document]:
    pairs = sorted(
        zip(scores, documents, strict=True),
        key=lambda pair: (-round(pair[0], 6), pair[1].id or pair[1].page_content),
    )
    return [scored(document, round(score, 6)) for score, document in pairs]


class Neighbours(Compressor):
    """Each hit with the chunk before and the chunk behind it; hits that then touch become one."""

    index: Index

    def refine_one(self, documents: Sequence[Document], question: str) -> list[Document]:
        hits, shown = {document.id for document in documents}, set[str]()
        widened: list[Document] = []
        for document in documents:
            if document.id in shown:
                continue
            chunks = self.index.by_document[document.metadata["document_id"]]
            places = [place for place, chunk in enumerate(chunks) if chunk.id in hits]
            near = {place + step for place in places for step in (-1, 0, 1)}
            first = last = next(place for place in places if chunks[place].id == document.id)
            while first > 0 and first - 1 in near:
                first -= 1
            while last + 1 < len(chunks) and last + 1 in near:
                last += 1
            around = chunks[first : last + 1]
            shown |= {chunk.id for chunk in around}
            joined = as_document(join(around), score=document.metadata.get("score", 0.0))
            joined.metadata["parts"] = around
            widened.append(joined)
        return widened


def join(chunks: Sequence[Chunk]) -> Chunk:
    """One chunk of chunks that follow each other in a document; what overlaps is there once."""
    first, text, end = chunks[0], chunks[0].text, chunks[0].end
    for chunk in chunks[1:]:
        if chunk.end > end:
            text += chunk.text[end - chunk.start :] if chunk.start <= end else f"\n{chunk.text}"
            end = chunk.end
    return replace(first, text=text, end=end)


class SentenceCompressor(Compressor):
    """The sentences nearest to the question by the embedder, `keep` of each document, in order."""

    sentences: SentenceVectors
    keep: int = 3

    def refine_one(self, documents: Sequence[Document], question: str) -> list[Document]:
        cosines = self.sentences.cosines(question, [d.page_content for d in documents])
        shortened = []
        for document, near in zip(documents, cosines, strict=True):
            best = sorted(range(len(near)), key=lambda place: -near[place])[: self.keep]
            sentences = sentences_of(document.page_content)
            shortened.append(_shortened(document, [sentences[place] for place in sorted(best)]))
        return shortened


class ModelCompressor(Compressor):
    """The sentences that a chat model copies. A document is left out if the model says NONE.

    Where it says so of all of a question's documents, these stay as they are.
    """

    model: BaseChatModel

    def refine(
        self, found: Sequence[Sequence[Document]], questions: Sequence[str]
    ) -> list[list[Document]]:
        pairs = [(q, d) for q, documents in zip(questions, found, strict=True) for d in documents]
        asked = [prompts.extract_messages(q, document.page_content) for q, document in pairs]
        replies = iter(ask_all(self.model, asked, "+ compress"))
        refined = []
        for documents in found:
            copied = [(d, prompts.parse_extract(next(replies), d.page_content)) for d in documents]
            left = [_shortened(d, sentences) for d, sentences in copied if sentences]
            refined.append(left or [*documents])
        return refined


def _shortened(document: Document, sentences: Sequence[str]) -> Document:
    return document.model_copy(update={"page_content": " ".join(sentences)})
