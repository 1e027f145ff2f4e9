"""How near the sentences of documents are to a question."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from lib.rag.embedder import Embedder
from lib.text import sentence_spans


class SentenceVectors:
    """Cosines of questions and sentences by the embedder; a text is embedded once."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self._questions: dict[str, np.ndarray] = {}
        self._texts: dict[str, np.ndarray] = {}  # text → (sentences, dimensions)

    def cosines(self, question: str, texts: Sequence[str]) -> list[list[float]]:
        """For each text a cosine for each of `sentences_of` it."""
        if question not in self._questions:
            self._questions[question] = self.embedder.queries([question])[0]
        new = {text: sentences_of(text) for text in texts if text not in self._texts}
        if new:
            rows = iter(self.embedder.documents([s for found in new.values() for s in found]))
            for text, found in new.items():
                self._texts[text] = np.stack(list(islice(rows, len(found))))
        vector = self._questions[question]
        # Six digits: smaller differences are rounding errors, so they count as ties.
        return [(self._texts[text] @ vector).round(6).tolist() for text in texts]


def sentences_of(text: str) -> list[str]:
    """At least one, which may be the whole text."""
    return [text[start:end] for start, end in sentence_spans(text)] or [text]
