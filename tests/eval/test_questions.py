"""Questions: their gold answer and documents, how they are drawn, and where they come from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lib.dataset import read_dataset
from lib.eval.questions import (
    EVAL_SPLIT,
    HELD_OUT,
    PEOPLE,
    UNKNOWN,
    VETTED,
    first_hit,
    holds_answer,
    load_questions,
)
from lib.recipe import Recipe
from lib.settings import SetupError
from lib.store import read_jsonl, write_jsonl
from tests.eval.toy import make_chunks, question_of, write_dataset


@pytest.fixture
def dataset_dir(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", make_chunks(12))


def test_questions_carry_gold_evidence_and_documents(dataset_dir: Path) -> None:
    chunks = read_dataset(dataset_dir).chunks
    questions = load_questions(dataset_dir, Recipe(max_questions=0))
    assert chunks == make_chunks(12)
    assert [q.oracle for q in questions] == chunks
    for question in questions:
        assert question.answer in question.oracle.text
        assert question.evidence == (question.oracle.text,)
        assert question.oracle in question.context
        assert len({chunk.id for chunk in question.context}) == 3


def test_a_sample_is_seeded_ordered_and_grows(dataset_dir: Path) -> None:
    every = [q.id for q in load_questions(dataset_dir, Recipe(max_questions=0))]
    small = [q.id for q in load_questions(dataset_dir, Recipe(max_questions=4, seed=1))]
    large = [q.id for q in load_questions(dataset_dir, Recipe(max_questions=8, seed=1))]
    assert small == [q.id for q in load_questions(dataset_dir, Recipe(max_questions=4, seed=1))]
    assert small != [q.id for q in load_questions(dataset_dir, Recipe(max_questions=4, seed=2))]
    assert len(small) == 4
    assert set(small) < set(large)
    assert large == sorted(large, key=every.index)
    assert every == [q.id for q in load_questions(dataset_dir, Recipe(max_questions=99))]


def test_nothing_to_ask_and_a_damaged_dataset_say_so(dataset_dir: Path) -> None:
    rows = read_jsonl(dataset_dir / "hf" / "eval.jsonl")
    write_jsonl(dataset_dir / "hf" / "eval.jsonl", [*rows, rows[3]])
    with pytest.raises(
        SetupError, match=f"several eval rows with the id “{re.escape(rows[3]['id'])}"
    ):
        load_questions(dataset_dir, Recipe(max_questions=2))
    rows[0]["oracle"]["chunk_id"] = "elsewhere#0"
    write_jsonl(dataset_dir / "hf" / "eval.jsonl", rows)
    with pytest.raises(SetupError, match="elsewhere#0"):
        load_questions(dataset_dir, Recipe(max_questions=0))
    write_jsonl(dataset_dir / "hf" / "eval.jsonl", [])
    with pytest.raises(SetupError, match=r"1_gen\.ipynb"):
        load_questions(dataset_dir, Recipe(max_questions=0))
    (dataset_dir / "chunks.jsonl").unlink()
    with pytest.raises(SetupError, match=r"1_gen\.ipynb"):
        _ = read_dataset(dataset_dir).chunks


def test_a_neighbour_counts_only_with_the_evidence() -> None:
    oracle = replace(make_chunks(1)[0], text="One two. The mill is green. Three four.", end=40)
    question = replace(question_of(oracle), answer="green", evidence=("The mill is green.",))
    good = replace(oracle, id="n#9", start=9, end=60, text="The mill\nis green. Three four. Five.")
    assert holds_answer(oracle, question)
    assert holds_answer(good, question)
    assert not holds_answer(replace(good, text="mill is green. Three four. Five."), question)
    assert not holds_answer(replace(good, start=40, end=90), question)  # it only touches
    assert not holds_answer(replace(good, document_id="other.md"), question)
    unquoted = replace(question, evidence=())  # the answer, by its words
    assert holds_answer(replace(good, text="is green. Three four. Five."), unquoted)
    assert first_hit([replace(good, start=40, end=90), good, oracle], question) == 1
    assert first_hit([], question) is None


def test_of_several_oracles_the_last_that_is_needed_counts() -> None:
    one, other, more = make_chunks(3)
    question = replace(question_of(one), more_oracles=(other,))
    assert first_hit([other, more, one], question) == 2
    assert first_hit([one, more], question) is None


@pytest.mark.parametrize("quoted", [True, False])
def test_an_oracle_that_was_shortened_serves_with_the_answer_alone(quoted: bool) -> None:
    text = "Nothing here. The mill is green. More words."
    oracle = replace(make_chunks(1)[0], text=text)
    question = replace(question_of(oracle), answer="green", evidence=("The mill is green.",))
    question = question if quoted else replace(question, evidence=())
    for kept, serves in (
        (text, True),
        (f"A neighbour.\n{text}", True),
        ("The mill is green.", True),
        ("Nothing here. More words.", False),
    ):
        shown = replace(oracle, text=kept)
        assert holds_answer(shown, question) == serves
        assert first_hit([shown], question) == (0 if serves else None)


def test_a_persons_answer_stands_in_a_chunk_by_its_words() -> None:
    chunk = replace(
        make_chunks(1)[0], text="It rained for 13 days,\nand 東京 was as wet as Osmund."
    )
    asked = replace(question_of(chunk), oracle=UNKNOWN, evidence=())
    for answer in ("13", "13 days", "rained\nfor", "DAYS, and", "東京", "wet."):
        assert holds_answer(chunk, replace(asked, answer=answer))
    for answer in ("3", "3 days", "we", "", "…"):
        assert not holds_answer(chunk, replace(asked, answer=answer))
    assert holds_answer(chunk, replace(asked, answer="3", more_answers=("we", "13 days")))


# --- where they come from ------------------------------------------------------------------------


def with_splits(dataset_dir: Path, splits: Sequence[str], *, asked: Sequence[int]) -> Path:
    """The dataset as 1_gen would have split it, evaluation rows on the chunks at these places."""
    chunks = make_chunks(12)
    rows = zip(chunks, splits, strict=True)
    write_jsonl(dataset_dir / "chunks.jsonl", ({**asdict(c), "split": s} for c, s in rows))
    every = read_jsonl(dataset_dir / "hf" / "eval.jsonl")
    write_jsonl(dataset_dir / "hf" / "eval.jsonl", [every[place] for place in asked])
    return dataset_dir


def test_chunks_of_documents_that_train_are_the_eval_split(dataset_dir: Path) -> None:
    assert [chunk.document_id for chunk in make_chunks(12)[:3]] == ["osmund.md"] * 2 + ["tarrow.md"]
    with_splits(dataset_dir, ["eval", *["train"] * 10, "eval"], asked=[0, 11])
    questions = load_questions(dataset_dir, Recipe(max_questions=0))
    assert {question.provenance for question in questions} == {EVAL_SPLIT}
    assert questions[0].source == "Osmund, page 1, eval split"


def test_whole_documents_are_held_out(dataset_dir: Path) -> None:
    with_splits(dataset_dir, [*["eval"] * 4, *["train"] * 6, *["valid"] * 2], asked=[0, 2, 3])
    questions = load_questions(dataset_dir, Recipe(max_questions=0))
    assert [question.provenance for question in questions] == [HELD_OUT] * 3


def test_a_reviewers_pick_is_told_from_the_split(dataset_dir: Path) -> None:
    with_splits(dataset_dir, [*["eval"] * 3, *["train"] * 9], asked=[0, 1, 2, 7])
    questions = load_questions(dataset_dir, Recipe(max_questions=0))
    assert [q.provenance for q in questions] == [EVAL_SPLIT] * 3 + [VETTED]


def test_questions_of_people_say_so(dataset_dir: Path) -> None:
    rows = [{"row": n, "question": f"Q{n}?", "answer": "yes"} for n in (1, 2, 3)]
    write_jsonl(dataset_dir / "evaluation.jsonl", rows)
    questions = load_questions(dataset_dir, Recipe(max_questions=2, seed=1))
    assert [question.provenance for question in questions] == [PEOPLE] * 2
    assert all(question.source == f"{question.id}, written by people" for question in questions)
