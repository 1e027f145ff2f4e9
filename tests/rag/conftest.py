"""An embedding that anyone can compute, and chunks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy
import pytest

from lib.rag import index as index_module
from lib.records import Chunk
from tests.server import letter_vector


class Letters:
    """An embedding anyone can compute: how often each letter stands in the text."""

    name, identity = "letters", "letters"

    def __init__(self) -> None:
        self.embedded = 0

    def documents(
        self, texts: Sequence[str], *, on_done: Callable[[int], None] = lambda count: None
    ) -> numpy.ndarray:
        self.embedded += len(texts)
        on_done(len(texts))
        rows = numpy.array([letter_vector(text) for text in texts], dtype=numpy.float32)
        return rows / numpy.maximum(numpy.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    def queries(self, texts: Sequence[str]) -> numpy.ndarray:
        return self.documents(texts)


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Letters:
    embedder = Letters()
    monkeypatch.setattr(index_module, "load_embedder", lambda recipe: embedder)
    return embedder


def random_chunks(count: int) -> list[Chunk]:
    rng = numpy.random.default_rng(5)
    alphabet = list("abcdefghijklmnopqrstuvwxyz")
    weights = rng.dirichlet(numpy.full(26, 0.3), size=count)
    texts = ["".join(rng.choice(alphabet, size=80, p=w)) for w in weights]
    return [Chunk(f"d.txt#{i}", "d.txt", "D", 1, i, i + 80, text) for i, text in enumerate(texts)]
