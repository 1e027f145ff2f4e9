"""Chunks that say the same: found among those seen before, and among all of a corpus."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from typing import Any

from lib.gen.words import words
from lib.records import Chunk

SHINGLE_WORDS = 5
SAME_SHARE = 0.5  # of the smaller chunk's runs: two chunks count as the same
MAX_HOLDERS = 1000  # a run that stands in more chunks is boilerplate, and counts for nothing

_SKETCH_RUNS = 8  # of a chunk's runs, those that find it again

_64_BITS = 2**64 - 1
_BASE = 0x9E3779B97F4A7C15  # of the rolling hash: odd, and its bits are mixed
_OUT = pow(_BASE, SHINGLE_WORDS, 2**64)


def shingles(text: str) -> set[int]:
    """The runs of five words, each as 64 bits; case and punctuation aside.

    A rolling hash (Karp and Rabin, 1987) of the words' own: a repeated word is hashed once.
    """
    hashes = [_hash(word) for word in words(text)]
    value = 0
    for word in hashes[: SHINGLE_WORDS - 1]:
        value = (value * _BASE + word) & _64_BITS
    if len(hashes) < SHINGLE_WORDS:
        return {value}
    runs, left = set(), [0, *hashes]
    for word, gone in zip(hashes[SHINGLE_WORDS - 1 :], left, strict=False):
        value = (value * _BASE + word - gone * _OUT) & _64_BITS
        runs.add(value)
    return runs


@lru_cache(maxsize=2**16)
def _hash(text: str) -> int:
    # Not hash(): it differs from one process to the next, and sketches are chosen by it.
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


class Seen:
    """The chunks kept so far, to tell a repeated one at once.

    A chunk is repeated when its text is that of an earlier one, white space aside, or when at least
    `near_share` of its runs of five words stand in one (0 = only equal texts count). The earlier
    one is found through the eight least of its runs; most chunks share one of them with a near
    duplicate of the same length, few with a much longer chunk that holds them. (Broder, "On the
    resemblance and containment of documents", 1997.) What is missed is left to `conflicts`.
    """

    def __init__(self, near_share: float) -> None:
        self._near_share = near_share
        self._equal: dict[int, str] = {}  # a text's hash → the id of its chunk
        self._holders: dict[int, Chunk] = {}  # a run → the first chunk that has it in its sketch

    def repeated(self, chunk: Chunk) -> tuple[str, str] | None:
        """The gate and the reason that drop it; None: it is new, and remembered."""
        text = " ".join(chunk.text.split())
        earlier = self._equal.setdefault(_hash(text), chunk.id)
        if earlier != chunk.id:
            return "same", f"the text of {earlier}"
        if self._near_share:
            runs = shingles(chunk.text)
            sketch = sorted(runs)[:_SKETCH_RUNS]
            found = {
                id(self._holders[run]): self._holders[run] for run in sketch if run in self._holders
            }
            for other in found.values():
                share = len(runs & shingles(other.text)) / len(runs)
                if share >= self._near_share:
                    return "near", f"{share:.0%} of its runs of five words stand in {other.id}"
            for run in sketch:
                self._holders.setdefault(run, chunk)
        return None


def near_duplicates(chunks: Sequence[Chunk]) -> Iterator[tuple[str, str]]:
    """Pairs of ids: at least half of the smaller one's runs of five words stand in the other.

    All of them, without comparing all pairs: only chunks that share so many runs with others at
    all are looked up. Runs that stand in more than MAX_HOLDERS chunks do not count. A run is known
    by 32 bits: two chunks of 200 runs share one by chance once in 100,000 pairs.
    """
    import numpy as np

    if not chunks:
        return
    flat, starts = array("I"), [0]
    for chunk in chunks:
        flat.extend(sorted({run & 0xFFFFFFFF for run in shingles(chunk.text)}))
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
    import numpy as np

    ordered = np.sort(entries)
    shared = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    counts = np.searchsorted(ordered, shared, "right") - np.searchsorted(ordered, shared)
    return shared, counts


def _places(runs: Any, shared: Any) -> Any:
    """Where those of the runs stand in `shared` that do."""
    import numpy as np

    places = np.searchsorted(shared, runs)
    places = places[places < len(shared)]
    return places[shared[places] == runs[: len(places)]]
