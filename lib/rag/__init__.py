"""Retrieval-augmented generation: embed, index, retrieve, answer."""

from lib.rag.chain import answer_question
from lib.rag.embedder import Embedder, load_embedder
from lib.rag.index import Index, build_index

__all__ = ["Embedder", "Index", "answer_question", "build_index", "load_embedder"]
