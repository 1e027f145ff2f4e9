"""Chunks for an embedding that anyone can compute, and endpoints."""

from __future__ import annotations

import numpy
import pytest

from lib.rag import index as index_module
from lib.records import Chunk
from tests.rag.letters import Letters
from tests.server import Loopback


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Letters:
    embedder = Letters()
    monkeypatch.setattr(index_module, "load_embedder", lambda recipe: embedder)
    return embedder


def point(patch: pytest.MonkeyPatch, server: Loopback, role: str, model: str = "reader") -> None:
    """Let the environment name the server as the endpoint of a role."""
    patch.setenv(f"{role}_OPENAI_BASE_URL", server.base_url)
    patch.setenv(f"{role}_OPENAI_API_KEY", "loopback")
    patch.setenv(f"{role}_OPENAI_DEPLOYMENT", model)


def random_chunks(count: int) -> list[Chunk]:
    rng = numpy.random.default_rng(5)
    alphabet = list("abcdefghijklmnopqrstuvwxyz")
    weights = rng.dirichlet(numpy.full(26, 0.3), size=count)
    texts = ["".join(rng.choice(alphabet, size=80, p=w)) for w in weights]
    return [Chunk(f"d.txt#{i}", "d.txt", "D", 1, i, i + 80, text) for i, text in enumerate(texts)]
