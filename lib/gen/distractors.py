"""Distractors: the chunks nearest to a question, and the guard that turns down what misleads."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from lib.duplicates import Conflicts
from lib.rag.embedder import Embedder
from lib.rag.keywords import index_terms
from lib.records import Chunk, Question
from lib.text import holds, terms

T = TypeVar("T")

HARD_NEIGHBOURS = 50
_BLOCK_QUESTIONS = 64


@dataclass(frozen=True)
class Guard:
    """Takes distractors for a row and turns down, counted, those that must not be in it."""

    same: Conflicts
    counts: Counter[str]

    def add(
        self,
        chosen: list[Chunk],
        candidates: Iterable[Chunk],
        until: int,
        answers: Sequence[str],
        *oracles: Chunk,
    ) -> None:
        """Go on choosing from candidates until so many are chosen; none holds an answer."""
        ids = {oracle.id for oracle in oracles}
        same = {chunk_id for oracle_id in ids for chunk_id in self.same[oracle_id]}
        for chunk in candidates:
            if len(chosen) >= until:
                return
            if chunk.id in ids or chunk in chosen:
                continue
            if chunk.id in same:
                self.counts["counts as the same as the oracle"] += 1
            elif any(chunk.id in self.same[other.id] for other in chosen):
                self.counts["counts as the same as another distractor"] += 1
            elif any(holds(chunk.text, answer) for answer in answers):
                self.counts["holds the answer"] += 1
            else:
                chosen.append(chunk)


def in_random_order(pool: Sequence[T], rng: Random) -> Iterator[T]:
    """A shuffle (Fisher-Yates) that costs only as much as is taken of it."""
    moved: dict[int, int] = {}
    for drawn in range(len(pool)):
        place = rng.randrange(drawn, len(pool))
        yield pool[moved.get(place, place)]
        moved[place] = moved.get(drawn, drawn)


def neighbours(
    questions: Sequence[Question], chunks: Sequence[Chunk], embedder: Embedder | None = None
) -> Iterator[list[Chunk]]:
    """For each question, in their order, the HARD_NEIGHBOURS chunks nearest to it, the nearest
    first: by the cosine of their vectors, or without an embedder by BM25; found as they are
    taken."""
    if not questions:
        return iter(())
    if embedder is None:
        return _by_words(questions, chunks)
    return _by_vectors(questions, chunks, embedder)


def _by_words(questions: Sequence[Question], chunks: Sequence[Chunk]) -> Iterator[list[Chunk]]:
    index = index_terms([chunk.text for chunk in chunks], terms)
    count = min(HARD_NEIGHBOURS, len(chunks))
    for start in range(0, len(questions), _BLOCK_QUESTIONS):
        block = questions[start : start + _BLOCK_QUESTIONS]
        asked = [terms(question.text) for question in block]
        found, scores = index.retrieve(asked, k=count, show_progress=False)
        for indexes, values in zip(found, scores, strict=True):
            yield _ranked(chunks, indexes[values > 0], values[values > 0])


def _by_vectors(
    questions: Sequence[Question], chunks: Sequence[Chunk], embedder: Embedder
) -> Iterator[list[Chunk]]:
    import numpy as np

    of_questions = embedder.queries([question.text for question in questions])
    of_chunks = embedder.documents([chunk.text for chunk in chunks])
    count = min(HARD_NEIGHBOURS, len(chunks))
    for start in range(0, len(questions), _BLOCK_QUESTIONS):
        for values in of_questions[start : start + _BLOCK_QUESTIONS] @ of_chunks.T:
            indexes = np.argpartition(-values, count - 1)[:count]
            yield _ranked(chunks, indexes, values[indexes])


def _ranked(chunks: Sequence[Chunk], indexes: Any, values: Any) -> list[Chunk]:
    ranked = sorted(zip((-values).tolist(), indexes.tolist(), strict=True))
    return [chunks[index] for _, index in ranked]
