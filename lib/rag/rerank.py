"""Re-ranking: the candidates of a fast search in a better order, as document compressors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel

from lib.engine.faults import short
from lib.prompts.retrieval import has_number, order_messages, parse_order
from lib.rag.chat_model import ask_all
from lib.rag.documents import Compressor, scored
from lib.rag.retrievers import fuse
from lib.rag.sentences import SentenceVectors
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
        return _by_score(documents, [float(score) for score in scores])[: self.k]

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
        asked = [order_messages(q, [d.page_content for d in documents]) for q, documents in pairs]
        replies = iter(ask_all(self.model, asked, "+ rerank", has_number))
        return [self._ordered(next(replies), documents) if documents else [] for documents in found]

    def _ordered(self, reply: str, documents: Sequence[Document]) -> list[Document]:
        first = parse_order(reply, len(documents))
        places = dict.fromkeys([*first, *range(len(documents))])
        return [documents[place] for place in places][: self.k]


def _by_score(documents: Sequence[Document], scores: Iterable[float]) -> list[Document]:
    pairs = sorted(
        zip(scores, documents, strict=True),
        key=lambda pair: (-round(pair[0], 6), pair[1].id or pair[1].page_content),
    )
    return [scored(document, round(score, 6)) for score, document in pairs]
