from __future__ import annotations

from random import Random
from typing import Any

import pytest

from lib import duplicates
from lib.duplicates import Marks, Seen, conflicts, count_as_same, shingles
from lib.gen.chunks import Splitter
from lib.recipe import Recipe
from lib.records import Chunk
from lib.text import words
from tests.doubles import doubles
from tests.gen.make import chunked, document, prose


def with_words_changed(text: str, every: int) -> str:
    words = text.split(" ")
    return " ".join("other" if n % every == every - 1 else w for n, w in enumerate(words))


@pytest.mark.parametrize("seed", range(20))
def test_a_near_duplicate_is_dropped_and_a_half_one_is_not(seed: int) -> None:
    splitter = Splitter(Recipe(chunk_chars=3000, chunk_overlap_chars=0))
    text = prose(Random(seed), 12)
    assert splitter.split(document("a.txt", text)).chunks
    near = splitter.split(document("b.txt", with_words_changed(text, 40)))
    assert [item.gate for item in near.dropped] == ["near"]
    assert near.dropped[0].reason.endswith("stand in a.txt#0")
    half = splitter.split(document("c.txt", with_words_changed(text, 12)))
    assert [chunk.document_id for chunk in half.chunks] == ["c.txt"]


def test_one_shared_run_finds_an_overlap_unless_it_is_a_small_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = prose(Random(1), 12)
    first = Chunk("a#0", "a", "", 1, 0, len(text), text)
    one_run = Marks(equal=1, sketch=Marks.of(text).sketch[:1])

    def judged(start: int) -> tuple[str, str] | None:
        more = text[start:] + " and no more than that"
        later = Chunk(f"a#{start}", "a", "", 1, start, start + len(more), more)
        seen = Seen(0.8)
        assert seen.repeated(first, Marks.of(text)) is None
        return seen.repeated(later, one_run)

    found = judged(len(text) // 2)
    assert found is not None
    assert found[0] == "near"

    def shingles(text: str) -> Any:
        raise AssertionError("looked at")

    marks = Marks.of(text)
    monkeypatch.setattr(Marks, "of", lambda text: marks)
    monkeypatch.setattr(duplicates, "shingles", shingles)
    assert judged(len(text) - 20) is None


def test_near_duplicates_are_kept_where_that_is_asked_for() -> None:
    splitter = Splitter(Recipe(chunk_chars=3000, chunk_overlap_chars=0, near_duplicate_share=0))
    text = prose(Random(1), 12)
    for name, made in (("a", text), ("b", with_words_changed(text, 40))):
        assert len(splitter.split(document(name, made)).chunks) == 1


def test_boilerplate_makes_no_chunks_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    notice = prose(Random(0), 4)
    texts = [f"{notice} {prose(Random(n), 2)}" for n in range(1, 9)]
    chunks = [Chunk(f"{n}#0", f"{n}", "", 1, 0, len(t), t) for n, t in enumerate(texts)]
    assert all(len(others) == 7 for others in conflicts(chunks).values())
    monkeypatch.setattr(duplicates, "MAX_HOLDERS", 7)
    assert not any(conflicts(chunks).values())


@pytest.mark.parametrize("overlap", [0, 100])
def test_two_chunks_alone_are_judged_as_among_all(overlap: int) -> None:
    chunks, _ = chunked(2, overlap=overlap)
    text = with_words_changed(chunks[0].text, 12)
    chunks = [*chunks[:12], Chunk("copy#0", "copy", "", 1, 0, len(text), text)]
    same = conflicts(chunks)
    assert "copy#0" in same[chunks[0].id]
    for one in chunks:
        for other in chunks:
            assert one is other or count_as_same(one, other) == (other.id in same[one.id])


def test_a_chunk_without_words_is_the_same_as_none() -> None:
    chunks, same = chunked(1)
    odd = [Chunk(f"odd#{n}", f"odd{n}", "", 1, 0, 3, "###") for n in range(1)]
    assert conflicts([*chunks, *odd]) == same | {"odd#0": set()}
    assert conflicts([]) == {}


def test_a_run_has_one_hash_wherever_it_stands() -> None:
    text = prose(Random(3), 6)
    found = words(text)
    alone = [shingles(" ".join(found[i : i + 5])).tolist() for i in range(len(found) - 4)]
    assert all(len(run) == 1 for run in alone)
    runs = shingles(text).tolist()
    assert sorted({run for [run] in alone}) == runs
    assert len(runs) == len({tuple(found[i : i + 5]) for i in range(len(found) - 4)})
    assert shingles("one two").tolist() != shingles("two one").tolist()


def test_conflicts_are_those_of_another_implementation() -> None:
    chunks, same = chunked(2)
    assert doubles(chunks) == {(a, b) for a, others in same.items() for b in others} != set()
