"""Which chunks are near duplicates, found in another way than lib/duplicates.py finds them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import permutations

from lib.records import Chunk

MAX_HOLDERS = 100

# A word; of scripts without spaces (Thai to Khmer, kana, Han) a single character.
_WIDE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_WIDE}]|[^\W{_WIDE}]+")
_TARGET = re.compile(r"(?<=\])\([^\s()]*\)")


def doubles(chunks: Sequence[Chunk]) -> set[tuple[str, str]]:
    """Pairs of chunks with overlapping ranges, or with half of the weight of the smaller one's runs
    of five words in common; all pairs are compared, by one product of matrices.

    A run weighs one over the number of other chunks that have it; in more than 100 chunks nothing.
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    runs = [_runs(chunk.text) for chunk in chunks]
    held = Counter(run for of_chunk in runs for run in of_chunk)
    numbers = {run: i for i, run in enumerate(held) if held[run] <= MAX_HOLDERS}
    entries = [(i, numbers[run]) for i, found in enumerate(runs) for run in found if run in numbers]
    places, columns = zip(*entries, strict=True)
    weights = np.array([1 / max(1, held[run] - 1) for run in numbers])
    has = csr_matrix((np.ones(len(entries)), (places, columns)), (len(chunks), len(numbers)))
    shared, sizes = (has.multiply(weights) @ has.T).toarray(), has @ weights
    return {
        (one.id, other.id)
        for (i, one), (j, other) in permutations(enumerate(chunks), 2)
        if shared[i, j] >= max(1e-3, 0.5 * min(sizes[i], sizes[j]) - 1e-4) or _overlap(one, other)
    }


def _overlap(one: Chunk, other: Chunk) -> bool:
    ranges = max(one.start, other.start), min(one.end, other.end)
    return one.document_id == other.document_id and ranges[0] < ranges[1]


def _runs(text: str) -> set[str]:
    words = _WORD.findall(_TARGET.sub("", text).lower())
    return {" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))}
