"""Which retrieval finds the passage: each technique alone and together, with 95% intervals.

399 English questions on the sample corpus and 223 Vietnamese ones on the small corpus of
benchmarks/retrieval_data/vi, written by hand, mostly in other words than the documents'. A chunk is
right if it has the whole passage that answers the question, or of a passage that is cut, its
longest part. hit: a right chunk is among the first k; MRR and nDCG: of the first right chunk, up to
place 10. Differences are paired, clustered by document. Vietnamese is measured with the default
embedder, which knows English, and with multilingual-e5-small where `make e5` has made its folder.

Takes about 8 minutes, and longer with multilingual-e5-small.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, median

from langchain_core.documents import Document as FoundDocument

from benchmarks.homes import fresh_home
from lib.eval.statistics.clustered import intervals, make_sample
from lib.gen.chunks import Splitter
from lib.gen.corpus import Corpus
from lib.rag.index import Index, build_index
from lib.rag.pipeline import retriever_of
from lib.recipe import Recipe
from lib.records import Chunk, Document
from lib.settings import PROJECT_DIR, home
from lib.store import read_jsonl
from lib.text import one_line
from lib.threads import tune_threads
from offline.e5 import MODEL_DIR

DATA_DIR = PROJECT_DIR / "benchmarks" / "retrieval_data"
LANGUAGES = {"en": PROJECT_DIR / "sample_data", "vi": DATA_DIR / "vi"}
SETTINGS = (
    "dense", "keywords", "hybrid", "dense + rerank", "keywords + rerank", "hybrid + rerank",
)  # fmt: skip
READ, READ_K = ("hybrid", "hybrid + neighbours", "hybrid + compress"), 5
DEPTHS = (1, 3, 5, 10)
LAST = DEPTHS[-1]
COLUMNS = [*(f"hit@{k}" for k in DEPTHS), "MRR@10", *(f"nDCG@{k}" for k in DEPTHS[1:])]


@dataclass(frozen=True)
class Asked:
    """A question, its passage and document, and the ids of the chunks that have the passage."""

    question: str
    quote: str
    document: str
    kind: str
    right: frozenset[str]


def main(*, quick: bool = False) -> int:
    """Print the figures of each language; 1 if hybrid does not beat dense in one of the tables."""
    tune_threads()
    gains = {}
    e5_dir = home() / MODEL_DIR
    with fresh_home():
        of_language = {name: labelled(name, folder) for name, folder in LANGUAGES.items()}
        if quick:
            of_language = {name: few(*found) for name, found in of_language.items()}
        for language, (chunks, asked) in of_language.items():
            for model in embedding_models(language, e5_dir):
                with build_index(chunks, Recipe(embedding_model=model)) as index:
                    gains[f"{language} ({index.embedder.name})"] = report(language, index, asked)
        several(of_language, e5_dir)
    behind = [table for table, gain in gains.items() if gain <= 0]
    print(
        f"hybrid finds more than dense in {len(gains) - len(behind)} of {len(gains)} tables "
        f"(target: all); no more in: {', '.join(behind) or 'none'}"
    )
    return int(bool(behind))


def few(chunks: Sequence[Chunk], asked: Sequence[Asked]) -> tuple[list[Chunk], list[Asked]]:
    """Two questions, and chunks to find them in: for a quick run."""
    kept = {name for one in asked[:2] for name in one.right}
    some = [*(chunk for chunk in chunks if chunk.id in kept), *chunks[:LAST]]
    return list({chunk.id: chunk for chunk in some}.values()), list(asked[:2])


def embedding_models(language: str, e5_dir: Path) -> Iterator[str]:
    """The default, and where English is not the language, the multilingual model if it is there."""
    yield ""
    if language == "en":
        return
    if e5_dir.is_dir():
        yield str(e5_dir)
    else:
        print(f"\n{language}, {e5_dir.name}: not measured, {MODEL_DIR} is not there (make e5)")


def report(language: str, index: Index, asked: Sequence[Asked]) -> float:
    """Print a row a setting; how much higher the nDCG@10 of hybrid is than dense's."""
    print(f"\n{language}: {len(asked)} questions, {index.num_chunks} chunks, {index.embedder.name}")
    print(f"| setting | {' | '.join(COLUMNS)} | nDCG@10 − dense's | ms a question |")
    print("|---" * (len(COLUMNS) + 3) + "|")
    ranks = {setting: ranks_of(index, asked, Recipe(retrieval=[setting])) for setting in SETTINGS}
    for setting, (found, milliseconds) in ranks.items():
        cells = " | ".join(figures(found))
        gain = difference(asked, found, ranks["dense"][0])
        print(f"| {setting} | {cells} | {gain} | {milliseconds:.0f} |", flush=True)
    print_kinds(asked, {setting: found for setting, (found, _) in ranks.items()})
    print(f"of what {READ_K} documents say:", "; ".join(map(partial(shown, index, asked), READ)))
    return mean_ndcg(ranks["hybrid"][0]) - mean_ndcg(ranks["dense"][0])


def print_kinds(asked: Sequence[Asked], ranks: Mapping[str, Sequence[float]]) -> None:
    """Print what share of each kind of question each setting finds."""
    for kind in dict.fromkeys(one.kind for one in asked):
        of_kind = [place for place, one in enumerate(asked) if one.kind == kind]
        hits = " | ".join(
            f"{setting} {100 * fmean(found[place] < 5 for place in of_kind):.0f}"
            for setting, found in ranks.items()
        )
        print(f"hit@5 of {len(of_kind)} by {kind}: {hits}")


def shown(index: Index, asked: Sequence[Asked], setting: str) -> str:
    """`hybrid: the whole passage for 44% of the questions, 700 words`"""
    retriever = retriever_of(index, Recipe(), setting, k=READ_K)
    found = retriever.batch([one.question for one in asked])
    texts = [[one_line(document.page_content) for document in documents] for documents in found]
    pairs = zip(asked, texts, strict=True)
    whole = fmean(any(one_line(one.quote) in text for text in of_one) for one, of_one in pairs)
    words = fmean(sum(len(text.split()) for text in of_one) for of_one in texts)
    return (
        f"{setting}: the whole passage for {100 * whole:.0f}% of the questions, {words:.0f} words"
    )


def several(of_language: Mapping[str, tuple[list[Chunk], list[Asked]]], e5_dir: Path) -> None:
    """Print what one index of the documents of all languages finds, and what several find."""
    chunks = [chunk for found, _ in of_language.values() for chunk in found]
    ways: list[tuple[str, str, list[str]]] = [
        ("hybrid", "", []),
        ("hybrid + languages", "", []),
        ("hybrid + folders", "", []),
    ]
    if e5_dir.is_dir():
        ways += [("hybrid", str(e5_dir), []), ("hybrid + languages", "", [f"vi={e5_dir}"])]
    print(f"\nboth languages, {len(chunks)} chunks: nDCG@10, its difference to the first row, ms")
    print(f"| setting | embedding | {' | '.join(f'{name} | | ms' for name in of_language)} |")
    print("|---" * (2 + 3 * len(of_language)) + "|")
    first: dict[str, list[float]] = {}
    for setting, model, models in ways:
        recipe = Recipe(retrieval=[setting], embedding_model=model, index_models=models)
        cells = []
        with build_index(chunks, recipe) as index:
            for language, (_, asked) in of_language.items():
                found, milliseconds = ranks_of(index, asked, recipe)
                gain = difference(asked, found, first.setdefault(language, found))
                cells.append(f"{mean_ndcg(found):.3f} | {gain} | {milliseconds:.0f}")
            used = index.embedder.name + f", vi: {e5_dir.name}" * bool(models)
        print(f"| {setting} | {used} | {' | '.join(cells)} |", flush=True)


def ranks_of(index: Index, asked: Sequence[Asked], recipe: Recipe) -> tuple[list[float], float]:
    """The place of the first right chunk of each question, from 0 (∞: none), and median ms."""
    retriever = retriever_of(index, recipe, recipe.retrieval[0], k=min(LAST, index.num_chunks))
    retriever.invoke("A first question opens the index.")
    ranks, seconds = list[float](), list[float]()
    for one in asked:
        started = time.perf_counter()
        found = retriever.invoke(one.question)
        seconds.append(time.perf_counter() - started)
        ranks.append(first_right(one, found))
    return ranks, 1000 * median(seconds)


def first_right(one: Asked, found: Sequence[FoundDocument]) -> float:
    """The place of the first right chunk, from 0; ∞: there is none."""
    places = (place for place, document in enumerate(found) if document.id in one.right)
    return next(places, math.inf)


def figures(ranks: Sequence[float]) -> list[str]:
    """The cells of COLUMNS."""
    cells = [f"{100 * fmean(rank < k for rank in ranks):.0f}" for k in DEPTHS]
    cells.append(f"{fmean(1 / (rank + 1) if rank < LAST else 0 for rank in ranks):.3f}")
    return cells + [f"{fmean(ndcg(rank, k) for rank in ranks):.3f}" for k in DEPTHS[1:]]


def ndcg(rank: float, k: int) -> float:
    """Of one right chunk: 1 / log2(2 + its place)."""
    return 1 / math.log2(2 + rank) if rank < k else 0.0


def mean_ndcg(ranks: Sequence[float]) -> float:
    return fmean(ndcg(rank, LAST) for rank in ranks)


def difference(asked: Sequence[Asked], found: Sequence[float], other: Sequence[float]) -> str:
    """Of nDCG@10, as `gained` says it."""
    pairs = zip(found, other, strict=True)
    return gained(asked, [ndcg(mine, LAST) - ndcg(its, LAST) for mine, its in pairs])


def gained(asked: Sequence[Asked], values: Sequence[float]) -> str:
    """`+0.031 (+0.004 to +0.060)`"""
    if not any(values):
        return "0"
    sample = make_sample(values, [one.document for one in asked], paired=True)
    (interval,) = intervals([sample])
    return f"{sample.mean:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"


# --- the labelled questions ----------------------------------------------------------------------


def labelled(language: str, folder: Path) -> tuple[list[Chunk], list[Asked]]:
    """The chunks of the folder as 1_gen cuts them, and the questions with their right chunks."""
    recipe = Recipe(doc_path=str(folder))
    documents = {document.id: document for document in Corpus(recipe).read().documents}
    splitter = Splitter(recipe)
    chunks = {name: list(splitter.split(document).chunks) for name, document in documents.items()}
    asked = []
    for row in read_jsonl(DATA_DIR / f"{language}.jsonl"):
        name = row["document"].removeprefix("sample_data/").removeprefix("vi/")
        right = holding(documents[name], row["quote"], chunks[name])
        asked.append(Asked(row["question"], row["quote"], name, row["kind"], right))
    return [chunk for of_document in chunks.values() for chunk in of_document], asked


def holding(document: Document, quote: str, chunks: Sequence[Chunk]) -> frozenset[str]:
    """Ids of the chunks that have the whole quote, else the longest part of it.

    Raises:
        ValueError: the document does not have the quote; the labels are wrong.
    """
    start = document.text.index(quote)
    end = start + len(quote)
    shared = {chunk.id: min(chunk.end, end) - max(chunk.start, start) for chunk in chunks}
    longest = max(shared.values())
    return frozenset(name for name, length in shared.items() if length == longest)
