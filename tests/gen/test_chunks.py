from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from random import Random

import pytest

from lib.duplicates import conflicts
from lib.recipe import Recipe
from lib.records import Chunk, Page
from lib.settings import SetupError
from tests.gen.make import chunked, corpus, document, prose, split_documents


@pytest.mark.parametrize(("size", "overlap"), [(200, 0), (400, 80), (1000, 100)])
def test_chunks_are_slices_below_the_maximum(size: int, overlap: int) -> None:
    documents = [*corpus(1), document("long.txt", "x" * 950 + " " + prose(Random(5), 30))]
    by_id = {d.id: d for d in documents}
    chunks = split_documents(
        documents, Recipe(chunk_chars=size, chunk_overlap_chars=overlap)
    ).chunks
    assert len({chunk.id for chunk in chunks}) == len(chunks) > 10
    for chunk in chunks:
        assert by_id[chunk.document_id].text[chunk.start : chunk.end] == chunk.text
        assert len(chunk.text) <= size


def test_neighbours_overlap_no_more_than_allowed_and_leave_nothing_out() -> None:
    documents = corpus(2)
    chunks = split_documents(documents, Recipe(chunk_chars=400, chunk_overlap_chars=80)).chunks
    for made in documents[:-1]:
        own = [chunk for chunk in chunks if chunk.document_id == made.id]
        for left, right in pairwise(own):
            assert left.end - right.start <= 80
            assert not made.text[left.end : right.start].strip()


@pytest.mark.parametrize("heading", ["## The harbour", "The harbour"])
@pytest.mark.parametrize("num_words", range(5, 60, 6))
def test_a_heading_goes_with_the_text_that_follows_it(heading: str, num_words: int) -> None:
    # Whatever room the first section leaves in its last chunk, the second's heading is not in it.
    first = " ".join(["wave"] * num_words) + "."
    text = f"# Notes\n\n{prose(Random(3), 6)}\n\n{first}\n\n{heading}\n\n{prose(Random(4), 9)}"
    chunks = split_documents(
        [document("a.md", text)], Recipe(chunk_chars=300, chunk_overlap_chars=30)
    ).chunks
    assert not any(chunk.text.endswith(heading) for chunk in chunks)
    [holder] = [chunk for chunk in chunks if f"{heading}\n\n" in chunk.text]
    assert all(len(chunk.text) <= 300 for chunk in chunks)
    assert holder.text.partition(heading)[2].strip()


@pytest.mark.parametrize("num_words", range(5, 60, 6))
def test_headings_in_a_row_go_with_the_text_that_follows_them(num_words: int) -> None:
    # What follows is one paragraph that fills a chunk, so the headings alone were one before.
    headings = "\n\n".join(["The light in 1902", "History", "Its builders"])
    follows = prose(Random(4), 5)
    text = f"{prose(Random(3), 6)}\n\n{'wave ' * num_words}.\n\n{headings}\n\n{follows}\n\n"
    text += f"{headings}\n\n{prose(Random(5), 1)}\n\nIts keepers\n\n{prose(Random(6), 5)}"
    split = split_documents(
        [document("a.txt", text)], Recipe(chunk_chars=300, chunk_overlap_chars=0)
    )
    assert all(len(chunk.text) <= 300 for chunk in split.chunks)
    ends = ("The light in 1902", "History", "Its builders", "Its keepers")
    assert not any(chunk.text.endswith(ends) for chunk in split.chunks)
    kept = "".join("".join(chunk.text.split()) for chunk in split.chunks)
    assert kept == "".join(text.split())


def test_a_run_of_short_lines_is_a_list_and_no_heading() -> None:
    lines = "\n\n".join(f"Line {word} of a table" for word in ("one", "two", "three", "four") * 9)
    text = f"{prose(Random(3), 3)}\n\n{lines}\n\n{prose(Random(4), 3)}"
    chunks = split_documents(
        [document("a.md", text)],
        Recipe(chunk_chars=200, chunk_overlap_chars=0, near_duplicate_share=0),
    )
    kept = "".join("".join(chunk.text.split()) for chunk in chunks.chunks)
    assert kept.count("table") == 36


def test_repeated_text_keeps_its_own_place() -> None:
    text = "\n\n".join(["The same line of a refrain that comes again and again, always."] * 9)
    split = split_documents(
        [document("a.txt", text)], Recipe(chunk_chars=140, chunk_overlap_chars=0)
    )
    starts = [int(item.chunk_id.partition("#")[2]) for item in split.dropped]
    assert starts == sorted(set(starts))
    assert len(split.chunks) + len(split.dropped) == 5


def test_a_chunk_knows_the_page_on_which_it_starts() -> None:
    first, second = prose(Random(1), 8), prose(Random(2), 8)
    text = f"{first}\n\n{second}"
    pages = (
        Page(1, 0, len(first)),
        Page(2, len(first) + 2, len(first) + 2),
        Page(3, len(first) + 2, len(text)),
    )
    made = replace(document("a.pdf", text), pages=pages)
    chunks = split_documents([made], Recipe(chunk_chars=300, chunk_overlap_chars=0)).chunks
    assert {chunk.page for chunk in chunks} == {1, 3}
    assert all((chunk.page == 3) == (chunk.start >= len(first)) for chunk in chunks)


def test_short_and_equal_chunks_are_dropped_with_their_reason() -> None:
    text = prose(Random(1), 3)
    documents = [document("a.txt", text), document("b.txt", text), document("c.txt", "1 2 3 " * 30)]
    split = split_documents(documents, Recipe(chunk_chars=400, chunk_overlap_chars=0))
    assert {chunk.document_id for chunk in split.chunks} == {"a.txt"}
    assert [item.gate for item in split.dropped] == ["same", "short"]
    assert split.dropped[0].reason == "the text of a.txt#0"


def test_sizes_that_cannot_work_are_errors() -> None:
    for size, overlap in ((400, 400), (10, 0), (400, -1)):
        with pytest.raises(SetupError, match="chunk_"):
            split_documents(corpus(1), Recipe(chunk_chars=size, chunk_overlap_chars=overlap))


def brute_force(chunks: list[Chunk]) -> set[frozenset[str]]:
    def runs(chunk: Chunk) -> set[tuple[str, ...]]:
        words = chunk.text.lower().replace(".", "").split()
        return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}

    found = set()
    for a, b in combinations(chunks, 2):
        overlap = a.document_id == b.document_id and a.start < b.end and b.start < a.end
        if overlap or len(runs(a) & runs(b)) >= 0.5 * min(len(runs(a)), len(runs(b))):
            found.add(frozenset((a.id, b.id)))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_conflicts_are_those_that_comparing_all_pairs_finds(seed: int) -> None:
    chunks, same = chunked(seed)
    found = {frozenset((a, b)) for a, others in same.items() for b in others}
    across = {pair for pair in found if len({chunk_id.split("#")[0] for chunk_id in pair}) == 2}
    assert found == brute_force(chunks)
    assert across  # the copied passage was met


def test_conflicts_ignore_case_and_punctuation() -> None:
    text = prose(Random(1), 4)
    a, b = document("a.txt", text), document("b.txt", text.upper().replace(".", ","))
    chunks = split_documents(
        [a, b], Recipe(chunk_chars=2000, chunk_overlap_chars=0, near_duplicate_share=0)
    ).chunks
    assert conflicts(chunks) == {"a.txt#0": {"b.txt#0"}, "b.txt#0": {"a.txt#0"}}
