"""What the benchmark of large corpora cuts."""

from __future__ import annotations

import pytest

from benchmarks import generation_scale


def test_chunks_follow_the_seed_and_near_duplicates_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(generation_scale, "COPIED_EVERY", 3)
    chunks, num_near, num_documents = generation_scale.make_chunks(80)
    assert num_near > 0
    assert generation_scale.make_chunks(80) == (chunks, num_near, num_documents)
