"""An embedding that anyone can compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tests.server import letter_vector

if TYPE_CHECKING:
    import numpy


class Letters:
    """An embedding anyone can compute: how often each letter stands in the text."""

    name, identity = "letters", "letters"

    def __init__(self) -> None:
        self.embedded = 0

    def documents(
        self, texts: Sequence[str], *, on_done: Callable[[int], None] = lambda count: None
    ) -> numpy.ndarray:
        import numpy

        self.embedded += len(texts)
        on_done(len(texts))
        rows = numpy.array([letter_vector(text) for text in texts], dtype=numpy.float32)
        return rows / numpy.maximum(numpy.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    def queries(self, texts: Sequence[str]) -> numpy.ndarray:
        return self.documents(texts)
