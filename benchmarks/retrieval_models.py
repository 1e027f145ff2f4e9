"""Which retrieval parts that ask a model help: multi-query, HyDE, re-ranking, compression, routing.

The questions of `retrieval_quality`, a sample: 150 a language for multi-query and HyDE, and the
first 60 of them for what reads documents. Differences are paired, clustered by document, with 95%
intervals. Requests go through the engine and its ledger, as in use: to the endpoint of
RETRIEVAL_OPENAI_BASE_URL, …_API_KEY and …_DEPLOYMENT where these are set, else to a server here
that repeats the recorded replies of benchmarks/retrieval_data/replies. CPU time is this process's,
with that server; a model's own time comes on top.

Takes about 10 minutes.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean
from unittest.mock import patch

from langchain_core.documents import Document

from benchmarks.homes import toy_embeddings
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
    ndcg,
)
from lib.endpoints import endpoint_settings
from lib.engine.ledger import LEDGER
from lib.prompts.retrieval import extract_messages
from lib.prompts.student import DOCUMENT_BEGIN, DOCUMENT_END, Message
from lib.rag.chat_model import EndpointChat
from lib.rag.index import Index, build_index
from lib.rag.pipeline import retriever_of
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError, home
from lib.store import fingerprint, read_jsonl
from lib.text import one_line
from lib.threads import tune_threads
from offline.e5 import MODEL_DIR
from tests.server import Body, Loopback, serve

ROLE = "retrieval"
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
    table(index, asked, EXPANDED)
    found = table(index, asked[:NUM_READ], RERANKED)
    compressed(index, asked[:NUM_READ])
    ours, its = (
        fmean(ndcg(rank, LAST) for rank in found[name])
        for name in ("hybrid + rerank", "hybrid + rerank (llm)")
    )
    return its - ours


def table(index: Index, asked: Sequence[Asked], ways: Sequence[Way]) -> dict[str, list[float]]:
    """Print a row a way; the place of the first right chunk of each question, by way."""
    print(f"{len(asked)} questions")
    print(f"| setting | {' | '.join(COLUMNS)} | nDCG@10 gained | over | requests | CPU ms |")
    print("|---" * (len(COLUMNS) + 5) + "|")
    found: dict[str, list[float]] = {}
    for way in ways:
        texts, requests, cpu_ms = asked_by(index, asked, way, k=LAST)
        ranks = [first_right(one, documents) for one, documents in zip(asked, texts, strict=True)]
        found[way.name] = ranks
        gain = difference(asked, ranks, found[way.than]) if way.than else ""
        cells = [way.name, *figures(ranks), gain, way.than, f"{requests:.0f}", f"{cpu_ms:.0f}"]
        print(f"| {' | '.join(cells)} |", flush=True)
    return found


def compressed(index: Index, asked: Sequence[Asked]) -> None:
    """Print what is left of the documents that a question finds."""
    print(f"| {READ_K} documents of | whole passage | gained | words | requests | CPU ms |")
    print("|---" * 6 + "|")
    kept: dict[str, list[float]] = {}
    for way in COMPRESSED:
        found, requests, cpu_ms = asked_by(index, asked, way, k=READ_K)
        texts = [[one_line(document.page_content) for document in each] for each in found]
        pairs = zip(asked, texts, strict=True)
        kept[way.name] = [
            float(any(one_line(one.quote) in text for text in each)) for one, each in pairs
        ]
        words = fmean(sum(len(text.split()) for text in each) for each in texts)
        gain = [mine - its for mine, its in zip(kept[way.name], kept["hybrid"], strict=True)]
        print(
            f"| {way.name} | {fmean(kept[way.name]):.2f} | {gained(asked, gain)} | "
            f"{words:.0f} | {requests:.0f} | {cpu_ms:.0f} |",
            flush=True,
        )


def asked_by(
    index: Index, asked: Sequence[Asked], way: Way, *, k: int
) -> tuple[list[list[Document]], float, float]:
    """What each question finds, requests a question, and CPU milliseconds a question."""
    recipe = Recipe(retrieval=[way.setting], rerank_model=way.rerank_model, retrieval_role=ROLE)
    retriever = retriever_of(index, recipe, way.setting, k=min(k, index.num_chunks))
    with counted() as requests:
        started = time.process_time()
        found = retriever.find([one.question for one in asked])  # all at once, as 4_eval does
        seconds = time.process_time() - started
    return found, sum(requests) / len(asked), 1000 * seconds / len(asked)


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many prompts a model was given, each time."""
    counts, ask_all = list[int](), EndpointChat.ask_all

    def counting(model: EndpointChat, prompts: Sequence[Sequence[Message]]) -> list[str]:
        counts.append(len(prompts))
        return ask_all(model, prompts)

    with patch.object(EndpointChat, "ask_all", counting):
        yield counts


# --- the recorded replies ------------------------------------------------------------------------

_NUMBERED = re.compile(rf"(\d+) {DOCUMENT_BEGIN}(.*?){DOCUMENT_END}\n", re.DOTALL)


@dataclass(frozen=True)
class Recorded:
    """Replies of a model by the request's messages, one a line:

        {"key": "07c9a2f4b1de", "reply": "Who made the pier?⏎The pier's builder"}
        {"key": "9f2b60c87a31", "reply": "a1b2c3 > 0d9f11", "read": "0d9f11 77e0a2 a1b2c3"}

    Numbered documents are named by the hash of their texts, and are not in the key: so an order
    holds where rounding on another machine has swapped two, or where a few of them are asked about.
    """

    rows: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, path: Path) -> Recorded:
        return cls({row["key"]: row for row in read_jsonl(path)})

    def has(self, messages: Sequence[Message]) -> bool:
        row, shown = self.rows.get(key_of(messages)), numbered(messages)
        return row is not None and shown.keys() <= set(row.get("read", "").split())

    def reply(self, body: Body) -> str:
        reply, shown = self.rows[key_of(body["messages"])]["reply"], numbered(body["messages"])
        if not shown:
            return reply
        return " > ".join(shown[name] for name in reply.split(" > ") if name in shown) or "0"

    def check(self, messages: Sequence[Message]) -> None:
        """SetupError: no reply is recorded."""
        if not self.has(messages):
            asked = one_line(messages[-1]["content"])[-100:]
            raise SetupError(
                f"No reply is recorded for the prompt that ends with '{asked}': its wording or its "
                "documents have changed since. Set RETRIEVAL_OPENAI_BASE_URL, …_API_KEY and "
                "…_DEPLOYMENT to ask a model."
            )


def key_of(messages: Sequence[Message]) -> str:
    return fingerprint([_NUMBERED.sub("", message["content"]) for message in messages])


def numbered(messages: Sequence[Message]) -> dict[str, str]:
    """Hash of each numbered document's text → its number."""
    found = _NUMBERED.findall(messages[-1]["content"])
    return {fingerprint(text, length=6): number for number, text in found}


@contextmanager
def answering(path: Path) -> Iterator[Recorded]:
    """ROLE has an endpoint while the block lasts: the one that is set, or the recorded replies."""
    recorded = Recorded.read(path)
    if endpoint_settings(ROLE) is not None:
        yield recorded
        return
    ask_all = EndpointChat.ask_all

    def checked(model: EndpointChat, prompts: Sequence[Sequence[Message]]) -> list[str]:
        for prompt in prompts:
            recorded.check(prompt)
        return ask_all(model, prompts)

    with (
        serve(Loopback(reply=recorded.reply)) as server,
        tempfile.TemporaryDirectory(prefix="openbook-bench-") as folder,
    ):
        names = {"BASE_URL": server.base_url, "API_KEY": "none", "DEPLOYMENT": "recorded"}
        endpoint = {f"{ROLE.upper()}_OPENAI_{name}": value for name, value in names.items()}
        with (
            patch.dict(os.environ, endpoint | {LEDGER: str(Path(folder, "ledger.sqlite"))}),
            patch.object(EndpointChat, "ask_all", checked),
        ):
            yield recorded
