"""How long retrieval takes on 100,000 chunks: building the index, and a question.

Texts are words of the sample corpus, drawn by their frequency. Their vectors are random: what
the graph of the index costs does not depend on their meaning. Questions are embedded by MiniLM.
Beside ours, in turns: LangChain's own retriever of Chroma on the same index, without words and
without exact distances.

Takes about 10 minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.homes import fresh_home
from lib.gen.corpus import Corpus
from lib.progress import Progress
from lib.rag import index as index_module
from lib.rag.embedder import Embedder, OnDone, load_embedder
from lib.rag.index import build_index
from lib.rag.pipeline import retriever_of
from lib.recipe import Recipe
from lib.records import Chunk
from lib.threads import tune_threads

NUM_CHUNKS, NUM_QUESTIONS, WORDS_PER_CHUNK = 100_000, 200, 160
EMBEDDED = 500  # texts, for the rate of embedding alone
TARGETS_MS = {50: 30.0, 95: 80.0}  # percentile → hybrid's limit
SETTINGS = ("dense", "keywords", "hybrid")


class RandomDocuments:
    """Random vectors of documents, and the questions' vectors by another embedder."""

    def __init__(self, of_questions: Embedder) -> None:
        self.name, self.identity = "random", "random"
        self.queries = of_questions.queries

    def documents(self, texts: Sequence[str], *, on_done: OnDone = lambda _: None) -> np.ndarray:
        rows = np.random.default_rng(0).standard_normal((len(texts), 384), dtype=np.float32)
        on_done(len(texts))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def main(*, quick: bool = False) -> int:
    """Print the rates and latencies; 1 if a question by hybrid takes longer than TARGETS_MS."""
    tune_threads()
    count, asked = (300, 3) if quick else (NUM_CHUNKS, NUM_QUESTIONS)
    with fresh_home():
        corpus = Corpus(Recipe()).read().documents
        vocabulary = [word for document in corpus for word in document.text.split()]
        minilm = load_embedder(Recipe())
        texts = [" ".join(Random(n).choices(vocabulary, k=WORDS_PER_CHUNK)) for n in range(count)]
        chunks = [Chunk(f"d#{n}", "d", "D", 1, n, n + 1, text) for n, text in enumerate(texts)]
        sample = texts[: 5 if quick else EMBEDDED]
        seconds = timed(lambda: minilm.documents(sample))
        print(f"MiniLM embeds {len(sample) / seconds:,.0f} chunks a second")
        with patch.object(index_module, "load_embedder", lambda recipe: RandomDocuments(minilm)):
            started = time.perf_counter()
            index = build_index(chunks, Recipe())
            seconds = time.perf_counter() - started
            print(f"vectors and words of {count:,} chunks: {count / seconds:,.0f} a second")
            started = time.perf_counter()
            build_index([*chunks[: -count // 100], *changed(chunks[-count // 100 :])], Recipe())
            print(f"1% of them changed: {time.perf_counter() - started:.0f} s")
        questions = [" ".join(Random(-n - 1).choices(vocabulary, k=12)) for n in range(asked)]
        with index:
            ways: dict[str, Any] = {s: retriever_of(index, Recipe(), s, k=5) for s in SETTINGS}
            ways["LangChain's"] = index.vector_store().as_retriever(search_kwargs={"k": 5})
            found = latencies(ways, questions)
    print("| retriever | p50 ms | p95 ms |\n|---|---|---|")
    for way, milliseconds in found.items():
        print(
            f"| {way} | {np.percentile(milliseconds, 50):.1f} | "
            f"{np.percentile(milliseconds, 95):.1f} |"
        )
    reached = {p: float(np.percentile(found["hybrid"], p)) for p in TARGETS_MS}
    said = ", ".join(f"p{p} {reached[p]:.0f} ms (target: {TARGETS_MS[p]:.0f})" for p in reached)
    print(f"a question by hybrid: {said}")
    return int(any(reached[p] > limit for p, limit in TARGETS_MS.items()))


def changed(chunks: Sequence[Chunk]) -> list[Chunk]:
    return [Chunk(c.id, "d", "D", 1, c.start, c.end, f"{c.text} changed") for c in chunks]


def latencies(ways: dict[str, Any], questions: Sequence[str]) -> dict[str, list[float]]:
    """Milliseconds of each question by each way, the ways in turns."""
    found: dict[str, list[float]] = {way: [] for way in ways}
    for retriever in ways.values():
        retriever.invoke("A first question opens the index.")
    progress = Progress("questions", len(questions))
    for question in questions:
        for way, retriever in ways.items():
            found[way].append(1000 * timed(lambda: retriever.invoke(question)))  # noqa: B023
        progress.advance()
    progress.close()
    return found


def timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
