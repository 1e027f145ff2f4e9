"""Which chunks count as the same, found by other means than chunks.py: it is what checks it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]

MAX_HOLDERS = 1000

# A word; of scripts without spaces (Thai to Khmer, kana, Han) a single character.
_WIDE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_WIDE}]|[^\W{_WIDE}]+")


def doubles(
    chunks: dict[str, Row], left: Iterable[str], right: Iterable[str]
) -> list[tuple[str, str]]:
    """Pairs that count as the same: one chunk, overlapping ranges, or half of the runs of five
    words of the smaller one in common; all pairs compared, through one product of matrices.

    Runs that stand in more than 1,000 of all chunks are boilerplate and do not count.
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    rows, columns = sorted(left), sorted(right)
    if not rows or not columns:
        return []
    numbers: dict[str, int] = {}
    held = Counter(run for chunk in chunks.values() for run in _runs(chunk["text"]))
    boilerplate = {run for run, count in held.items() if count > MAX_HOLDERS}

    def matrix(ids: Sequence[str]) -> Any:
        entries = [(i, n) for i, chunk_id in enumerate(ids) for n in runs(chunk_id)]
        at = [numbers.setdefault(run, len(numbers)) for _, run in entries]
        return [i for i, _ in entries], at

    def runs(chunk_id: str) -> set[str]:
        return _runs(chunks[chunk_id]["text"]) - boilerplate

    filled = [matrix(ids) for ids in (rows, columns)]
    a, b = (
        csr_matrix((np.ones(len(i), dtype=np.int32), (i, n)), shape=(len(ids), len(numbers)))
        for (i, n), ids in zip(filled, (rows, columns), strict=True)
    )
    shared = (a @ b.T).tocoo()
    sizes_a, sizes_b = a.sum(axis=1).A1, b.sum(axis=1).A1
    found = {
        (rows[i], columns[j])
        for i, j, count in zip(shared.row, shared.col, shared.data, strict=True)
        if count >= max(1, 0.5 * min(sizes_a[i], sizes_b[j]))
    }
    for one in rows:
        for other in columns:
            x, y = chunks[one], chunks[other]
            if x["document_id"] == y["document_id"] and max(x["start"], y["start"]) < min(
                x["end"], y["end"]
            ):
                found.add((one, other))
    return sorted(found)


def _runs(text: str) -> set[str]:
    words = _WORD.findall(text.lower())
    return {" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))}
