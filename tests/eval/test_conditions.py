"""Questions and cases: the documents of a condition are what its name says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lib.eval import conditions
from lib.eval.conditions import build_cases, is_retrieved, meaning
from lib.eval.questions import first_hit, holds_answer, load_chunks, load_questions
from lib.records import Chunk
from lib.settings import SetupError
from lib.store import read_jsonl, write_jsonl
from tests.eval.toy import make_chunks, question_of, write_dataset


@pytest.fixture
def dataset_dir(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", make_chunks(12))


@pytest.fixture
def fixed_retrieval(monkeypatch: pytest.MonkeyPatch) -> list[Chunk]:
    """Retrieval that always finds the corpus in its order."""
    chunks = make_chunks(12)
    monkeypatch.setattr(
        conditions, "retrieve", lambda index, texts, *, top_k: [chunks[:top_k] for _ in texts]
    )
    return chunks


def test_questions_carry_gold_evidence_and_documents(dataset_dir: Path) -> None:
    chunks = load_chunks(dataset_dir)
    questions = load_questions(dataset_dir)
    assert chunks == make_chunks(12)
    assert [q.oracle for q in questions] == chunks
    for question in questions:
        assert question.answer in question.oracle.text
        assert question.evidence == (question.oracle.text,)
        assert question.oracle in question.context
        assert len({chunk.id for chunk in question.context}) == 3


def test_a_sample_is_seeded_ordered_and_grows(dataset_dir: Path) -> None:
    every = [q.id for q in load_questions(dataset_dir)]
    small = [q.id for q in load_questions(dataset_dir, max_questions=4, seed=1)]
    large = [q.id for q in load_questions(dataset_dir, max_questions=8, seed=1)]
    assert small == [q.id for q in load_questions(dataset_dir, max_questions=4, seed=1)]
    assert small != [q.id for q in load_questions(dataset_dir, max_questions=4, seed=2)]
    assert len(small) == 4
    assert set(small) < set(large)
    assert large == sorted(large, key=every.index)
    assert every == [q.id for q in load_questions(dataset_dir, max_questions=99)]


def test_nothing_to_ask_and_a_damaged_dataset_say_so(dataset_dir: Path) -> None:
    rows = read_jsonl(dataset_dir / "hf" / "eval.jsonl")
    rows[0]["oracle"]["chunk_id"] = "elsewhere#0"
    write_jsonl(dataset_dir / "hf" / "eval.jsonl", rows)
    with pytest.raises(SetupError, match="elsewhere#0"):
        load_questions(dataset_dir)
    write_jsonl(dataset_dir / "hf" / "eval.jsonl", [])
    with pytest.raises(SetupError, match=r"1_gen\.ipynb"):
        load_questions(dataset_dir)
    (dataset_dir / "chunks.jsonl").unlink()
    with pytest.raises(SetupError, match=r"1_gen\.ipynb"):
        load_chunks(dataset_dir)


def test_a_neighbour_counts_only_with_the_evidence() -> None:
    oracle = replace(make_chunks(1)[0], text="One two. The mill is green. Three four.", end=40)
    question = replace(question_of(oracle), answer="green", evidence=("The mill is green.",))
    good = replace(oracle, id="n#9", start=9, end=60, text="The mill\nis green. Three four. Five.")
    assert holds_answer(oracle, question)
    assert holds_answer(good, question)
    assert not holds_answer(replace(good, text="mill is green. Three four. Five."), question)
    assert not holds_answer(replace(good, start=40, end=90), question)  # it only touches
    assert not holds_answer(replace(good, document_id="other.md"), question)
    unquoted = replace(question, evidence=())
    assert holds_answer(replace(good, text="is green. Three four. Five."), unquoted)
    assert first_hit([replace(good, start=40, end=90), good, oracle], question) == 1
    assert first_hit([], question) is None


def test_conditions_show_what_they_say(dataset_dir: Path, fixed_retrieval: list[Chunk]) -> None:
    questions = load_questions(dataset_dir)
    cases = build_cases(questions, None, top_ks=(5, 3))  # type: ignore[arg-type]
    names = ["closed_book", "oracle", "oracle_distractors", "top_3", "top_5"]
    assert list(dict.fromkeys(case.condition for case in cases)) == names
    by_key = {(case.question_id, case.condition): case for case in cases}
    assert len(by_key) == len(cases) == 12 * len(names)
    for question in questions:
        shown = {name: by_key[question.id, name] for name in names}
        assert shown["closed_book"].chunks == ()
        assert not shown["closed_book"].oracle_in_context
        assert shown["oracle"].chunks == (question.oracle,)
        assert shown["oracle_distractors"].chunks == question.context
        assert shown["oracle_distractors"].oracle_rank == 1
        assert shown["top_3"].chunks == tuple(fixed_retrieval[:3])
        for k in (3, 5):
            found = question.oracle in fixed_retrieval[:k]
            assert shown[f"top_{k}"].oracle_in_context == found
    assert [is_retrieved(name) for name in names] == [False, False, False, True, True]
    assert all(meaning(name) for name in names)


def test_questions_of_people_are_asked_where_no_oracle_is_needed(
    dataset_dir: Path, fixed_retrieval: list[Chunk]
) -> None:
    answer = fixed_retrieval[1].text.split()[-1].strip(".").upper()
    rows = [{"row": n, "question": f"Q{n}?", "answer": answer} for n in (1, 2, 3)]
    write_jsonl(dataset_dir / "evaluation.jsonl", rows)
    questions = load_questions(dataset_dir, max_questions=2, seed=1)
    assert len(questions) == 2
    assert all(q.source == f"{q.id}, written by people" for q in questions)
    cases = build_cases(questions, None, top_ks=(1, 3))  # type: ignore[arg-type]
    assert [case.condition for case in cases] == [
        name for name in ("closed_book", "top_1", "top_3") for _ in questions
    ]
    assert {(c.condition, c.oracle_rank) for c in cases if c.chunks} == {
        ("top_1", None),
        ("top_3", 1),
    }
