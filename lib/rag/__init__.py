"""Retrieval-augmented generation: embed, index, retrieve, answer."""

from lib.rag.index import build_index

__all__ = ["build_index"]
