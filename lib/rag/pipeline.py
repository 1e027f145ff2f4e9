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

from lib.rag import refine, retrievers
from lib.rag.chat_model import EndpointChat
from lib.rag.documents import Compressor, Retriever, as_chunk
from lib.rag.index import Index
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
    model = model or EndpointChat(role=recipe.retrieval_role, recipe=recipe)
    by = division_of(parts)
    indexes = index.divided(by, recipe)
    route = retrievers.by_language(indexes) if by == "languages" else retrievers.everywhere
    if "route" in parts:
        route = retrievers.by_model(model, indexes)
    each: dict[str, BaseRetriever]
    if by == "languages":  # each may have its own embedding model, for all that follows
        own = " + ".join(part for part in parts if part not in (by, "route"))
        each = {
            name: retriever_of(one, recipe, own, k=k, model=model) for name, one in indexes.items()
        }
        return retrievers.RoutedRetriever(retrievers=each, route=route, k=k)
    reach = max(k, recipe.candidates) if "rerank" in parts else k
    each = {name: _search(one, recipe, parts, model, k=reach) for name, one in indexes.items()}
    routed = retrievers.RoutedRetriever(retrievers=each, route=route, k=reach)
    return RefinedRetriever(
        retriever=routed if by else each[""], steps=_steps(index, recipe, parts, model, k=k)
    )


def _search(
    index: Index, recipe: Recipe, parts: Sequence[str], model: EndpointChat, *, k: int
) -> Retriever:
    """The first part of a setting, and what widens the question."""
    wide = max(k, recipe.candidates) if parts[0] == "hybrid" else k
    dense = retrievers.DenseRetriever(index=index, k=wide)
    words = retrievers.KeywordRetriever(index=index, k=wide)
    fused = retrievers.FusedRetriever(retrievers=[dense, words], k=k)
    found: Retriever = {"dense": dense, "keywords": words, "hybrid": fused}[parts[0]]
    how: Literal["queries", "hyde"]
    for how in ("queries", "hyde"):
        if how in parts:
            found = retrievers.ExpandedRetriever(retriever=found, model=model, how=how, k=k)
    return found


def _steps(
    index: Index, recipe: Recipe, parts: Sequence[str], model: EndpointChat, *, k: int
) -> list[Compressor]:
    """What is done with the documents that are found."""
    steps: list[Compressor] = []
    asks_model = recipe.rerank_model == "llm"
    if "rerank" in parts and asks_model:
        steps.append(refine.ModelReranker(model=model, k=k))
    elif "rerank" in parts and recipe.rerank_model:
        steps.append(refine.CrossEncoderReranker(model=recipe.rerank_model, k=k))
    elif "rerank" in parts:
        steps.append(refine.SentenceReranker(sentences=index.sentences, k=k))
    if "neighbours" in parts:
        steps.append(refine.Neighbours(index=index))
    if "compress" in parts and asks_model:
        steps.append(refine.ModelCompressor(model=model))
    elif "compress" in parts:
        steps.append(refine.SentenceCompressor(sentences=index.sentences))
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
