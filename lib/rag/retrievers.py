"""Retrievers of one index: by vectors, by words, and by both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from lib.rag.documents import Retriever, as_document, scored
from lib.rag.embedder import another_model
from lib.rag.index import ROWS_AT_ONCE, Index

_SPARE = 20  # candidates beyond k, ranked again with exact distances
_RRF_CONSTANT = 60.0  # Cormack, Clarke and Büttcher, SIGIR 2009


class DenseRetriever(Retriever):
    """The k chunks nearest to a question by cosine, which is their score.

    Candidates of the approximate search are ranked by their exact similarity, ties by chunk id, so
    that the same index and question always give the same list.
    """

    index: Index
    k: int = 4

    def find(self, questions: Sequence[str]) -> list[list[Document]]:
        if not questions:
            return []
        vectors, index = self.index.embedder.queries(questions), self.index
        [known] = index.collection.get(limit=1, include=["embeddings"])["embeddings"]
        if len(known) != vectors.shape[1]:
            raise another_model(index.embedder.name, len(known), vectors.shape[1])
        count = min(self.k + _SPARE, index.num_chunks)
        step, found = max(1, ROWS_AT_ONCE // count), list[list[Document]]()
        for part in (vectors[i : i + step] for i in range(0, len(vectors), step)):
            near = index.collection.query(
                query_embeddings=part, n_results=count, include=["embeddings"]
            )
            found += map(self._nearest, part, near["ids"], near["embeddings"])
        return found

    def _nearest(self, vector: Any, ids: list[str], rows: Any) -> list[Document]:
        # Six digits: smaller differences are rounding errors, so they count as ties.
        pairs = sorted(
            (-round(float(row @ vector), 6), id) for row, id in zip(rows, ids, strict=True)
        )
        return [as_document(self.index.by_id[id], score=-score) for score, id in pairs[: self.k]]


class KeywordRetriever(Retriever):
    """At most k chunks that share a word with the question; their score is BM25's."""

    index: Index
    k: int = 4

    def find(self, questions: Sequence[str]) -> list[list[Document]]:
        found = self.index.keywords.search(questions, k=self.k) if questions else []
        chunks = self.index.by_id
        return [[as_document(chunks[name], score=score) for name, score in row] for row in found]


class FusedRetriever(Retriever):
    """Several retrievers, ours or others of LangChain, by reciprocal rank fusion."""

    retrievers: list[BaseRetriever]
    weights: tuple[float, ...] = ()  # of each retriever; () = all alike
    k: int = 4

    def find(self, questions: Sequence[str]) -> list[list[Document]]:
        found = [retriever.batch(list(questions)) for retriever in self.retrievers]
        return [fuse(rankings, self.weights, k=self.k) for rankings in zip(*found, strict=True)]


def fuse(
    rankings: Sequence[Sequence[Document]], weights: Sequence[float] = (), *, k: int
) -> list[Document]:
    """The k best of several rankings by the sum of weight / (60 + place), which is their score.

    A document counts once in a ranking, at its best place. Documents are the same if their ids are,
    or without ids their texts. Ties: by id.

    Raises:
        ValueError: there are not as many weights as rankings.
    """
    scores: dict[str, float] = defaultdict(float)
    documents: dict[str, Document] = {}
    for weight, ranking in zip(weights or [1.0] * len(rankings), rankings, strict=True):
        places = dict.fromkeys(document.id or document.page_content for document in ranking)
        for place, name in enumerate(places, start=1):
            scores[name] += weight / (_RRF_CONSTANT + place)
        for document in ranking:
            documents.setdefault(document.id or document.page_content, document)
    best = sorted(scores, key=lambda name: (-round(scores[name], 9), name))[:k]
    return [scored(documents[name], round(scores[name], 9)) for name in best]
