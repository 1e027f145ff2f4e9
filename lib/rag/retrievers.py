"""Retrievers: of one index, by vectors and by words; several fused, routed, or expanded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Literal

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever

from lib.prompts import retrieval as prompts
from lib.prompts.languages import nearest_language
from lib.rag.chat_model import ask_all
from lib.rag.documents import Retriever, as_document, scored
from lib.rag.embedder import another_model
from lib.rag.index import ROWS_AT_ONCE, Index
from lib.text import one_line

Route = Callable[[Sequence[str]], Sequence[Sequence[str]]]  # questions → names for each
_SPARE = 20  # candidates beyond k, ranked again with exact distances
_RRF_CONSTANT = 60.0  # Cormack, Clarke and Büttcher, SIGIR 2009
_TITLES = 8  # of an index, which a model is told


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
    """
    scores: dict[str, float] = defaultdict(float)
    documents: dict[str, Document] = {}
    for weight, ranking in zip(weights or [1.0] * len(rankings), rankings, strict=True):
        unique: dict[str, Document] = {}
        for document in ranking:
            unique.setdefault(document.id or document.page_content, document)
        for place, name in enumerate(unique, start=1):
            scores[name] += weight / (_RRF_CONSTANT + place)
        documents = unique | documents
    best = sorted(scores, key=lambda name: (-round(scores[name], 9), name))[:k]
    return [scored(documents[name], round(scores[name], 9)) for name in best]


class ExpandedRetriever(Retriever):
    """What a retriever finds for the question and for what the model writes, fused.

    how: "queries" (multi-query) or "hyde" (a hypothetical passage, arXiv:2212.10496).
    """

    retriever: BaseRetriever
    model: BaseChatModel
    how: Literal["queries", "hyde"] = "queries"
    k: int = 4

    def find(self, questions: Sequence[str]) -> list[list[Document]]:
        is_multi = self.how == "queries"
        write = prompts.queries_messages if is_multi else prompts.passage_messages
        replies = ask_all(self.model, [write(one) for one in questions], f"+ {self.how}")
        searches = []
        for question, reply in zip(questions, replies, strict=True):
            written = prompts.parse_queries(reply, question) if is_multi else [one_line(reply)]
            searches.append([question, *filter(None, written)])
        found = iter(self.retriever.batch([text for texts in searches for text in texts]))
        return [fuse(list(islice(found, len(texts))), k=self.k) for texts in searches]


# --- one of several indexes ----------------------------------------------------------------------


def everywhere(questions: Sequence[str]) -> list[Sequence[str]]:
    return [()] * len(questions)


class RoutedRetriever(Retriever):
    """A question goes to the retrievers that its route names; () and unknown names are all."""

    retrievers: dict[str, BaseRetriever]
    route: Route = everywhere
    k: int = 4

    def find(self, questions: Sequence[str]) -> list[list[Document]]:
        routes = [
            [name for name in names if name in self.retrievers] or self.retrievers
            for names in self.route(questions)
        ]
        found: list[list[list[Document]]] = [[] for _ in questions]
        for name, retriever in self.retrievers.items():
            places = [place for place, names in enumerate(routes) if name in names]
            rankings = retriever.batch([questions[place] for place in places])
            for place, ranking in zip(places, rankings, strict=True):
                found[place].append(ranking)
        return [fuse(rankings, k=self.k) for rankings in found]


def by_language(languages: Iterable[str]) -> Route:
    """To the retriever of the question's language, of retrievers named by ISO 639 codes."""
    known = list(languages)
    return lambda questions: [(nearest_language(question, known),) for question in questions]


def by_model(model: BaseChatModel, indexes: Mapping[str, Index]) -> Route:
    """To the indexes that a model names; it is told their names and titles from all over them."""
    names, described = list(indexes), list[str]()
    for name, index in indexes.items():
        titles = list(dict.fromkeys(chunks[0].title for chunks in index.by_document.values()))
        described.append(f"{name}: {'; '.join(titles[:: 1 + (len(titles) - 1) // _TITLES])}")

    def route(questions: Sequence[str]) -> list[Sequence[str]]:
        asked = [prompts.route_messages(one, described) for one in questions]
        replies = ask_all(model, asked, "+ route", prompts.has_number)
        orders = [prompts.parse_order(reply, len(names)) for reply in replies]
        return [[names[place] for place in order] for order in orders]

    return route
