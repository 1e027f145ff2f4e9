"""A retrieval setting, such as `hybrid + rerank`, as one retriever.

    dense | keywords | hybrid   [+ queries | + hyde]   [+ languages | + folders   [+ route]]
                                [+ rerank]   [+ neighbours]   [+ compress]

Candidates are looked for by vectors, by words (BM25) or by both, for the question and, with
`queries` or `hyde`, for what a model writes; in one index, or in those of the languages or folders
that are routed to. The best are put in a better order, widened by the chunks beside them, and
shortened to what helps, in this order, whatever the order of the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from lib.rag.chat_model import EndpointChat
from lib.rag.compress import ModelCompressor, SentenceCompressor
from lib.rag.documents import Compressor, Retriever, as_chunk
from lib.rag.expand import ExpandedRetriever
from lib.rag.index import Index
from lib.rag.neighbours import Neighbours
from lib.rag.rerank import CrossEncoderReranker, ModelReranker, SentenceReranker
from lib.rag.retrievers import DenseRetriever, FusedRetriever, KeywordRetriever
from lib.rag.several import RoutedRetriever, by_language, by_model, everywhere
from lib.recipe import Recipe, division_of, retrieval_parts
from lib.records import Chunk
from lib.settings import SetupError


class RefinedRetriever(Retriever):
    """What a retriever finds, through document compressors one after another."""

    retriever: BaseRetriever
    steps: list[Compressor]

    def find(self, questions: Sequence[str]) -> list[list[Document]]:
        found = self.retriever.batch(list(questions))
        for step in self.steps:
            found = step.refine(found, questions)
        return found


def retriever_of(
    index: Index, recipe: Recipe, setting: str, *, k: int, model: EndpointChat | None = None
) -> Retriever:
    """The retriever of a setting, which gives at most k documents; `model`: that of retrieval_role.

    It opens the index when it is first asked; close the index after it.
    """
    parts = retrieval_parts(setting)
    reach = max(k, recipe.candidates) if "rerank" in parts else k
    model = model or EndpointChat(role=recipe.retrieval_role, recipe=recipe)
    by = division_of(parts)
    indexes = index.divided(by, recipe)
    route = by_language(indexes) if by == "languages" else everywhere
    if "route" in parts:
        route = by_model(model, indexes)
    each: dict[str, BaseRetriever]
    if by == "languages":  # each may have its own embedding model, for all that follows
        own = " + ".join(part for part in parts if part not in (by, "route"))
        each = {
            name: retriever_of(one, recipe, own, k=k, model=model) for name, one in indexes.items()
        }
        return RoutedRetriever(retrievers=each, route=route, k=k)
    each = {name: _search(one, recipe, parts, model, k=reach) for name, one in indexes.items()}
    found = RoutedRetriever(retrievers=each, route=route, k=reach) if by else each[""]
    steps = _steps(index, recipe, parts, model, k=k)
    return RefinedRetriever(retriever=found, steps=steps)


def _search(
    index: Index, recipe: Recipe, parts: Sequence[str], model: EndpointChat, *, k: int
) -> Retriever:
    """The first part of a setting, and what widens the question."""
    wide = max(k, recipe.candidates) if parts[0] == "hybrid" else k
    dense, words = DenseRetriever(index=index, k=wide), KeywordRetriever(index=index, k=wide)
    fused = FusedRetriever(retrievers=[dense, words], k=k)
    found: Retriever = {"dense": dense, "keywords": words, "hybrid": fused}[parts[0]]
    how: Literal["queries", "hyde"]
    for how in ("queries", "hyde"):
        if how in parts:
            found = ExpandedRetriever(retriever=found, model=model, how=how, k=k)
    return found


def _steps(
    index: Index, recipe: Recipe, parts: Sequence[str], model: EndpointChat, *, k: int
) -> list[Compressor]:
    """What is done with the documents that are found."""
    steps: list[Compressor] = []
    asks_model = recipe.rerank_model == "llm"
    if "rerank" in parts and asks_model:
        steps.append(ModelReranker(model=model, k=k))
    elif "rerank" in parts and recipe.rerank_model:
        steps.append(CrossEncoderReranker(model=recipe.rerank_model, k=k))
    elif "rerank" in parts:
        steps.append(SentenceReranker(sentences=index.sentences, k=k))
    if "neighbours" in parts:
        steps.append(Neighbours(index=index))
    if "compress" in parts and asks_model:
        steps.append(ModelCompressor(model=model))
    elif "compress" in parts:
        steps.append(SentenceCompressor(sentences=index.sentences))
    return steps


def retrieve(
    index: Index, questions: Sequence[str], recipe: Recipe, *, k: int, setting: str = ""
) -> list[list[Chunk]]:
    """The chunks of each question, the best first; setting "" is the recipe's first.

    Raises:
        SetupError: the index has fewer than k chunks, or a model that is asked failed.
    """
    if k > index.num_chunks:
        raise SetupError(
            f"top_k is {k}, and the index holds {index.num_chunks} chunks. Ask for fewer, or give "
            "1_gen.ipynb more documents."
        )
    with index:
        found = retriever_of(index, recipe, setting or recipe.retrieval[0], k=k).find(questions)
    return [[as_chunk(document) for document in documents] for documents in found]
