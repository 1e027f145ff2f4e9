from __future__ import annotations

import pytest

from benchmarks import generation_scale


def test_a_small_corpus_meets_the_targets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generation_scale, "QUICK_CHUNKS", 300)
    monkeypatch.setattr(generation_scale, "COPIED_EVERY", 5)
    assert generation_scale.main(["--quick"]) == 0
    printed = capsys.readouterr().out
    assert "300 chunks, 0 near" not in printed
    assert "minutes (at most 10)" in printed
    monkeypatch.setattr(generation_scale, "MOST_RESUME_S", 0)
    assert generation_scale.main(["--quick"]) == 1


def test_chunks_follow_the_seed_and_near_duplicates_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(generation_scale, "COPIED_EVERY", 3)
    chunks, num_near, num_documents = generation_scale.make_chunks(80)
    assert num_near > 0
    assert generation_scale.make_chunks(80) == (chunks, num_near, num_documents)
