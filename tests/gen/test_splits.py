from __future__ import annotations

import re
import time
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from lib.duplicates import conflicts
from lib.gen.splits import _blocks, assign_splits, check_corpus
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError
from tests.gen.make import chunked, prose


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("overlap", [0, 150])
def test_no_chunk_of_a_split_counts_as_one_of_another(seed: int, overlap: int) -> None:
    chunks, same = chunked(seed, overlap=overlap)
    splits = assign_splits(chunks, same, Recipe(valid_share=0.15, eval_share=0.2, seed=seed))
    for chunk in chunks:
        if splits[chunk.id] in ("train", "valid"):
            near = {splits[other] for other in same[chunk.id]} - {"buffer"}
            assert near <= {splits[chunk.id]}
    assert set(splits.values()) >= {"train", "valid", "eval"}


def test_shares_are_those_of_the_chunks_with_questions() -> None:
    chunks, same = chunked(3, documents=8, sentences=120, overlap=0)
    asked = {chunk.id for chunk in chunks[::3]}
    splits = assign_splits(
        chunks, same, Recipe(valid_share=0.1, eval_share=0.2, seed=1), asked=asked
    )
    shares = {s: sum(splits[i] == s for i in asked) / len(asked) for s in ("eval", "valid")}
    assert shares["eval"] == pytest.approx(0.2, abs=0.04)
    assert shares["valid"] == pytest.approx(0.1, abs=0.04)
    assert all(splits[chunk.id] in ("train", "buffer") for chunk in chunks if chunk.id not in asked)


def test_splits_follow_the_seed_alone() -> None:
    chunks, same = chunked(1)
    first, again, other = (
        assign_splits(chunks, same, Recipe(valid_share=0.1, eval_share=0.2, seed=seed))
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_split_may_not_stay_empty() -> None:
    chunks, same = chunked(1)
    with pytest.raises(SetupError, match="leave none for the split"):
        assign_splits(
            chunks, same, Recipe(valid_share=0.1, eval_share=0.2, seed=1), asked={chunks[0].id}
        )


def test_no_validation_is_a_choice() -> None:
    chunks, same = chunked(1)
    splits = assign_splits(chunks, same, Recipe(valid_share=0.0, eval_share=0.2, seed=1))
    assert set(splits.values()) == {"train", "eval", "buffer"}


def test_a_corpus_too_small_is_refused_before_anything_is_asked() -> None:
    chunks, same = chunked(1)
    check_corpus(chunks, same, Recipe(num_distractors=4, valid_share=0.1, eval_share=0.2, seed=1))
    few = chunks[:7]
    with pytest.raises(SetupError, match="num_distractors = 4 needs at least 5"):
        check_corpus(few, same, Recipe(num_distractors=4, valid_share=0.1, eval_share=0.2, seed=1))


def test_whole_documents_are_held_out() -> None:
    chunks, same = chunked(3, documents=12, sentences=40, overlap=50)
    asked = {chunk.id for chunk in chunks[::2]}
    splits = assign_splits(
        chunks,
        same,
        Recipe(valid_share=0.1, eval_share=0.2, seed=1, split_by="document"),
        asked=asked,
    )
    of: dict[str, set[str]] = {}
    for chunk in chunks:
        of.setdefault(chunk.document_id, set()).add(splits[chunk.id])
    assert all(len(found - {"buffer"}) <= 1 for found in of.values())
    assert {"train", "valid", "eval"} <= set().union(*of.values())
    share = sum(splits[chunk_id] == "eval" for chunk_id in asked) / len(asked)
    assert share == pytest.approx(0.2, abs=0.09)


def test_few_documents_are_held_out_by_chunk() -> None:
    chunks, same = chunked(3, documents=2, sentences=200, overlap=0)
    options: dict[str, Any] = {"valid_share": 0.1, "eval_share": 0.2, "seed": 1}
    by_document = assign_splits(chunks, same, Recipe(split_by="document", **options))
    assert by_document == assign_splits(chunks, same, Recipe(split_by="chunk", **options))
    recipe = Recipe(num_distractors=2, split_by="document", **options)
    said = "documents are too few to hold out whole ones: groups of chunks are held out."
    assert check_corpus(chunks, same, recipe) == [f"2 {said}"]
    assert check_corpus(chunks, same, replace(recipe, split_by="chunk")) == []
    chunks, same = chunked(3, documents=11, sentences=40, overlap=0)
    assert check_corpus(chunks, same, recipe) == []
    assert check_corpus(chunks, same, recipe, eval_documents=["0.txt", "5.txt"]) == [f"9 {said}"]


@pytest.mark.parametrize("split_by", ["chunk", "document"])
def test_documents_held_out_are_eval_whole_and_alone(split_by: str) -> None:
    chunks, same = chunked(3, documents=13, sentences=40, overlap=50)
    options: dict[str, Any] = {"valid_share": 0.1, "eval_share": 0.2, "seed": 1}
    splits = assign_splits(
        chunks, same, Recipe(split_by=split_by, **options), eval_documents=["0.txt", "5.txt"]
    )
    for chunk in chunks:
        assert (splits[chunk.id] == "eval") == (chunk.document_id in ("0.txt", "5.txt"))
        if splits[chunk.id] == "train":
            assert not any(splits[other] == "eval" for other in same[chunk.id])
    # The last document repeats a part of the first, which is held out.
    assert "buffer" in {splits[c.id] for c in chunks if c.document_id == "12.txt"}
    rest = [splits[c.id] for c in chunks if splits[c.id] != "eval"]
    assert rest.count("valid") / len(rest) == pytest.approx(0.1, abs=0.09)


def test_documents_held_out_must_be_there_and_leave_some() -> None:
    chunks, same = chunked(1)
    options: dict[str, Any] = {
        "valid_share": 0.0,
        "seed": 1,
        "eval_share": 0.0,
        "eval_doc_path": "x",
    }
    splits = assign_splits(chunks, same, Recipe(**options), eval_documents=["1.txt"])
    assert set(splits.values()) == {"train", "eval"}
    with pytest.raises(SetupError, match=r"such as other\.txt"):
        assign_splits(chunks, same, Recipe(**options), eval_documents=["1.txt", "other.txt"])
    with pytest.raises(SetupError, match="leave none for the split “train”"):
        assign_splits(
            chunks, same, Recipe(**options), eval_documents={c.document_id for c in chunks}
        )


def test_a_small_corpus_may_give_rows_with_fewer_distractors() -> None:
    chunks, same = chunked(1)
    options: dict[str, Any] = {"valid_share": 0.1, "eval_share": 0.2, "seed": 1}
    recipe = Recipe(num_distractors=4, too_few="fewer", **options)
    (line,) = check_corpus(chunks[:7], same, recipe)
    assert line.endswith("Rows will have fewer distractors.")


def test_an_error_names_the_text_that_chunks_share() -> None:
    rng = Random(0)
    notice = prose(rng, 6)
    texts = [f"{notice} {prose(rng, 1)}" for _ in range(4)]
    chunks = [Chunk(f"{n}#0", f"{n}", "", 1, 0, len(t), t) for n, t in enumerate(texts)]
    same = conflicts(chunks)
    assert all(len(others) == 3 for others in same.values())
    shown = re.escape(notice[:60])
    said = f"“train”. 4 of them count as the same as others: 0#0 and 1#0 share “{shown}"
    with pytest.raises(SetupError, match=said):
        assign_splits(chunks, same, Recipe())
    more, same_as = chunked(1)
    with pytest.raises(SetupError, match=f"needs at least 10. 4 of them .* share “{shown}"):
        check_corpus([*chunks, *more[:5]], same | same_as, Recipe(num_distractors=9))


@pytest.mark.parametrize("seed", range(4))
def test_documents_that_all_share_something_are_held_out_in_parts(seed: int) -> None:
    """Each document repeats a part of another one, so that no whole one can be held out alone."""
    chunks, _ = chunked(seed, documents=13, sentences=40, overlap=0)
    firsts = [chunk.id for chunk in chunks if chunk.start == 0]
    same = {c.id: set(firsts) - {c.id} if c.start == 0 else set() for c in chunks}
    splits = assign_splits(chunks, same, Recipe(split_by="document", seed=seed))
    assert {"train", "valid", "eval"} <= set(splits.values())


def test_it_is_said_that_no_whole_documents_are_held_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    chunks, same = chunked(3, documents=13, sentences=40, overlap=0)
    recipe = Recipe(split_by="document", seed=1)
    # Copies of one document: a chunk counts as the same as those in its place in the others.
    place = {chunk.id: chunk.start // 800 for chunk in chunks}
    copies = {a: {b for b in place if b != a and place[b] == place[a]} for a in place}
    (line,) = check_corpus(chunks, copies, recipe)
    assert re.fullmatch("Whole documents leave the split “[a-z]+” empty: groups .* held out.", line)
    # Also if it is the questions that leave no whole documents.
    asked = [c.id for c in chunks if c.document_id == "3.txt"]
    assert check_corpus(chunks, same, recipe, asked=asked) == []
    assert capsys.readouterr().out == ""
    assign_splits(chunks, same, recipe, asked=asked)
    assert capsys.readouterr().out.startswith("Whole documents leave the split “")


def test_many_chunks_are_checked_at_once() -> None:
    places = [(f"d{n // 20}", n % 20 * 1000) for n in range(20_000)]
    chunks = [Chunk(f"{d}#{start}", d, "", 1, start, start + 9, "") for d, start in places]
    started = time.process_time()
    check_corpus(chunks, {chunk.id: set() for chunk in chunks}, Recipe())
    assert time.process_time() - started < 1  # 0.1 s; comparing each with all others: 2 s


def test_the_questions_on_held_out_documents_are_checked_too() -> None:
    chunks, same = chunked(1)
    others = [chunk.id for chunk in chunks if chunk.document_id != chunks[0].document_id]
    with pytest.raises(SetupError, match="“eval”"):
        check_corpus(chunks, same, Recipe(), asked=others, eval_documents={chunks[0].document_id})


def test_a_block_does_not_end_between_chunks_that_are_the_same() -> None:
    chunks = [Chunk(str(n), "d", "", 1, n, n + 1, "") for n in range(6)]
    same = {str(n): {str(n ^ 1)} for n in range(6)}
    assert _blocks(chunks, same, 1) == [["0", "1"], ["2", "3"], ["4", "5"]]
    assert _blocks(chunks, {str(n): {*"012345"} for n in range(6)}, 2) == [[*"0123"], [*"45"]]
