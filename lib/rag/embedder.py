"""Texts → unit vectors: an embedding endpoint, or a sentence-transformers model on this machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lib.engine.endpoint import Endpoint, EndpointError, run
from lib.engine.ledger import Ledger
from lib.rag.minilm import MINILM_NAME, MINILM_SHA256, minilm_dir
from lib.settings import EndpointSettings, SetupError, endpoint_settings
from lib.store import folder_fingerprint

if TYPE_CHECKING:
    import numpy

OnDone = Callable[[int], None]
_BATCH = 32


class Embedder(Protocol):
    """What an index needs of an embedding model."""

    name: str  # short, fit for a file name and a log line
    identity: str  # of everything that its vectors depend on

    def documents(
        self, texts: Sequence[str], *, on_done: OnDone = lambda count: None
    ) -> numpy.ndarray:
        """Float32, (len(texts), dimensions), rows of length 1; on_done counts finished texts."""

    def queries(self, texts: Sequence[str]) -> numpy.ndarray:
        """The same for questions: some models embed them with another instruction."""


def load_embedder(embedding_model: str = "") -> Embedder:
    """`embedding_model` if given, else the EMBEDDING_ endpoint if set, else the MiniLM shipped.

    A model is a folder or a name of sentence-transformers. It is loaded when it is first used.
    """
    if embedding_model:
        folder = Path(embedding_model)
        identity = folder_fingerprint(folder) if folder.is_dir() else embedding_model
        return LocalEmbedder(embedding_model, name=folder.name, identity=identity)
    if (settings := endpoint_settings("embedding")) is not None:
        return EndpointEmbedder(settings)
    return LocalEmbedder(str(minilm_dir()), name=MINILM_NAME, identity=MINILM_SHA256)


class LocalEmbedder:
    """A sentence-transformers model on the CPU.

    A text longer than the model reads (256 tokens for MiniLM, so some chunks of 1,000 characters)
    would lose its tail: it is embedded as the length-weighted mean of equal windows. Measured on
    chunks of 2,000 characters (`python -m benchmarks embedding_windows`): asked about their last
    quarter the chunk is among the first five for 94% of the questions, cut for 34%; about their
    first quarter for 84% and 94%.
    """

    def __init__(self, model: str, *, name: str, identity: str) -> None:
        self.name, self.identity = name, f"{name}@{identity}, mean of windows"
        self._path, self._loaded = model, None

    def documents(
        self, texts: Sequence[str], *, on_done: OnDone = lambda count: None
    ) -> numpy.ndarray:
        return self._embed(texts, self._model.encode_document, on_done)

    def queries(self, texts: Sequence[str]) -> numpy.ndarray:
        return self._embed(texts, self._model.encode_query, lambda count: None)

    @property
    def _model(self) -> Any:
        if self._loaded is None:
            self._loaded = _load(self._path)
        return self._loaded

    def _embed(
        self, texts: Sequence[str], encode: Callable[..., Any], on_done: OnDone
    ) -> numpy.ndarray:
        import numpy

        rows = []
        for start in range(0, len(texts), _BATCH):
            batch = texts[start : start + _BATCH]
            pieces = [self.windows(text) for text in batch]
            flat = [piece for of_text in pieces for piece in of_text]
            vectors = iter(encode(flat, normalize_embeddings=True, show_progress_bar=False))
            for of_text in pieces:
                weights = [max(len(piece), 1) for piece in of_text]
                mine = numpy.stack([next(vectors) for _ in of_text])
                rows.append(numpy.average(mine, axis=0, weights=weights))
            on_done(len(batch))
        return _unit(rows)

    def windows(self, text: str) -> list[str]:
        """The text alone if the model reads it whole, else cut into equal windows that it reads."""
        limit = self._model.max_seq_length
        if limit is None:
            return [text]
        room = limit - 8  # for the marks at both ends, and a word that a cut made into more tokens
        offsets = self._model.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )["offset_mapping"]
        count = -(-len(offsets) // room)
        if count <= 1:
            return [text]
        cuts = [offsets[len(offsets) * i // count][0] for i in range(1, count)]
        edges = [0, *cuts, len(text)]
        return [text[start:end] for start, end in pairwise(edges)]


class EndpointEmbedder:
    """The embedding endpoint of `.env`, through the ledger: a text is paid once."""

    def __init__(self, settings: EndpointSettings) -> None:
        self.name = re.sub(r"[^A-Za-z0-9._-]+", "-", settings.deployment)
        self.identity = f"{settings.deployment} at {settings.base_url}"
        self._settings = settings

    def documents(
        self, texts: Sequence[str], *, on_done: OnDone = lambda count: None
    ) -> numpy.ndarray:
        rows: list[list[float]] = []

        async def embed() -> None:
            ledger = Ledger()
            try:
                async with Endpoint(self._settings, ledger=ledger) as endpoint:
                    for start in range(0, len(texts), 64):
                        rows.extend(await endpoint.embed(texts[start : start + 64]))
                        on_done(len(texts[start : start + 64]))
            finally:
                ledger.close()

        try:
            run(embed())
        except EndpointError as error:
            raise SetupError(
                f"Embedding stopped: {error}. The {len(rows)} texts embedded so far are kept: "
                "run it again."
            ) from error
        return _unit(rows)

    def queries(self, texts: Sequence[str]) -> numpy.ndarray:
        return self.documents(texts)


def _unit(rows: Sequence[Any]) -> numpy.ndarray:
    import numpy

    matrix = numpy.asarray(rows, dtype=numpy.float32)
    lengths = numpy.linalg.norm(matrix, axis=-1, keepdims=True)
    return matrix / numpy.maximum(lengths, 1e-12)


def _load(path: str) -> Any:
    from transformers.utils import logging

    logging.disable_progress_bar()
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(path, device="cpu")
    except (OSError, ValueError) as error:
        raise SetupError(
            f"The embedding model '{path}' cannot be loaded: {' '.join(str(error).split())[:200]}. "
            "Give a folder of sentence-transformers, a name that the hub knows, or ''."
        ) from error
