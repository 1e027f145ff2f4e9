from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from lib.duplicates import shingles
from lib.gen.chunkers import recursive_spans
from lib.gen.chunks import Split, Splitter, pieces_cache
from lib.recipe import Recipe
from tests.gen.make import corpus, document, prose, split_documents

VIETNAMESE = "Hải đăng Kê Gà được người Pháp xây dựng năm 1897 bằng đá hoa cương. "
KOREAN = "서울의 남산 타워는 1969년에 세워졌으며 높이는 236미터이다. "
CHINESE = "灯塔建于一八九七年，高三十五米。守塔人每天晚上点灯，为渔船指路。"
TABLE = "\n".join(
    ["| Pier | Built |", "|---|---|", *(f"| Pier {n} | 19{n:02} |" for n in range(9))]
)
FENCE = "```python\nfor boat in boats:\n\n    # moor it\n    moor(boat)\n```"


def embed(texts: Sequence[str]) -> Any:
    """Two subjects: the share of a text's words that name the sea."""
    shares = [np.mean([word in ("sea", "wave") for word in text.split()]) for text in texts]
    return np.array([[share, 1 - share] for share in shares])


def spans(text: str, *, embed: Any = None, **options: Any) -> list[str]:
    options = {"chunk_chars": 400, "chunk_overlap_chars": 0, "near_duplicate_share": 0} | options
    return [
        chunk.text
        for chunk in split_documents(
            [document("a.md", text)], Recipe(**options), embed=embed
        ).chunks
    ]


@pytest.mark.parametrize("chunker", ["recursive", "markdown", "semantic"])
def test_chunks_are_slices_that_leave_nothing_out(chunker: str) -> None:
    mixed = f"# A\n\n{VIETNAMESE * 9}\n\n## B\n\n{KOREAN * 9}\n\n{CHINESE * 9}\n\n{'x' * 950}"
    for made in [*corpus(1), document("b.md", mixed), document("c.md", f"{TABLE}\n\n{FENCE}\n")]:
        split = Splitter(
            Recipe(chunk_chars=200, chunk_overlap_chars=0, chunker=chunker, near_duplicate_share=0),
            embed=embed,
        ).split(made)
        assert all(made.text[c.start : c.end] == c.text for c in split.chunks)
        assert all(len(chunk.text) <= 200 for chunk in split.chunks)
        lost = sum(int(re.findall(r"\d+", d.reason)[0]) for d in split.dropped if d.gate == "short")
        kept = sum(len("".join(chunk.text.split())) for chunk in split.chunks)
        same = sum(d.gate == "same" for d in split.dropped)
        assert same or kept + lost >= len("".join(made.text.split()))


def test_markdown_keeps_sections_tables_and_code_whole() -> None:
    section = f"## Harbour\n\n{prose(Random(1), 2)}\n\n{TABLE}\n\n{FENCE}"
    light, end = f"## Light\n\n{prose(Random(2), 5)}", f"## End\n\n{prose(Random(3), 2)}"
    text = f"# Notes\n\n{light}\n\n{section}\n\n{end}"
    chunks = spans(text, chunker="markdown")
    assert any(TABLE in chunk for chunk in chunks)
    assert any(FENCE in chunk for chunk in chunks)
    assert chunks[0].startswith("# Notes\n\n## Light\n\nThe ")
    for heading in ("## Harbour", "## End"):
        assert [chunk.index(heading) for chunk in chunks if heading in chunk] == [0]


def test_a_hash_inside_code_is_no_heading() -> None:
    text = (
        f"{prose(Random(1), 2)}\n\n```\n# no heading\n\n## nor this\n```\n\n{prose(Random(2), 1)}"
    )
    assert spans(text, chunker="markdown", chunk_chars=600) == [text]


def test_semantic_cuts_where_the_subject_turns() -> None:
    sea = " ".join(f"The wave of the sea number {n} came in." for n in range(6))
    hill = " ".join(f"A goat on some hill ate thistle {n} there." for n in range(6))
    chunks = spans(f"{sea} {hill}", chunker="semantic", chunk_chars=1000, embed=embed)
    assert chunks == [sea, hill]


@pytest.mark.parametrize("text", [VIETNAMESE, KOREAN, CHINESE])
def test_any_language_comes_out_unchanged(text: str) -> None:
    for chunker in ("recursive", "markdown", "semantic"):
        assert spans(text * 2, chunker=chunker, embed=embed, chunk_chars=600) == [
            (text * 2).strip()
        ]


@pytest.mark.parametrize(("most", "overlap"), [(100, 0), (100, 99), (120, 50)])
@pytest.mark.parametrize("seed", range(5))
def test_short_lines_that_come_again_keep_their_places(seed: int, most: int, overlap: int) -> None:
    rng = Random(seed)
    pieces = ("Rain fell.", "東京都", "j", "j。", "# Head\n\n", "ab", "\n\n", "\n", "lamp")
    text = "".join(rng.choice(pieces) + rng.choice(" \n") for _ in range(400))
    found, behind = list(recursive_spans(text, most, overlap)), 0
    assert [start for start, _ in found] == sorted({start for start, _ in found})
    for start, end in found:
        assert 0 < end - start <= most
        assert not text[behind:start].strip()  # nothing is lost
        behind = max(behind, end)
    assert not text[behind:].strip()


def test_min_chunk_chars_drops_shorter_ones() -> None:
    text = prose(Random(1), 1)
    assert len(text) > 50
    assert spans(text) == [text]
    assert spans(text, min_chunk_chars=150) == []


def test_a_document_that_was_cut_before_gives_the_same_and_is_not_cut_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    documents = [*corpus(3), document("tiny.txt", "Too short."), document("b", prose(Random(8), 9))]
    cut, calls = Splitter._cut, list[str]()

    def counted(self: Splitter, text: str) -> Any:
        calls.append(text)
        return cut(self, text)

    def split(chunk_chars: int = 200) -> list[Split]:
        recipe = Recipe(chunk_chars=chunk_chars, chunk_overlap_chars=80)
        splitter = Splitter(recipe, cache=pieces_cache())
        return [splitter.split(made) for made in documents]

    fresh = split()
    assert fresh != split(chunk_chars=150)
    plain = Splitter(Recipe(chunk_chars=200, chunk_overlap_chars=80))
    assert fresh == [plain.split(made) for made in documents]
    monkeypatch.setattr(Splitter, "_cut", counted)
    assert split() == fresh
    assert calls == ["Too short.", documents[-1].text]  # a file of so little is not worth its time
    calls.clear()
    split(chunk_chars=120)
    assert calls == [made.text for made in documents]


def test_an_overlap_that_is_most_of_a_chunk_is_no_news() -> None:
    text = prose(Random(5), 30)
    splitter = Splitter(Recipe(chunk_chars=1000, chunk_overlap_chars=600))
    split = splitter.split(document("a.txt", text))
    near = [item for item in split.dropped if item.gate == "near"]
    shares = [int(item.reason.split("%")[0]) for item in near]
    assert all(share >= 80 for share in shares)
    runs = [set(shingles(chunk.text).tolist()) for chunk in split.chunks]
    for one, other in pairwise(runs):
        assert len(one & other) < 0.8 * len(other)
