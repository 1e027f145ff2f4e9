"""The sentences of chunks, and their vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lib.rag.embedder import Embedder
from lib.text import sentence_spans


class SentenceVectors:
    """Cosines of a question with sentences; a text is embedded once."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self._questions: dict[str, np.ndarray] = {}
        self._texts: dict[str, np.ndarray] = {}

    def cosines(self, question: str, text: str) -> list[float]:
        """One for each of the text's sentences (`sentence_spans`); [0.0] of an empty text."""
        if question not in self._questions:
            self._questions[question] = self.embedder.queries([question])[0]
        if text not in self._texts:
            self._texts[text] = self.embedder.documents(sentences_of(text) or [""])
        return [float(value) for value in self._texts[text] @ self._questions[question]]


def sentences_of(text: str) -> Sequence[str]:
    return [text[start:end] for start, end in sentence_spans(text)]
