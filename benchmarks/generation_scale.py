"""Generation over 100,000 chunks: minutes for hard distractors, KiB a chunk, seconds to resume.

`python -m benchmarks.generation_scale [--quick] [--bm25]`: 1,000 chunks instead; BM25 instead of
embeddings. Memory is the peak of this process beyond what it took at its start and the embeddings.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

from lib.endpoint import chat_request
from lib.gen.chunking.chunks import Splitter, conflicts
from lib.gen.rows.distractors import Vectors
from lib.gen.rows.raft import build_examples
from lib.gen.rows.splits import assign_splits
from lib.gen.teacher.options import AskOptions
from lib.gen.teacher.prompts import load_prompts
from lib.ledger import Ledger
from lib.records import Chunk, Document, Page, Question
from lib.settings import EndpointSettings

QUICK_CHUNKS, NUM_CHUNKS = 1000, 100_000
MOST_MINUTES, MOST_KIB, MOST_RESUME_S = 10, 4, 20
DIMENSIONS = 384
DOCUMENT_CHUNKS, CHUNK_CHARS = 20, 1000
COPIED_EVERY = 20  # one document of so many is a copy of the last, some words changed


def main(arguments: Sequence[str] = ()) -> int:
    """Print the three figures; 1 when a target is missed."""
    given = list(arguments) or sys.argv[1:]
    num_chunks = QUICK_CHUNKS if "--quick" in given else NUM_CHUNKS
    import bm25s  # noqa: F401  (its memory is not the corpus's)
    import langchain_text_splitters  # noqa: F401
    import numpy as np

    at_start = _memory("VmRSS")
    began = perf_counter()
    chunks, num_near = make_chunks(num_chunks)
    questions = [_question(chunk) for chunk in chunks]
    print(f"{len(chunks):,} chunks, {num_near:,} near duplicates dropped: {_since(began)}")
    rng = np.random.default_rng(0)
    vectors, embedding_bytes = None, 0
    if "--bm25" not in given:
        of_chunks = rng.standard_normal((len(chunks), DIMENSIONS), dtype=np.float32)
        of_questions = rng.standard_normal((len(chunks), DIMENSIONS), dtype=np.float32)
        of_questions += of_chunks
        vectors = Vectors(of_questions, of_chunks)
        embedding_bytes = of_chunks.nbytes + of_questions.nbytes
    began = perf_counter()
    num_rows = choose(chunks, questions, vectors)
    minutes = (perf_counter() - began) / 60
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    kib = (peak - at_start - embedding_bytes) / 1024 / len(chunks)
    resume_s = resume(chunks)
    print(f"hard distractors of {num_rows:,} rows: {minutes:.1f} minutes (at most {MOST_MINUTES})")
    print(f"memory: {kib:.1f} KiB a chunk beyond its embeddings (below {MOST_KIB})")
    print(f"first new request of a resumed run: {resume_s:.1f} s (at most {MOST_RESUME_S})")
    # A small corpus has the fixed costs of the process on few chunks.
    fits = kib < MOST_KIB or "--quick" in given
    return int(minutes > MOST_MINUTES or not fits or resume_s > MOST_RESUME_S)


def make_chunks(num_chunks: int) -> tuple[list[Chunk], int]:
    """Chunks of documents of words as frequent as Zipf says, and how many were near duplicates."""
    splitter = Splitter(chunk_chars=CHUNK_CHARS, chunk_overlap_chars=100)
    rng = Random(0)
    syllables = ["ka", "ro", "mi", "te", "su", "lan", "dor", "vel", "pi", "gra", "ne", "quo"]
    vocabulary = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(50_000)]
    weights = [1 / (rank + 3) for rank in range(len(vocabulary))]
    cumulative = [0.0]
    for weight in weights:
        cumulative.append(cumulative[-1] + weight)
    chunks: list[Chunk] = []
    near, number, text = 0, 0, ""
    while len(chunks) < num_chunks:
        if number % COPIED_EVERY == COPIED_EVERY - 1:
            words = text.split(" ")
            for place in range(0, len(words), 60):
                words[place] = rng.choice(vocabulary)
        else:
            words = rng.choices(
                vocabulary, cum_weights=cumulative[1:], k=DOCUMENT_CHUNKS * CHUNK_CHARS // 7
            )
            words = [word + "." * (place % 12 == 11) for place, word in enumerate(words)]
        text = " ".join(words)
        pages = (Page(1, 0, len(text)),)
        split = splitter.split(Document(f"{number}.txt", f"{number}", text, pages, ""))
        chunks += split.chunks
        near += sum(item.gate == "near" for item in split.dropped)
        number += 1
    return chunks[:num_chunks], near


def _question(chunk: Chunk) -> Question:
    words = chunk.text.split()
    answer = " ".join(words[-2:])
    return Question(f"{chunk.id}?0", chunk.id, " ".join(words[:10]) + "?", answer, answer)


def choose(chunks: Sequence[Chunk], questions: Sequence[Question], vectors: Vectors | None) -> int:
    """Split the corpus and choose hard distractors; returns the number of rows."""
    same = conflicts(chunks)
    splits = assign_splits(chunks, same, valid_share=0.05, eval_share=0.05, seed=0)
    built = build_examples(
        questions,
        chunks,
        splits,
        same,
        num_distractors=4,
        distractor_mode="hard",
        oracle_probability=0.8,
        no_oracle_mode="memorise",
        refusal_probability=0.05,
        seed=0,
        vectors=vectors,
    )
    return len(built.examples)


def resume(chunks: Sequence[Chunk]) -> float:
    """Seconds to the first request that a ledger with all others does not hold: the last chunk's.

    For each chunk the ledger holds the reply to its questions and to four answers.
    """
    settings = EndpointSettings("teacher", "openai", "http://127.0.0.1:1", "none", "a-model")
    prompts = load_prompts(AskOptions())

    def requests(chunk: Chunk) -> list[dict[str, Any]]:
        messages = [prompts.questions(chunk, 4)]
        messages += [prompts.answer(chunk, f"What is the {n}th word?") for n in range(4)]
        return [chat_request(settings, m, max_tokens=2048, temperature=0.0) for m in messages]

    with tempfile.TemporaryDirectory() as folder:
        with closing(Ledger(Path(folder) / "ledger.sqlite")) as ledger:
            waiting = [
                ledger.keep(Ledger.key(request), request, {"text": "reply " * 20})
                for chunk in chunks[:-1]
                for request in requests(chunk)
            ]
            for future in waiting:
                future.result()
        began = perf_counter()
        with closing(Ledger(Path(folder) / "ledger.sqlite")) as ledger:
            for chunk in chunks:
                if any(ledger.get(Ledger.key(request)) is None for request in requests(chunk)):
                    return perf_counter() - began
    raise RuntimeError("the ledger holds a request that was never asked")


def _memory(name: str) -> int:
    """A figure of this process in bytes, as Linux counts it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024


def _since(began: float) -> str:
    return f"{perf_counter() - began:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
