"""How long retrieval takes on 100,000 chunks: building the index, and a question.

Texts are words of the sample corpus, drawn by their frequency. Their vectors are mixtures of the
vectors of 500 of them with a little noise: embedding 100,000 texts takes an hour or more, and a
graph of random vectors twice the time of one of texts'. Questions are embedded by MiniLM. Beside
ours, in turns: LangChain's own retriever of Chroma on the same index, without words and without
exact distances. At last the parts that ask a model, which is a server here that replies after half
a second: what they send, and what they add to the time of a question.

Takes about 6 minutes. CPU time is that of all threads of this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random
from statistics import fmean, median
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.homes import fresh_home
from lib.engine.budget import BYTES_PER_TOKEN
from lib.gen.corpus import Corpus
from lib.progress import Progress
from lib.prompts.retrieval import (
    extract_messages,
    order_messages,
    passage_messages,
    queries_messages,
)
from lib.rag import index as index_module
from lib.rag.embedder import Embedder, OnDone, load_embedder
from lib.rag.index import Index, build_index
from lib.rag.pipeline import retriever_of
from lib.recipe import Recipe
from lib.records import Chunk
from lib.threads import tune_threads
from tests.server import Body, Loopback, serve

NUM_CHUNKS, NUM_QUESTIONS, WORDS_PER_CHUNK, K = 100_000, 200, 160, 5
EMBEDDED = 500  # texts, for the rate of embedding alone and for the vectors of all
TARGETS_MS = {50: 30.0, 95: 80.0}  # percentile → hybrid's limit
SETTINGS = ("dense", "keywords", "hybrid")
MODEL_DELAY_S, MODEL_QUESTIONS = 0.5, 20
MODEL_PARTS = {"+ queries": "", "+ hyde": "", "+ rerank": "llm", "+ compress": "llm"}
PERCENTILES = (50, 95)

Times = tuple[list[float], list[float]]  # wall and CPU milliseconds of each question


class MixedVectors:
    """Vectors of documents that are near some of these, and the questions' by the embedder."""

    def __init__(self, vectors: np.ndarray, of_questions: Embedder) -> None:
        self.name, self.identity = "mixed", "mixed"
        self.queries, self._vectors = of_questions.queries, vectors

    def documents(self, texts: Sequence[str], *, on_done: OnDone = lambda _: None) -> np.ndarray:
        rng, (count, width) = np.random.default_rng(0), self._vectors.shape
        rows = 0.01 * rng.standard_normal((len(texts), width), dtype=np.float32)
        for weight in (0.7, 0.3):
            rows += np.float32(weight) * self._vectors[rng.integers(0, count, len(texts))]
        on_done(len(texts))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def main(*, quick: bool = False) -> int:
    """Print the rates and latencies; 1 if a question by hybrid takes longer than TARGETS_MS."""
    tune_threads()
    count, asked = (300, 3) if quick else (NUM_CHUNKS, NUM_QUESTIONS)
    with (
        serve(Loopback(reply=reply_of_a_model, delay_s=0.01 if quick else MODEL_DELAY_S)) as server,
        fresh_home(COMPLETION=server.base_url),
    ):
        corpus = Corpus(Recipe()).read().documents
        vocabulary = [word for document in corpus for word in document.text.split()]
        texts = [" ".join(Random(n).choices(vocabulary, k=WORDS_PER_CHUNK)) for n in range(count)]
        chunks = [Chunk(f"d#{n}", "d", "D", 1, n, n + 1, text) for n, text in enumerate(texts)]
        sample = texts[: 5 if quick else EMBEDDED]
        minilm = load_embedder(Recipe())
        minilm.queries(["A first question loads the model."])
        vectors = rate("MiniLM embeds chunks", len(sample), lambda: minilm.documents(sample))
        mixed = MixedVectors(vectors, minilm)
        with patch.object(index_module, "load_embedder", lambda recipe: mixed):
            index = rate(
                "vectors and words of chunks", count, lambda: build_index(chunks, Recipe())
            )
        questions = [" ".join(Random(-n - 1).choices(vocabulary, k=12)) for n in range(asked)]
        with index:
            ways: dict[str, Any] = {s: retriever_of(index, Recipe(), s, k=K) for s in SETTINGS}
            ways["LangChain's"] = index.vector_store().as_retriever(search_kwargs={"k": K})
            found = latencies(ways, questions)
            print(f"| retriever | {' | '.join(f'p{p} ms | p{p} CPU ms' for p in PERCENTILES)} |")
            print("|---" * 5 + "|")
            for way, times in found.items():
                cells = (f"{np.percentile(one, p):.1f}" for p in PERCENTILES for one in times)
                print(f"| {way} | {' | '.join(cells)} |", flush=True)
            report_models(index, questions[:MODEL_QUESTIONS], server)
        with patch.object(index_module, "load_embedder", lambda recipe: mixed):
            few = -count // 100
            updated = [*chunks[:few], *changed(chunks[few:])]
            rate("1% of chunks changed", count, lambda: build_index(updated, Recipe()))
    reached = {p: float(np.percentile(found["hybrid"][0], p)) for p in TARGETS_MS}
    said = ", ".join(f"p{p} {reached[p]:.0f} ms (target: {TARGETS_MS[p]:.0f})" for p in reached)
    print(f"a question by hybrid: {said}")
    return int(any(reached[p] > limit for p, limit in TARGETS_MS.items()))


def changed(chunks: Sequence[Chunk]) -> list[Chunk]:
    return [Chunk(c.id, "d", "D", 1, c.start, c.end, f"{c.text} changed") for c in chunks]


def rate(what: str, count: int, work: Callable[[], Any]) -> Any:
    """Print how long it took."""
    result, seconds, cpu = timed(work)
    print(
        f"{what}: {count:,} in {seconds:.0f} s, {cpu:.0f} s of CPU time: {count / seconds:,.0f} "
        f"a second, {count / cpu:,.0f} a CPU second",
        flush=True,
    )
    return result


def latencies(ways: dict[str, Any], questions: Sequence[str]) -> dict[str, Times]:
    """Of each question by each way, the ways in turns."""
    found: dict[str, Times] = {way: ([], []) for way in ways}
    for retriever in ways.values():
        retriever.invoke("A first question opens the index.")
    progress = Progress("questions", len(questions))
    for question in questions:
        for way, retriever in ways.items():
            _, *seconds = timed(lambda: retriever.invoke(question))  # noqa: B023
            for times, took in zip(found[way], seconds, strict=True):
                times.append(1000 * took)
        progress.advance()
    progress.close()
    return found


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it gives, wall seconds, CPU seconds."""
    started, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - started, time.process_time() - cpu


# --- the parts that ask a model ------------------------------------------------------------------


def report_models(index: Index, questions: Sequence[str], server: Loopback) -> None:
    """Print a row a part: what it sends for a question, and what it adds to hybrid's time."""
    plain = median(latencies({"": retriever_of(index, Recipe(), "hybrid", k=K)}, questions)[""][0])
    print(f"a model that replies after {server.delay_s} s; tokens by their length in bytes")
    print(
        "| part | requests | prompt tokens | completion tokens | added s |\n|---|---|---|---|---|"
    )
    for part, rerank_model in MODEL_PARTS.items():
        recipe, before = Recipe(rerank_model=rerank_model), len(server.requests)
        retriever = retriever_of(index, recipe, f"hybrid {part}", k=K)
        [times] = latencies({"": retriever}, questions).values()
        sent = server.requests[before:]
        each = len(sent) / (len(questions) + 1)  # one more opens the index
        read = fmean(tokens("".join(m["content"] for m in body["messages"])) for body in sent)
        written = fmean(tokens(reply_of_a_model(body)) for body in sent)
        print(
            f"| {part} | {each:.0f} | {each * read:,.0f} | {each * written:.0f} | "
            f"{(median(times[0]) - plain) / 1000:.2f} |",
            flush=True,
        )


def reply_of_a_model(body: Body) -> str:
    """As long as models' replies are."""
    instruction, user = (message["content"] for message in body["messages"])
    words = user.split()
    if instruction == queries_messages("")[0]["content"]:
        return "\n".join(f"{n}. {' '.join([*words[n:], *words[:n]])}" for n in (1, 2, 3))
    if instruction == passage_messages("")[0]["content"]:
        return " ".join(words * 4)
    if instruction == order_messages("", [])[0]["content"]:
        return "3 > 1 > 7 > 2"
    assert instruction == extract_messages("", "")[0]["content"]
    return " ".join(words[1:30])


def tokens(text: str) -> int:
    return len(text.encode()) // BYTES_PER_TOKEN
