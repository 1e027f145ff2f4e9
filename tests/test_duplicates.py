from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from lib import duplicates
from lib.duplicates import Marks, Seen, conflicts, repeated, shared_text, shingles
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


def chunks_of(texts: Sequence[str]) -> list[Chunk]:
    return [Chunk(f"{n}#0", f"{n}", "", 1, 0, len(t), t) for n, t in enumerate(texts)]


def filled(frame: list[str], rng: Random, *, own_share: float) -> str:
    """The words of a frame, every run of some replaced by words of its own: a template's record."""
    run = 10  # words in a row: fewer would leave too little of the frame between them
    found = list(frame)
    for place in range(0, len(found), round(run / own_share)):
        found[place : place + run] = prose(rng, 1).split(" ")[:run]
    return " ".join(found)


def templated(seed: int, records: int, *, own_share: float = 0.2) -> list[str]:
    rng = Random(seed)
    frame = prose(rng, 20).split(" ")
    return [filled(frame, rng, own_share=own_share) for _ in range(records)]


@pytest.mark.parametrize("records", [12, 40, 150])
@pytest.mark.parametrize("own_share", [0.2, 0.4])
def test_the_records_of_a_template_are_different(records: int, own_share: float) -> None:
    texts = templated(records, records, own_share=own_share)
    frame = set(shingles(texts[0]).tolist()) & set(shingles(texts[1]).tolist())
    assert len(frame) > 0.3 * len(shingles(texts[0]))  # there is a lot to be taken for the same
    chunks = chunks_of(texts)
    assert not any(conflicts(chunks).values())
    assert not repeated(chunks, {chunk.id for chunk in chunks}, 0.8)


@pytest.mark.parametrize("among", ["prose", "records"])
@pytest.mark.parametrize("copies", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_copies_with_a_few_words_changed_are_the_same(seed: int, copies: int, among: str) -> None:
    rng = Random(seed)
    texts = templated(seed, 30) if among == "records" else [prose(rng, 20) for _ in range(30)]
    changed = [with_words_changed(texts[7], 61 + 2 * copy) for copy in range(copies)]
    chunks = chunks_of([*texts, *changed])
    ids = {"7#0", *(f"{30 + copy}#0" for copy in range(copies))}
    same = conflicts(chunks)
    assert all(same[i] == ids - {i} for i in ids)
    assert not any(same[chunk.id] for chunk in chunks if chunk.id not in ids)
    assert repeated(chunks, set(same), 0.8) <= ids - {"7#0"}
    if copies == 1 and among == "prose":
        assert repeated(chunks, set(same), 0.8) == {"30#0"}


def test_what_is_boilerplate_alone_stays_dropped() -> None:
    sentences = [prose(Random(n), 1) for n in range(4)]
    rng = Random(1)
    texts = [" ".join([*rng.sample(sentences, 4), prose(rng, 1)]) for _ in range(150)]
    part = " ".join(texts[0].split(" ")[4:30])
    assert repeated(chunks_of([*texts, part]), {"9#0", "150#0"}, 0.8) == {"150#0"}


@pytest.mark.parametrize("seed", range(6))
def test_what_shares_nothing_now_is_never_the_same_later(seed: int) -> None:
    rng = Random(seed)
    texts = [*templated(seed, 6), *(prose(rng, 4) for _ in range(6))]
    rng.shuffle(texts)
    more = [*texts, *(with_words_changed(rng.choice(texts), rng.randint(3, 30)) for _ in range(20))]
    few, all_ = conflicts(chunks_of(texts), share=0), conflicts(chunks_of(more))
    assert any(few.values())
    assert all(all_[i] & few.keys() <= few[i] for i in few)


@pytest.mark.parametrize("link", ["[{}](https://en.example.org/wiki/A_(b)_c)", "[{}][ref-1]",
    '[{}](<../a b.md> "A (long) title")', "[![{}](p.png)](../a.md)"])  # fmt: skip
def test_links_are_read_as_their_text(link: str) -> None:
    words = prose(Random(2), 12).split(" ")
    linked = [link.format(word) if n % 4 == 3 else word for n, word in enumerate(words)]
    plain, marked = " ".join(words), " ".join(linked)
    assert shingles(marked).tolist() == shingles(plain).tolist()
    assert conflicts(chunks_of([plain, marked])) == {"0#0": {"1#0"}, "1#0": {"0#0"}}


def test_what_two_chunks_share_can_be_shown() -> None:
    notice = prose(Random(0), 1)
    one, other = chunks_of(
        [f"{prose(Random(n), 2)}\n{notice} {n} {prose(Random(n), 1)}" for n in (1, 2)]
    )
    assert shared_text(one, other) == notice


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
