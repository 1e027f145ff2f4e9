"""Chunks that say the same: found among those seen before, and among all of a corpus."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from lib.records import Chunk
from lib.text import one_line, words

SHINGLE_WORDS = 5
SAME_SHARE = 0.5  # of the smaller chunk's runs: two chunks count as the same
MAX_HOLDERS = 1000  # a run that stands in more chunks is boilerplate, and counts for nothing

Conflicts = Mapping[str, set[str]]  # a chunk's id → those that count as the same

_BASE = 0x9E3779B97F4A7C15  # odd, and its bits are mixed
_POWERS = np.array([pow(_BASE, i, 2**64) for i in range(SHINGLE_WORDS)], dtype=np.uint64)
_SKETCH_RUNS = 8  # of a chunk's runs, those that find it again

# 60 bits: a Python integer of 64 takes a third more memory.
_60_BITS = 2**60 - 1
_PARTS = 8  # of all runs of a corpus, to be sorted one after another: less memory than at once


def shingles(text: str) -> Any:
    """The runs of five words, each as 60 bits, ascending; case and punctuation aside.

    A polynomial (Karp and Rabin, 1987) of the words' hashes, so that a repeated word is hashed
    once. A text of fewer words is one run.
    """
    found = words(text)
    hashes = np.zeros(max(len(found), SHINGLE_WORDS), dtype=np.uint64)
    hashes[: len(found)] = list(map(_cached_hash, found))
    return _distinct(np.convolve(hashes, _POWERS, "valid") & _60_BITS)


def _hash(text: str) -> int:
    # Not hash(): it differs from one process to the next, and sketches are chosen by it.
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") & _60_BITS


_cached_hash = lru_cache(maxsize=2**16)(_hash)  # of words, which come again and again


class Marks(NamedTuple):
    """What a repeated text is found by."""

    equal: int  # the hash of the text, white space aside
    sketch: tuple[int, ...]  # the least of its runs of five words

    @classmethod
    def of(cls, text: str) -> Marks:
        return cls(_hash(one_line(text)), tuple(shingles(text)[:_SKETCH_RUNS].tolist()))


class Seen:
    """The chunks kept so far, to tell a repeated one at once.

    A chunk is repeated when its text is that of an earlier one, white space aside, or when at least
    `near_share` of its runs of five words stand in one (0 = only equal texts count). The earlier
    one is found through the eight least of its runs: nearly all chunks share one of them with a
    near duplicate of the same length, few with a much longer chunk that holds them. (Broder, "On
    the resemblance and containment of documents", 1997.) What is missed is left to `conflicts`.
    """

    def __init__(self, near_share: float) -> None:
        self._near_share = near_share
        self._equal: dict[int, str] = {}  # a text's hash → the id of its chunk
        self._holders: dict[int, Chunk] = {}  # a run → the first chunk that has it in its sketch

    def repeated(self, chunk: Chunk, marks: Marks) -> tuple[str, str] | None:
        """The gate and the reason that drop it; None: it is new, and remembered."""
        earlier = self._equal.setdefault(marks.equal, chunk.id)
        if earlier != chunk.id:
            return "same", f"the text of {earlier}"
        if self._near_share:
            holders = [self._holders.get(run) for run in marks.sketch]
            found = Counter(holder.id for holder in holders if holder)
            for other in holders:
                if other and found.pop(other.id, 0) >= _least(other, chunk):
                    runs = shingles(chunk.text)
                    share = len(_places(runs, shingles(other.text))) / len(runs)
                    if share >= self._near_share:
                        return "near", f"{share:.0%} of its runs of five words stand in {other.id}"
            for run in marks.sketch:
                self._holders.setdefault(run, chunk)
        return None


def _least(other: Chunk, chunk: Chunk) -> int:
    """How many runs of a sketch must be shared: neighbours that overlap a little often have one."""
    return 2 if 0 < 2 * _overlap(other, chunk) < chunk.end - chunk.start else 1


def _overlap(one: Chunk, other: Chunk) -> int:
    """What their ranges in one document share, characters."""
    if one.document_id != other.document_id:
        return 0
    return max(0, min(one.end, other.end) - max(one.start, other.start))


def conflicts(chunks: Sequence[Chunk]) -> dict[str, set[str]]:
    """For each chunk's id the ids of those that count as the same.

    Two count as the same when their ranges in one document overlap, or when at least half of the
    smaller one's runs of five words stand in the other, case and punctuation aside. A run that
    more than MAX_HOLDERS chunks have is boilerplate and does not count.
    """
    same: dict[str, set[str]] = {chunk.id: set() for chunk in chunks}
    for pairs in (_overlapping(chunks), near_duplicates(chunks)):
        for left, right in pairs:
            same[left].add(right)
            same[right].add(left)
    return same


def _overlapping(chunks: Sequence[Chunk]) -> Iterable[tuple[str, str]]:
    by_document: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in sorted(chunks, key=lambda chunk: (chunk.document_id, chunk.start)):
        earlier = by_document[chunk.document_id]
        for other in earlier:
            if other.end > chunk.start:
                yield other.id, chunk.id
        earlier[:] = [*(other for other in earlier if other.end > chunk.start), chunk]


def count_as_same(one: Chunk, other: Chunk) -> bool:
    """What `conflicts` says of two chunks alone, where nothing is known to be boilerplate."""
    if _overlap(one, other):
        return True
    runs, others = shingles(one.text), shingles(other.text)
    return len(_places(runs, others)) >= max(1, SAME_SHARE * min(len(runs), len(others)))


def near_duplicates(chunks: Sequence[Chunk]) -> Iterator[tuple[str, str]]:
    """Pairs of ids: at least half of the smaller one's runs of five words stand in the other.

    All of them, without comparing all pairs: only chunks that share so many runs with others at
    all are looked up. Runs that stand in more than MAX_HOLDERS chunks do not count. A run is known
    by 32 bits: two chunks of 200 runs share one by chance once in 100,000 pairs.
    """
    if not chunks:
        return
    flat, starts = array("I"), [0]
    for chunk in chunks:
        flat.frombytes(_distinct(shingles(chunk.text).astype(np.uint32)).tobytes())
        starts.append(len(flat))
    entries = np.frombuffer(flat, dtype=np.uint32)
    shared, counts = _shared_values(entries)
    rare = counts <= MAX_HOLDERS
    owned = []  # of each chunk the places in `shared` of its runs that others have
    sizes = np.zeros(len(chunks), dtype=np.int64)
    for index, (start, end) in enumerate(pairwise(starts)):
        runs = entries[start:end]
        places = _places(runs, shared)
        own = places[rare[places]].astype(np.int32)
        owned.append(own)
        sizes[index] = end - start - (len(places) - len(own))
    holders = np.repeat(np.arange(len(chunks), dtype=np.int32), [len(own) for own in owned])
    order = np.argsort(np.concatenate(owned), kind="stable")
    holders, ends = holders[order], np.cumsum(np.where(rare, counts, 0))
    for index, own in enumerate(owned):
        needed = max(1, -int(-SAME_SHARE * sizes[index] // 1))
        if len(own) < needed:
            continue
        lists = [holders[ends[place] - counts[place] : ends[place]] for place in own]
        partners, common = np.unique(np.concatenate(lists), return_counts=True)
        larger = (sizes[partners] > sizes[index]) | (
            (sizes[partners] == sizes[index]) & (partners > index)
        )
        for other in partners[larger & (common >= needed)]:
            yield chunks[index].id, chunks[other].id


def _shared_values(entries: Any) -> tuple[Any, Any]:
    """The values that occur more than once, in their order, and how often each does."""
    shared, counts = [], []
    width = 2**32 // _PARTS
    for low in range(0, 2**32, width):
        part = np.sort(entries[(entries >= low) & (entries <= low + width - 1)])
        values = _distinct(part[1:][part[1:] == part[:-1]])
        shared.append(values)
        counts.append(np.searchsorted(part, values, "right") - np.searchsorted(part, values))
    return np.concatenate(shared), np.concatenate(counts)


def _distinct(values: Any) -> Any:
    """The values in their order, each once. (numpy.unique takes three times as long.)"""
    ordered = np.sort(values)
    first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def _places(runs: Any, shared: Any) -> Any:
    """Where those of the runs stand in `shared` that do."""
    places = np.searchsorted(shared, runs)
    places = places[places < len(shared)]
    return places[shared[places] == runs[: len(places)]]
