"""A run with toy documents whose student and baseline are loopback servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lib.records import Chunk
from lib.settings import portable
from lib.state import save_state
from tests.eval.toy import make_chunks, question_of, write_dataset
from tests.server import Body, Loopback, reader, serve

KEYWORDS = ["-r", "retrieval", "keywords", "-r", "top_k", "3"]  # no embedding model is loaded


@dataclass(frozen=True)
class ToyRun:
    chunks: list[Chunk]
    student: Loopback
    baseline: Loopback

    def question(self, place: int) -> str:
        return question_of(self.chunks[place]).text

    @property
    def requests(self) -> int:
        return len(self.student.requests) + len(self.baseline.requests)


@contextmanager
def toy_run(
    home: Path, chunks: Sequence[Chunk] = (), reply: Callable[[Body], str] = reader
) -> Iterator[ToyRun]:
    """`runs/toy` in this home, with a toy's embeddings."""
    chunks = list(chunks) or make_chunks(8)
    folder = write_dataset(home / "artefacts" / "datasets" / "toy-0", chunks)
    with (
        serve(Loopback(reply=reply)) as student,
        serve() as baseline,
        serve() as embedding,
        pytest.MonkeyPatch.context() as patch,
    ):
        servers = {"STUDENT": student, "BASELINE": baseline, "EMBEDDING": embedding}
        for prefix, server in servers.items():
            patch.setenv(f"{prefix}_OPENAI_BASE_URL", server.base_url)
            patch.setenv(f"{prefix}_OPENAI_API_KEY", "loopback")
            patch.setenv(f"{prefix}_OPENAI_DEPLOYMENT", f"the-{prefix.lower()}")
        save_state("toy", DATASET_DIR=portable(folder))
        yield ToyRun(chunks, student, baseline)
