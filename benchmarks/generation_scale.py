"""Generation over 100,000 chunks: minutes for hard distractors, KiB a chunk, seconds to resume.

Memory is the peak of this process beyond what it took at its start and the embeddings.

Takes about 5 minutes.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate, count, islice
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

from benchmarks.generation_runs import QUESTIONS_PER_CHUNK, run_generation
from benchmarks.homes import fresh_home
from benchmarks.teacher_server import teacher
from lib.duplicates import conflicts
from lib.endpoints import EndpointSettings
from lib.engine.endpoint import chat_request, run
from lib.engine.ledger import Ledger
from lib.engine.replies import Reply
from lib.gen.ask.rows import RowWriter
from lib.gen.ask.shares import request_groups
from lib.gen.chunks import Splitter, pieces_cache
from lib.gen.rows import build_examples
from lib.gen.splits import assign_splits
from lib.prompts.student import Message
from lib.rag.embedder import Embedder
from lib.reading.documents import iter_documents
from lib.recipe import Recipe
from lib.records import Chunk, Document, Page, Question
from tests.server import reader

QUICK_CHUNKS, NUM_CHUNKS = 300, 100_000
MOST_MINUTES, MOST_KIB, MOST_RESUME_S = 10, 4, 20
DIMENSIONS = 384
DOCUMENT_CHUNKS, CHUNK_CHARS = 20, 1000
MODEL = "loopback"  # as fresh_home names it
COPIED_EVERY = 20  # one document of so many is a copy of the last, some words changed


def main(*, quick: bool = False) -> int:
    """Print the three figures; 1 when a target is missed."""
    num_chunks = QUICK_CHUNKS if quick else NUM_CHUNKS
    import bm25s  # noqa: F401  (its memory is not the corpus's)
    import numpy as np

    at_start = _memory("VmRSS")
    began = perf_counter()
    chunks, num_near, num_documents = make_chunks(num_chunks)
    questions = [_question(chunk) for chunk in chunks]
    print(f"{len(chunks):,} chunks, {num_near:,} near duplicates dropped: {_since(began)}")
    rng = np.random.default_rng(0)
    of_chunks = rng.standard_normal((len(chunks), DIMENSIONS), dtype=np.float32)
    of_questions = rng.standard_normal((len(chunks), DIMENSIONS), dtype=np.float32)
    of_questions += of_chunks
    for vectors in (of_chunks, of_questions):
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    embedding_bytes = of_chunks.nbytes + of_questions.nbytes
    began = perf_counter()
    num_rows = choose(chunks, questions, Vectors(of_questions, of_chunks))
    minutes = (perf_counter() - began) / 60
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    kib = (peak - at_start - embedding_bytes) / 1024 / len(chunks)
    resume_s = resume(num_documents)
    print(f"hard distractors of {num_rows:,} rows: {minutes:.1f} minutes (target {MOST_MINUTES})")
    print(f"memory: {kib:.1f} KiB a chunk beyond its embeddings (target {MOST_KIB})")
    print(f"first new request of a resumed run: {resume_s:.1f} s (target {MOST_RESUME_S})")
    # A small corpus has the fixed costs of the process on few chunks.
    fits = kib < MOST_KIB or quick
    return int(minutes > MOST_MINUTES or not fits or resume_s > MOST_RESUME_S)


@dataclass(frozen=True)
class Vectors:
    """Stands for an embedder: these are its vectors of the questions and the chunks."""

    of_questions: Any  # float32, rows of length 1
    of_chunks: Any
    name = identity = "random"

    def queries(self, texts: Sequence[str]) -> Any:
        return self.of_questions

    def documents(self, texts: Sequence[str], *, on_done: Any = None) -> Any:
        return self.of_chunks


def make_chunks(num_chunks: int) -> tuple[list[Chunk], int, int]:
    """So many chunks; how many near duplicates were dropped; how many documents it took."""
    splitter = Splitter(Recipe(chunk_chars=CHUNK_CHARS))
    chunks: list[Chunk] = []
    near = num_documents = 0
    for document in make_documents():
        split = splitter.split(document)
        chunks += split.chunks
        num_documents += 1
        near += sum(item.gate == "near" for item in split.dropped)
        if len(chunks) >= num_chunks:
            break
    return chunks[:num_chunks], near, num_documents


def make_documents() -> Iterator[Document]:
    """Documents without end, of words as frequent as Zipf says."""
    rng = Random(0)
    syllables = ["ka", "ro", "mi", "te", "su", "lan", "dor", "vel", "pi", "gra", "ne", "quo"]
    vocabulary = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(50_000)]
    cumulative = list(accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    length, text = DOCUMENT_CHUNKS * CHUNK_CHARS // 7, ""
    for number in count():
        if number % COPIED_EVERY == COPIED_EVERY - 1:
            words = text.split(" ")
            for place in range(0, len(words), 60):
                words[place] = rng.choice(vocabulary)
        else:
            words = rng.choices(vocabulary, cum_weights=cumulative, k=length)
            words = [word + "." * (place % 12 == 11) for place, word in enumerate(words)]
        text = " ".join(words)
        yield Document(f"{number:06}.txt", f"{number}", text, (Page(1, 0, len(text)),), "")


def _question(chunk: Chunk) -> Question:
    words = chunk.text.split()
    answer = " ".join(words[-2:])
    return Question(f"{chunk.id}?0", chunk.id, " ".join(words[:10]) + "?", answer, answer)


def choose(chunks: Sequence[Chunk], questions: Sequence[Question], embedder: Embedder) -> int:
    """Split the corpus and choose hard distractors; returns the number of rows."""
    same = conflicts(chunks)
    recipe = Recipe(
        valid_share=0.05, eval_share=0.05, distractor_mode="hard", hard_by="embedding", seed=0
    )
    splits = assign_splits(chunks, same, recipe)
    built = build_examples(questions, chunks, splits, same, recipe, embedder=embedder)
    return len(built.examples)


def resume(num_documents: int) -> float:
    """Seconds from the start of `python -m lib.gen run` to its first request, when the ledger holds
    the replies to all others: those about the last chunk are missing. What the run before has cut
    is kept, as it leaves it."""
    with teacher() as running, fresh_home(COMPLETION=running.base_url) as home:
        folder = home / "documents"
        folder.mkdir()
        for document in islice(make_documents(), num_documents):
            (folder / document.id).write_text(document.text, encoding="utf-8")
        recipe = Recipe(
            doc_path=str(folder), questions_per_chunk=QUESTIONS_PER_CHUNK, chunk_chars=CHUNK_CHARS
        )
        num_replies = fill_ledger(home / "artefacts" / "ledger.sqlite", recipe)
        print(f"{num_replies:,} replies in the ledger", flush=True)
        ended = run_generation(
            home,
            doc_path=str(folder),
            kill_after_s=3 * MOST_RESUME_S,
            kill_when=lambda: running.figures().first_s > 0,
        )
        first_s = running.figures().first_s
        return first_s - ended.started_s if first_s else float("inf")


def fill_ledger(path: Path, recipe: Recipe) -> int:
    """Keep the loopback teacher's replies about all chunks but the last; returns their number."""
    chunks = list[Chunk]()
    splitter = Splitter(recipe, cache=pieces_cache(path.with_name("cache")))
    for document in iter_documents(recipe):
        if isinstance(document, Document):
            chunks += splitter.split(document).chunks
    settings = EndpointSettings("teacher", "openai", "", MODEL)
    written = list[Future[None]]()
    with closing(Ledger(path)) as ledger:

        async def ask(messages: list[Message], **sampling: Any) -> Reply:
            sampling = {"temperature": 0.0} | sampling
            sampling.pop("priority", None)
            request = chat_request(settings, messages, **sampling)
            reply = Reply(reader(request), "stop", 300, 50, 0.5)
            written.append(ledger.write(Ledger.key(request), request, vars(reply)))
            return reply

        async def ask_about_all() -> None:
            writer = RowWriter(recipe, ask)
            for shares in request_groups(chunks[:-1], recipe):
                await writer.rows_of(shares)

        run(ask_about_all())
        for writing in written:
            writing.result()
    return len(written)


def _memory(name: str) -> int:
    """A figure of this process in bytes, as Linux counts it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024


def _since(began: float) -> str:
    return f"{perf_counter() - began:.0f} s"
