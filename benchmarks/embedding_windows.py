"""Chunks longer than the embedding model reads: hits of the mean of windows and of a cut text.

The sample corpus' longer documents in chunks of 2,000 characters. Of each chunk one question of the
built-in teacher about its first quarter, and one about its last; a hit: it is among the nearest.

Takes about a minute.
"""

from __future__ import annotations

import re
from typing import Any

from lib.gen.chunks import Splitter
from lib.gen.corpus import Corpus
from lib.prompts.student import parse_answer
from lib.rag.embedder import MINILM_NAME, MINILM_SHA256, LocalEmbedder, minilm_dir
from lib.recipe import Recipe
from lib.records import Chunk, Question
from lib.threads import tune_threads
from offline.teacher import write_questions

CHUNK_CHARS = 2000
NEAREST = (1, 5)
QUARTERS = {"last": (0.75, 1.0), "first": (0.0, 0.25)}


class CutEmbedder(LocalEmbedder):
    """The same model on the whole text, of which it reads the first 256 tokens."""

    def windows(self, text: str) -> list[str]:
        return [text]


def main(*, quick: bool = False) -> int:
    """Print the hits of both; 1 if windows find no more questions about the last quarter."""
    tune_threads()
    documents = [d for d in Corpus(Recipe()).read().documents if len(d.text) > CHUNK_CHARS]
    splitter = Splitter(Recipe(chunk_chars=CHUNK_CHARS, chunk_overlap_chars=0))
    chunks = [chunk for document in documents for chunk in splitter.split(document).chunks]
    chunks = chunks[:2] if quick else chunks
    texts, path = [chunk.text for chunk in chunks], str(minilm_dir())
    embedders = {
        "windows": LocalEmbedder(path, name=MINILM_NAME, identity=MINILM_SHA256),
        "cut": CutEmbedder(path, name=MINILM_NAME, identity=MINILM_SHA256),
    }
    longer = sum(len(embedders["windows"].windows(text)) > 1 for text in texts)
    print(f"{len(chunks)} chunks of {CHUNK_CHARS:,} characters; {longer} longer than it reads")
    vectors = {way: embedder.documents(texts) for way, embedder in embedders.items()}
    print(f"asked about (questions) | among the nearest | {' | '.join(vectors)}")
    gains = {}
    for quarter, share in QUARTERS.items():
        asked = [(place, _question(chunk, *share)) for place, chunk in enumerate(chunks)]
        pairs = [(place, question.text) for place, question in asked if question]
        queries = embedders["cut"].queries([text for _, text in pairs])
        ranks = {
            way: _ranks(v, queries, [place for place, _ in pairs]) for way, v in vectors.items()
        }
        for nearest in NEAREST:
            hits = {way: sum(rank < nearest for rank in of_way) for way, of_way in ranks.items()}
            shares = " | ".join(f"{count / len(pairs):.0%}" for count in hits.values())
            print(f"| the {quarter} quarter ({len(pairs)}) | {nearest} | {shares} |")
            gains[quarter, nearest] = hits["windows"] - hits["cut"]
    gain = gains["last", NEAREST[-1]]
    print(f"windows find {gain} more of the questions about the last quarter (target: above 0)")
    return int(gain <= 0)


def _question(chunk: Chunk, begin: float, end: float) -> Question | None:
    """The teacher's best question whose quoted sentence lies in that part of the chunk."""
    for question in write_questions(chunk, num_questions=40, seed=0):
        words = parse_answer(question.cot_answer).quotes[0].split()
        found = re.search(r"\s+".join(map(re.escape, words)), chunk.text)
        size = len(chunk.text)
        if found and begin * size <= found.start() and found.end() <= end * size:
            return question
    return None


def _ranks(vectors: Any, queries: Any, oracles: list[int]) -> list[int]:
    """How many chunks stand nearer to each query than its own; 0 = it is the nearest."""
    similarities = queries @ vectors.T
    return [
        int((row > row[oracle]).sum()) for row, oracle in zip(similarities, oracles, strict=True)
    ]
