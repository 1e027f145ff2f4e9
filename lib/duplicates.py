"""Near duplicates: chunks that say the same, questions that ask the same.

What chunks share is weighed by how many of the corpus have it: a run of five words that n others
have weighs 1/n. Two copies of a page say the same; a hundred records with the same sign-in code do
not. Links of Markdown are read as their text.
"""

import math
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, pairwise
from typing import Any, NamedTuple, Self

from lib.records import Chunk
from lib.text import normalise, one_line, terms, words

SHINGLE_WORDS = 5
SAME_SHARE = 0.5  # of what the smaller chunk's runs weigh: two chunks count as the same
SAME_WORDS = 0.9  # of the words of two questions: they count as the same
MAX_HOLDERS = 100  # a run in more chunks weighs nothing

Conflicts = Mapping[str, set[str]]  # a chunk's id → those that count as the same

_BASE = 0x9E3779B97F4A7C15  # odd, and its bits are mixed
_POWERS = [pow(_BASE, i, 2**64) for i in range(SHINGLE_WORDS)]
_SKETCH_RUNS = 8  # of a chunk's runs, those that find it again

_UNIT = 2**20  # what a run of one chunk weighs; whole numbers, so that no order of adding matters

# `[text](target "title")` and `[text][reference]`: only the text counts.
_LINK = re.compile(
    r"""!?\[([^][]*)\](?:\(\s*(?:<[^<>\n]*>|(?:[^\s()]|\([^\s()]*\))*)"""
    r"""(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)|\[[^][]*\])"""
)

# 60 bits: a Python integer of 64 takes a third more memory.
_60_BITS = 2**60 - 1
_PARTS = 8  # of all runs of a corpus, to be sorted one after another: less memory than at once


def shingles(text: str) -> Any:
    """The runs of five words, each as 60 bits, ascending; case and punctuation aside.

    A polynomial (Karp and Rabin, 1987) of the words' hashes, so that a repeated word is hashed
    once. A text of fewer words is one run. A link of Markdown is its text.
    """
    import numpy as np

    if "](" in text or "][" in text:
        text = _LINK.sub(r"\1", _LINK.sub(r"\1", text))  # twice: a picture may be a link's text
    found = words(text)
    hashes = np.zeros(max(len(found), SHINGLE_WORDS), dtype=np.uint64)
    hashes[: len(found)] = list(map(_cached_hash, found))
    return _distinct(np.convolve(hashes, np.array(_POWERS, np.uint64), "valid") & _60_BITS)


def _hash(text: str) -> int:
    # Not hash(): it differs from one process to the next, and sketches are chosen by it.
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") & _60_BITS


_cached_hash = lru_cache(maxsize=2**16)(_hash)  # of words, which come again and again


class Marks(NamedTuple):
    """What a repeated text is found by."""

    equal: int  # the hash of the text, white space aside
    sketch: tuple[int, ...]  # the least of its runs of five words

    @classmethod
    def of(cls, text: str) -> Self:
        return cls(_hash(one_line(text)), tuple(shingles(text)[:_SKETCH_RUNS].tolist()))


class Seen:
    """The chunks kept so far, to tell a repeated one at once.

    A chunk is repeated when its text is that of an earlier one, white space aside, or when at least
    `near_share` of its runs of five words stand in one (0 = only equal texts count). That one is
    found if they share one of their eight least runs (Broder, "On the resemblance and containment
    of documents", 1997); what is missed is left to `conflicts`.
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
    overlap = min(other.end, chunk.end) - max(other.start, chunk.start)
    little = other.document_id == chunk.document_id and 0 < 2 * overlap < chunk.end - chunk.start
    return 2 if little else 1


def conflicts(chunks: Sequence[Chunk], share: float = SAME_SHARE) -> dict[str, set[str]]:
    """For each chunk's id the ids of those that count as the same.

    Two count as the same when their ranges in one document overlap, or when this share of what the
    smaller one's runs of five words weigh stands in the other, case and punctuation aside. 0: they
    share any run that is not boilerplate; what counts as different then always will, whatever
    chunks are added.
    """
    same: dict[str, set[str]] = {chunk.id: set() for chunk in chunks}
    for left, right in chain(_overlapping(chunks), near_duplicates(chunks, share)):
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


def near_duplicates(chunks: Sequence[Chunk], share: float) -> Iterator[tuple[str, str]]:
    """Pairs of ids: this share of what the smaller one's runs weigh stands in the other."""
    runs = _Runs(chunks)
    for index, size in enumerate(runs.sizes):
        needed = max(1, math.ceil(share * size))
        if runs.shared_weight(index) < needed:
            continue  # it shares less with all others together: most chunks end here
        partners, common = runs.partners(index)
        sizes = runs.sizes[partners]
        larger = (sizes > size) | ((sizes == size) & (partners > index))
        for other in partners[larger & (common >= needed)]:
            yield chunks[index].id, chunks[other].id


def repeated(chunks: Sequence[Chunk], suspects: Collection[str], share: float) -> set[str]:
    """The suspects that repeat an earlier chunk, or hold nothing but boilerplate.

    At least this share of what its runs weigh stands in the other, which repeats none itself.
    """
    found: set[str] = set()
    runs = _Runs(chunks)
    for index, chunk in enumerate(chunks):
        if chunk.id in suspects:
            partners, common = runs.partners(index)
            earlier = partners[(partners < index) & (common >= share * runs.sizes[index])]
            if not runs.sizes[index] or any(chunks[other].id not in found for other in earlier):
                found.add(chunk.id)
    return found


class _Runs:
    """The runs of five words that chunks share, and what each weighs.

    A run is known by 32 bits: two chunks of 200 runs share one by chance once in 100,000 pairs.
    """

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        import numpy as np

        flat, starts = array("I"), [0]
        for chunk in chunks:
            flat.frombytes(_distinct(shingles(chunk.text).astype(np.uint32)).tobytes())
            starts.append(len(flat))
        entries = np.frombuffer(flat, dtype=np.uint32)
        shared, counts = _shared_values(entries)
        rare = counts <= MAX_HOLDERS
        self._weights = np.where(rare, _UNIT // np.maximum(counts - 1, 1), 0)
        self._counts = counts
        self._own = []  # of each chunk the places in `shared` of its runs that others have
        self.sizes = np.zeros(len(chunks), dtype=np.int64)  # what all of its runs weigh
        for index, (start, end) in enumerate(pairwise(starts)):
            places = _places(entries[start:end], shared)
            own = places[rare[places]].astype(np.int32)
            self._own.append(own)
            self.sizes[index] = (end - start - len(places)) * _UNIT + self._weights[own].sum()
        holders = np.repeat(np.arange(len(chunks), dtype=np.int32), list(map(len, self._own)))
        order = np.argsort(np.concatenate([*self._own, np.array([], np.int32)]), kind="stable")
        self._holders, self._ends = holders[order], np.cumsum(np.where(rare, counts, 0))

    def shared_weight(self, index: int) -> int:
        """What the runs weigh that this chunk shares with any other."""
        return int(self._weights[self._own[index]].sum())

    def partners(self, index: int) -> tuple[Any, Any]:
        """The chunks that share runs with this one (itself among them), and what these weigh."""
        import numpy as np

        own = self._own[index]
        ends, counts = self._ends[own], self._counts[own]
        lists = [self._holders[e - n : e] for e, n in zip(ends, counts, strict=True)]
        found = np.concatenate([*lists, np.array([], np.int32)])
        partners, places = np.unique(found, return_inverse=True)
        common = np.zeros(len(partners), dtype=np.int64)
        np.add.at(common, places, np.repeat(self._weights[own], counts))
        return partners, common


def _shared_values(entries: Any) -> tuple[Any, Any]:
    """The values that occur more than once, in their order, and how often each does."""
    import numpy as np

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
    import numpy as np

    ordered = np.sort(values)
    first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def _places(runs: Any, shared: Any) -> Any:
    """Where those of the runs stand in `shared` that do."""
    import numpy as np

    places = np.searchsorted(shared, runs)
    places = places[places < len(shared)]
    return places[shared[places] == runs[: len(places)]]


def shared_text(one: Chunk, other: Chunk) -> str:
    """The longest run of words that two chunks have in common, on one line."""
    left, right = one.text.split(), other.text.split()
    match = SequenceMatcher(None, left, right, autojunk=False).find_longest_match()
    return " ".join(left[match.a : match.a + match.size])


# --- questions -----------------------------------------------------------------------------------


def same_questions(questions: Sequence[str], others: Sequence[str]) -> dict[int, int]:
    """The place of each question that is asked among the others too → the first place there.

    Two are the same that have SAME_WORDS of the words of both in common (Jaccard), unless each has
    a name or a number that the other lacks. Only pairs that share one of their rarest words are
    compared: others cannot have so many in common (prefix filtering: Bayardo, Ma and Srikant,
    "Scaling up all pairs similarity search", 2007).
    """
    words_of = {text: {*terms(text)} or {normalise(text)} for text in {*others, *questions}}
    counts = Counter(word for of_text in words_of.values() for word in of_text)

    def rarest(text: str) -> list[str]:
        ordered = sorted(words_of[text], key=lambda word: (counts[word], word))
        return ordered[: len(ordered) - math.ceil(SAME_WORDS * len(ordered) - 1e-9) + 1]

    def same(one: str, other: str) -> bool:
        left, right = words_of[one], words_of[other]
        names_differ = _names(one) - right and _names(other) - left
        return len(left & right) >= SAME_WORDS * len(left | right) and not names_differ

    places_of: dict[str, list[int]] = defaultdict(list)  # word → places in others
    for place, other in enumerate(others):
        for word in rarest(other):
            places_of[word].append(place)
    found = {}
    for number, text in enumerate(questions):
        places = sorted({place for word in rarest(text) for place in places_of[word]})
        first = next((place for place in places if same(text, others[place])), None)
        if first is not None:
            found[number] = first
    return found


def _names(text: str) -> set[str]:
    """Its words with a capital letter, the first word aside, or with a digit."""
    first, *more = re.findall(r"\w+", text) or [""]
    found = [word for word in more if word != word.lower()]
    found += [word for word in (first, *more) if any(map(str.isdigit, word))]
    return {term for word in found for term in terms(word)}
