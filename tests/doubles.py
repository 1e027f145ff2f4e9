"""Which chunks are near duplicates, found in another way than lib/duplicates.py finds them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import permutations

from lib.records import Chunk

MAX_HOLDERS = 1000

# A word; of scripts without spaces (Thai to Khmer, kana, Han) a single character.
_WIDE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_WIDE}]|[^\W{_WIDE}]+")


def doubles(chunks: Sequence[Chunk]) -> set[tuple[str, str]]:
    """Pairs of chunks with overlapping ranges, or with half of the smaller one's runs of five words
    in common; all pairs are compared, by one product of matrices.

    Runs in more than 1,000 chunks are boilerplate and do not count.
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    runs = [_runs(chunk.text) for chunk in chunks]
    held = Counter(run for of_chunk in runs for run in of_chunk)
    numbers = {run: i for i, run in enumerate(held) if held[run] <= MAX_HOLDERS}
    entries = [(i, numbers[run]) for i, found in enumerate(runs) for run in found if run in numbers]
    places, columns = zip(*entries, strict=True)
    ones = np.ones(len(entries), dtype=np.int32)
    matrix = csr_matrix((ones, (places, columns)), shape=(len(chunks), len(numbers)))
    shared, sizes = (matrix @ matrix.T).toarray(), matrix.sum(axis=1).A1
    return {
        (one.id, other.id)
        for (i, one), (j, other) in permutations(enumerate(chunks), 2)
        if shared[i, j] >= max(1, 0.5 * min(sizes[i], sizes[j])) or _overlap(one, other)
    }


def _overlap(one: Chunk, other: Chunk) -> bool:
    ranges = max(one.start, other.start), min(one.end, other.end)
    return one.document_id == other.document_id and ranges[0] < ranges[1]


def _runs(text: str) -> set[str]:
    words = _WORD.findall(text.lower())
    return {" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))}
