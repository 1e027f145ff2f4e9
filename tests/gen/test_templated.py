"""Corpora of records that share most of their text: nearly all of them end in a split."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lib.gen.corpus import Corpus
from lib.gen.splits import assign_splits
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError
from tests.doubles import doubles
from tests.gen.make import prose

RECORDS = 48

Write = Callable[[Path, Random], dict[str, Any]]  # writes the corpus; what the recipe needs more


def name(rng: Random) -> str:
    return " ".join("".join(rng.choices("abdeghiklmnorstu", k=6)).title() for _ in range(2))


def register(folder: Path, rng: Random) -> dict[str, Any]:
    """One file of entries."""
    notice = prose(rng, 7)
    entries = [
        f"## Entry {number}\n\nThe house {name(rng)} belongs to {name(rng)} since "
        f"{rng.randint(1800, 2000)} and was sold for {rng.randint(100, 9999)} crowns. {notice}\n\n"
        for number in range(RECORDS)
    ]
    (folder / "register.md").write_text("".join(entries))
    return {"chunker": "markdown"}


def products(folder: Path, rng: Random) -> dict[str, Any]:
    """A file for each page."""
    returns, service = prose(rng, 5), prose(rng, 4)
    for number in range(RECORDS):
        (folder / f"{number}.txt").write_text(
            f"{name(rng)} {number}\n\nWeight: {rng.randint(1, 99)} kg. Colour: {name(rng)}. Made "
            f"by {name(rng)} of {name(rng)}.\n\n{returns}\n\n{number} crowns\n\n{service}"
        )
    return {}


def contracts(folder: Path, rng: Random) -> dict[str, Any]:
    """A list of texts, each of several chunks, names between the words of the clauses."""
    clauses = [prose(rng, 8).split(" ") for _ in range(4)]
    records = []
    for _ in range(RECORDS):
        text = []
        for clause in clauses:
            filled = list(clause)
            for place in range(5, len(clause), 25):
                filled[place] = f"{name(rng)}, {rng.randint(1, 999)}"
            text.append(" ".join(filled))
        records.append({"title": name(rng), "text": "\n\n".join(text)})
    (folder / "contracts.json").write_text(json.dumps(records))
    return {}


def apis(folder: Path, rng: Random) -> dict[str, Any]:
    """Records in families, each with the sign-in code of its service."""
    records = []
    for family in range(4):
        code = prose(rng, 15)
        for number in range(RECORDS // 4):
            call = f"{name(rng).replace(' ', '.')}(x{number})"
            records.append(
                {
                    "user_name": f"service{family}",
                    "api_name": call.partition("(")[0],
                    "api_call": call,
                    "api_version": "1",
                    "api_arguments": {"x": name(rng)},
                    "functionality": f"It finds {name(rng)}.",
                    "code": f"{code} {call}",
                }
            )
    (folder / "api.json").write_text(json.dumps(records))
    return {"doctype": "api"}


@pytest.mark.parametrize("write", [register, products, contracts, apis])
def test_nearly_all_records_end_in_a_split(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The built-in teacher refuses API records; this one is not asked.
    for given, value in {
        "BASE_URL": "http://127.0.0.1:9",
        "API_KEY": "k",
        "DEPLOYMENT": "d",
    }.items():
        monkeypatch.setenv(f"COMPLETION_OPENAI_{given}", value)
    corpus = Corpus(Recipe(doc_path=str(tmp_path), **write(tmp_path, Random(1)))).read()
    pairs = list(doubles(corpus.chunks))
    for split_by in ("chunk", "document"):
        splits = assign_splits(
            corpus.chunks, corpus.same, replace(corpus.recipe, split_by=split_by)
        )
        # An entry of the register is a chunk; a record of the others is a document.
        record_of = {
            c.id: c.id if write is register else c.document_id
            for c in corpus.chunks
            if splits[c.id] != "buffer"
        }
        assert len(set(record_of.values())) >= 0.8 * RECORDS
        counts = Counter(splits.values())
        assert counts["eval"] >= 0.1 * len(splits)
        assert counts["valid"] >= 0.05 * len(splits)
        assert counts["train"] >= 0.5 * len(splits)
        for one, other in pairs:
            assert len({splits[one], splits[other]} - {"buffer"}) < 2


@pytest.mark.parametrize("size", [2, 5, 12])
def test_near_duplicates_go_to_one_split_together(size: int) -> None:
    chunks = [Chunk(f"{n}#0", f"{n}", "", 1, 0, 1, "x") for n in range(120)]
    families = [{f"{n}#0" for n in range(start, start + size)} for start in range(0, 120, size)]
    same = {i: family - {i} for family in families for i in family}
    for seed in range(5):
        splits = assign_splits(chunks, same, Recipe(seed=seed))
        counts = Counter(splits.values())
        assert counts["buffer"] == 0
        assert counts["eval"] == pytest.approx(24, abs=size / 2 + 1)


def test_a_chain_is_cut_where_it_costs_little() -> None:
    chunks = [Chunk(f"{n}#0", f"{n}", "", 1, 0, 1, "x") for n in range(200)]
    ids = [chunk.id for chunk in chunks]
    same = {i: set(ids[max(0, n - 1) : n + 2]) - {i} for n, i in enumerate(ids)}
    one_document = [replace(chunk, document_id="d", start=n) for n, chunk in enumerate(chunks)]
    counts = Counter(assign_splits(one_document, same, Recipe()).values())
    assert counts["buffer"] <= 25
    assert counts["eval"] == pytest.approx(40, abs=8)


@pytest.mark.parametrize("independent", [3, 4, 6])
def test_a_split_is_found_wherever_there_is_one(independent: int) -> None:
    """Most chunks count as the same; a few as none."""
    for seed in range(10):
        ids = [f"{n}#0" for n in range(60)]
        hub = set(ids[independent:])
        same = {i: (hub - {i} if i in hub else set()) for i in ids}
        chunks = [Chunk(i, i, "", 1, 0, 1, "x") for i in Random(seed).sample(ids, 60)]
        splits = assign_splits(chunks, same, Recipe(seed=seed))
        assert {"train", "valid", "eval"} <= set(splits.values())


@pytest.mark.parametrize("seed", range(16))
def test_no_chunk_is_given_out_before_every_split_is_sure(seed: int, tmp_path: Path) -> None:
    rng = Random(seed)
    notice = prose(rng, 8)
    texts = [prose(rng, rng.randint(2, 4)) for _ in range(rng.randint(3, 14))]
    texts += [f"{notice} {prose(rng, 3)}" for _ in range(rng.randint(0, 60))]
    texts += [f"{text} {name(rng)}" for text in rng.choices(texts, k=rng.randint(0, 20))]
    (tmp_path / "list.json").write_text(json.dumps([{"text": text} for text in texts]))
    recipe = Recipe(
        doc_path=str(tmp_path / "list.json"),
        seed=seed,
        num_distractors=rng.randint(1, 6),
        near_duplicate_share=rng.choice([0, 0.8]),
        split_by=rng.choice(["chunk", "document"]),
    )
    given = 0
    try:
        for _ in Corpus(recipe):
            given += 1
    except SetupError:
        assert not given


def test_all_chunks_are_given_out_once_and_those_brought_back_last(tmp_path: Path) -> None:
    rng = Random(0)
    notice = prose(rng, 8)
    texts = [prose(rng, 6) for _ in range(12)]
    records = [{"text": text} for text in texts]
    records += [{"text": f"{notice} {prose(rng, 1)}"} for _ in range(30)]
    records += [{"text": f"{text} {name(rng)}"} for text in texts]
    records += [{"text": prose(rng, 6)}]
    (tmp_path / "list.json").write_text(json.dumps(records))
    corpus = Corpus(Recipe(doc_path=str(tmp_path / "list.json"), num_distractors=2))
    given = list(corpus)
    assert sorted(given, key=corpus.chunks.index) == corpus.chunks
    assert given[-1].id == "list.json/42#0" != corpus.chunks[-1].id
    assert {item.chunk_id for item in corpus.dropped} == {f"list.json/{n}#0" for n in range(43, 55)}
    assert Counter(item.gate for item in corpus.dropped) == {"near": 12}
    again = Corpus(corpus.recipe).read()
    assert again.chunks == corpus.chunks
    assert list(again) == given
