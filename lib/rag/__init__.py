"""Retrieval-augmented generation: embed, index, retrieve, answer."""
