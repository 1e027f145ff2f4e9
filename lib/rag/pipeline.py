"""A retrieval setting, such as `hybrid + rerank`, as one retriever.

    dense | keywords | hybrid   [+ queries | + hyde]   [+ rerank]   [+ neighbours]   [+ compress]

Candidates are looked for by vectors, by words (BM25) or by both, for the question and, with
`queries` or `hyde`, for what a model writes. The best are put in a better order, widened by the
chunks beside them, and shortened to what helps, in this order, whatever the order of the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever

from lib.rag.chat_model import EndpointChat
from lib.rag.compress import ModelCompressor, SentenceCompressor
from lib.rag.documents import Retriever, as_chunk
from lib.rag.expand import ExpandedRetriever
from lib.rag.index import Index
from lib.rag.neighbours import Neighbours
from lib.rag.rerank import CrossEncoderReranker, ModelReranker, SentenceReranker
from lib.rag.retrievers import DenseRetriever, FusedRetriever, KeywordRetriever
from lib.recipe import Recipe, retrieval_parts
from lib.records import Chunk
from lib.settings import SetupError


class RefinedRetriever(Retriever):
    """What a retriever finds, through document compressors one after another."""

    retriever: BaseRetriever
    steps: list[BaseDocumentCompressor]

    def find(self, questions: Sequence[str]) -> list[list[Document]]:
        found = self.retriever.batch(list(questions))
        return [self._refined(docs, q) for docs, q in zip(found, questions, strict=True)]

    def _refined(self, documents: Sequence[Document], question: str) -> list[Document]:
        for step in self.steps:
            documents = step.compress_documents(documents, question)
        return list(documents)


def retriever_of(index: Index, recipe: Recipe, setting: str, *, k: int) -> Retriever:
    """The retriever of a setting, which gives at most k documents.

    It opens the index when it is first asked; close the index after it.
    """
    parts = retrieval_parts(setting)
    rerank = "rerank" in parts
    wide = max(k, recipe.candidates)
    reach = wide if rerank else k
    found: Retriever
    if parts[0] == "hybrid":
        both: list[BaseRetriever] = [
            DenseRetriever(index=index, k=wide),
            KeywordRetriever(index=index, k=wide),
        ]
        found = FusedRetriever(retrievers=both, k=reach)
    elif parts[0] == "dense":
        found = DenseRetriever(index=index, k=reach)
    else:
        found = KeywordRetriever(index=index, k=reach)
    model = EndpointChat(role=recipe.retrieval_role, recipe=recipe)
    how: Literal["queries", "hyde"]
    for how in ("queries", "hyde"):
        if how in parts:
            found = ExpandedRetriever(retriever=found, model=model, how=how, k=reach)
    by_model = recipe.rerank_model == "llm"
    steps: list[BaseDocumentCompressor] = []
    if rerank and by_model:
        steps.append(ModelReranker(model=model, k=k))
    elif rerank and recipe.rerank_model:
        steps.append(CrossEncoderReranker(model=recipe.rerank_model, k=k))
    elif rerank:
        steps.append(SentenceReranker(sentences=index.sentences, k=k))
    if "neighbours" in parts:
        steps.append(Neighbours(index=index))
    if "compress" in parts:
        steps.append(
            ModelCompressor(model=model)
            if by_model
            else SentenceCompressor(sentences=index.sentences)
        )
    return RefinedRetriever(retriever=found, steps=steps) if steps else found


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
