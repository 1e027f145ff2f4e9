"""Which retrieval parts that ask a model help: multi-query, HyDE, re-ranking, compression, routing.

The questions of `retrieval_quality`, a sample: 150 a language for multi-query and HyDE, and the
first 60 of them for what reads documents. Differences are paired, clustered by document, with 95%
intervals. Requests go through the engine and its ledger, as in use: to the endpoint of
RETRIEVAL_OPENAI_BASE_URL, …_API_KEY and …_DEPLOYMENT where these are set, else to a server here
that repeats the recorded replies of benchmarks/retrieval_data/replies. CPU time is this process's,
with that server; a model's own time comes on top. Seconds and tokens are a reply's, and are a
model's where one is asked (`retrieval_small_model` asks the smallest).

Takes about 10 minutes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from statistics import fmean, quantiles
from typing import Any
from unittest.mock import patch

from langchain_core.documents import Document

from benchmarks.homes import toy_embeddings
from benchmarks.recorded_replies import ROLE, Recorded, answering
from benchmarks.retrieval_quality import (
    COLUMNS,
    DATA_DIR,
    LANGUAGES,
    LAST,
    READ_K,
    Asked,
    difference,
    embedding_models,
    figures,
    first_right,
    gained,
    labelled,
    mean_ndcg,
    print_kinds,
)
from lib.engine.endpoint import Endpoint, Reply
from lib.prompts.retrieval import extract_messages
from lib.rag.chat_model import EndpointChat
from lib.rag.index import Index, build_index
from lib.rag.pipeline import retriever_of
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import home
from lib.text import one_line
from lib.threads import tune_threads
from offline.e5 import MODEL_DIR

COST = "requests | tokens read, written | s p50, p95 | CPU ms"
REPLIES = DATA_DIR / "replies" / "replies.jsonl"
NUM_ASKED, NUM_READ = 150, 60  # questions a language; of these, for parts that read documents


@dataclass(frozen=True)
class Way:
    """A setting, the model that re-ranks and compresses, and the way that it is compared with."""

    setting: str
    rerank_model: str = ""
    than: str = ""

    @property
    def name(self) -> str:
        return self.setting + " (llm)" * bool(self.rerank_model)


EXPANDED = (
    Way("dense"),
    Way("dense + queries", than="dense"),
    Way("dense + hyde", than="dense"),
    Way("hybrid"),
    Way("hybrid + queries", than="hybrid"),
    Way("hybrid + hyde", than="hybrid"),
)
RERANKED = (
    Way("hybrid"),
    Way("hybrid + rerank", than="hybrid"),
    Way("hybrid + queries + rerank", than="hybrid + rerank"),
    Way("hybrid + hyde + rerank", than="hybrid + rerank"),
    Way("hybrid + rerank", "llm", than="hybrid + rerank"),
    Way("hybrid + queries + rerank", "llm", than="hybrid + rerank (llm)"),
    Way("hybrid + hyde + rerank", "llm", than="hybrid + rerank (llm)"),
)
COMPRESSED = (
    Way("hybrid"),
    Way("hybrid + compress", than="hybrid"),
    Way("hybrid + compress", "llm", than="hybrid"),
)
ROUTED = (
    Way("hybrid"),
    Way("hybrid + folders", than="hybrid"),
    Way("hybrid + folders + route", than="hybrid"),
)


def main(*, quick: bool = False) -> int:
    """Print the figures; 1 if the model's order of the candidates finds no more than ours."""
    tune_threads()
    e5_dir = home() / MODEL_DIR
    of_language = {name: sampled(*labelled(name, at)) for name, at in LANGUAGES.items()}
    gains = []
    with answering(REPLIES) as recorded:
        for language, (chunks, asked) in of_language.items():
            if quick:
                chunks, asked = known_to(recorded, chunks, asked)
            for model in [""] if quick else embedding_models(language, e5_dir):
                with opened(chunks, model, quick=quick) as index:
                    print(f"\n{language}: {index.num_chunks} chunks, {index.embedder.name}")
                    gains.append(report(index, asked))
        everything = [chunk for chunks, _ in of_language.values() for chunk in chunks]
        with opened(everything, "", quick=quick) as index:
            for language, (_, asked) in of_language.items():
                print(f"\n{language}: the {index.num_chunks} chunks of both languages")
                table(index, asked[: 2 if quick else NUM_READ], ROUTED)
    ahead = sum(gain > 0 for gain in gains)
    print(f"re-ranked by the model, more is found in {ahead} of {len(gains)} tables (target: all)")
    return int(ahead < len(gains))


def known_to(
    recorded: Recorded, chunks: Sequence[Chunk], asked: Sequence[Asked]
) -> tuple[list[Chunk], list[Asked]]:
    """The first question, and the chunks about which every reply is recorded: for a quick run."""
    question = asked[0].question
    known = [one for one in chunks if recorded.has(extract_messages(question, one.text))]
    return known, [asked[0]]


def sampled(chunks: list[Chunk], asked: list[Asked]) -> tuple[list[Chunk], list[Asked]]:
    return chunks, Random(0).sample(asked, NUM_ASKED)


@contextmanager
def opened(chunks: Sequence[Chunk], model: str, *, quick: bool) -> Iterator[Index]:
    if quick:
        with toy_embeddings(), build_index(chunks, Recipe()) as index:
            yield index
    else:
        with build_index(chunks, Recipe(embedding_model=model)) as index:
            yield index


# --- the figures ---------------------------------------------------------------------------------


def report(index: Index, asked: Sequence[Asked]) -> float:
    """Print the tables of an index; how much higher nDCG@10 is when the model re-ranks."""
    print_kinds(asked, table(index, asked, EXPANDED))
    found = table(index, asked[:NUM_READ], RERANKED)
    compressed(index, asked[:NUM_READ])
    return mean_ndcg(found["hybrid + rerank (llm)"]) - mean_ndcg(found["hybrid + rerank"])


def table(
    index: Index, asked: Sequence[Asked], ways: Sequence[Way], **given: Any
) -> dict[str, list[float]]:
    """Print a row a way; the place of the first right chunk of each question, by way."""
    print(f"{len(asked)} questions")
    print(f"| setting | {' | '.join(COLUMNS)} | nDCG@10 gained | over | {COST} |")
    print("|---" * (len(COLUMNS) + 7) + "|")
    found: dict[str, list[float]] = {}
    for way in ways:
        texts, replies, cpu_ms = asked_by(index, asked, way, k=LAST, **given)
        ranks = [first_right(one, documents) for one, documents in zip(asked, texts, strict=True)]
        found[way.name] = ranks
        gain = difference(asked, ranks, found[way.than]) if way.than else ""
        cells = [way.name, *figures(ranks), gain, way.than, cost_of(replies, asked)]
        print(f"| {' | '.join(cells)} | {cpu_ms:.0f} |", flush=True)
    return found


def cost_of(replies: Sequence[Reply], asked: Sequence[Asked]) -> str:
    """`1 | 55, 48 | 0.50, 0.61`: requests a question; of a request, tokens, and seconds."""
    if not replies:
        return "0 | |"
    read, written = (
        fmean(getattr(reply, kind) for reply in replies)
        for kind in ("prompt_tokens", "completion_tokens")
    )
    seconds = sorted(reply.latency_s for reply in replies)
    cuts = quantiles(seconds, n=20, method="inclusive") if len(seconds) > 1 else seconds * 19
    requests = len(replies) / len(asked)
    return f"{requests:.0f} | {read:.0f}, {written:.0f} | {cuts[9]:.2f}, {cuts[18]:.2f}"


def compressed(index: Index, asked: Sequence[Asked]) -> None:
    """Print what is left of the documents that a question finds."""
    print(f"| {READ_K} documents of | whole passage | gained | words | {COST} |")
    print("|---" * 8 + "|")
    kept: dict[str, list[float]] = {}
    for way in COMPRESSED:
        found, replies, cpu_ms = asked_by(index, asked, way, k=READ_K)
        texts = [[one_line(document.page_content) for document in each] for each in found]
        pairs = zip(asked, texts, strict=True)
        kept[way.name] = [
            float(any(one_line(one.quote) in text for text in each)) for one, each in pairs
        ]
        words = fmean(sum(len(text.split()) for text in each) for each in texts)
        gain = [mine - its for mine, its in zip(kept[way.name], kept["hybrid"], strict=True)]
        print(
            f"| {way.name} | {fmean(kept[way.name]):.2f} | {gained(asked, gain)} | "
            f"{words:.0f} | {cost_of(replies, asked)} | {cpu_ms:.0f} |",
            flush=True,
        )


def asked_by(
    index: Index, asked: Sequence[Asked], way: Way, *, k: int, **given: Any
) -> tuple[list[list[Document]], list[Reply], float]:
    """What each question finds, a model's replies, and CPU milliseconds a question."""
    recipe = Recipe(
        retrieval=[way.setting], rerank_model=way.rerank_model, retrieval_role=ROLE, **given
    )
    model = EndpointChat(role=ROLE, recipe=recipe)
    retriever = retriever_of(index, recipe, way.setting, k=min(k, index.num_chunks), model=model)
    with kept_replies() as replies:
        started = time.process_time()
        found = retriever.find([one.question for one in asked])  # all at once, as 4_eval does
        seconds = time.process_time() - started
    return found, replies, 1000 * seconds / len(asked)


@contextmanager
def kept_replies() -> Iterator[list[Reply]]:
    replies, ask = list[Reply](), Endpoint.ask

    async def keeping(endpoint: Endpoint, *given: Any, **more: Any) -> Reply:
        replies.append(await ask(endpoint, *given, **more))
        return replies[-1]

    with patch.object(Endpoint, "ask", keeping):
        yield replies
