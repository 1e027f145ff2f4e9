"""What the benchmark of prompt tokens counts."""

from __future__ import annotations

import pytest

from benchmarks.generation_tokens import TARGETS, _beyond_shared, measure
from tests.gen.make import chunked


@pytest.mark.parametrize("mode", TARGETS)
def test_every_row_is_accepted_and_the_sums_add_up(mode: str) -> None:
    chunks = [chunk for chunk in chunked(0, overlap=0)[0] if len(chunk.text.split()) > 12][:20]
    rows, total, alone = measure(chunks, mode)
    assert rows == 3 * len(chunks)
    assert 0 < alone <= total
    assert (alone < total / 2) == (mode == "separate")


def test_what_two_prompts_begin_with_is_shared() -> None:
    assert _beyond_shared(["abcX", "abcYZ", "abQ"]) == 1 + 2 + 1
    assert _beyond_shared(["abc"]) == 3
