"""Cases: the documents of a condition are what its name says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from re import fullmatch
from typing import Any

import pytest

from lib.duplicates import conflicts
from lib.eval import conditions
from lib.eval.conditions import (
    MEANINGS,
    build_cases,
    by_first_setting,
    cases_without_oracle,
    condition_of,
    is_retrieved,
    meaning,
    setting_of,
)
from lib.eval.questions import EvalQuestion, load_questions
from lib.recipe import _RETRIEVAL_PARTS, Recipe, retrieval_parts
from lib.records import Chunk
from lib.settings import SetupError
from lib.store import write_jsonl
from lib.text import holds
from tests.eval import toy
from tests.eval.toy import question_of, write_dataset

INDEX: Any = None  # retrieval is fixed


def make_chunks(count: int) -> list[Chunk]:
    """Chunks that share no run of words, so that none counts as the same as another."""
    chunks = []
    for number, chunk in enumerate(toy.make_chunks(count)):
        text = " ".join(f"Word{number}x{place}" for place in range(12)) + f" is colour{number}."
        chunks.append(replace(chunk, text=text, end=chunk.start + len(text)))
    return chunks


@pytest.fixture
def dataset_dir(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", make_chunks(12))


@pytest.fixture
def fixed_retrieval(monkeypatch: pytest.MonkeyPatch) -> list[Chunk]:
    """Retrieval that finds the corpus in its order, by "keywords" backwards, by "hyde" nothing."""
    chunks = make_chunks(12)

    def retrieve(
        index: Any, texts: list[str], recipe: Recipe, *, k: int, setting: str = ""
    ) -> list[list[Chunk]]:
        setting = setting or recipe.retrieval[0]
        found = [] if "hyde" in setting else chunks[::-1] if "keywords" in setting else chunks
        # As neighbours do, whose documents depend on all hits.
        last = [chunks[-k]] if "neighbours" in setting else []
        return [[*last, *found][:k] for _ in texts]

    monkeypatch.setattr(conditions, "retrieve", retrieve)
    return chunks


def test_conditions_show_what_they_say(dataset_dir: Path, fixed_retrieval: list[Chunk]) -> None:
    questions = load_questions(dataset_dir, Recipe())
    cases = build_cases(questions, INDEX, Recipe(top_k=[5, 3]), chunks=fixed_retrieval)
    names = ["closed_book", "oracle", "oracle_distractors", "distractors_only", "top_3", "top_5"]
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
    assert [is_retrieved(name) for name in names] == [False] * 4 + [True] * 2
    assert all(meaning(name) for name in names)


def test_questions_of_people_are_asked_where_no_oracle_is_needed(
    dataset_dir: Path, fixed_retrieval: list[Chunk], capsys: pytest.CaptureFixture[str]
) -> None:
    answer = fixed_retrieval[1].text.split()[-1].strip(".").upper()
    rows = [{"row": n, "question": f"Q{n}?", "answer": answer} for n in (1, 2, 3)]
    write_jsonl(dataset_dir / "evaluation.jsonl", rows)
    questions = load_questions(dataset_dir, Recipe(max_questions=2, seed=1))
    assert len(questions) == 2
    cases = build_cases(questions, INDEX, Recipe(top_k=[1, 3]))
    assert [case.condition for case in cases] == [
        name for name in ("closed_book", "top_1", "top_3") for _ in questions
    ]
    assert {(c.condition, c.oracle_rank) for c in cases if c.chunks} == {
        ("top_1", None),
        ("top_3", 1),
    }
    assert (
        "2 questions have no known oracle: closed book and retrieval alone."
        in capsys.readouterr().out
    )


# --- retrieval settings --------------------------------------------------------------------------

SETTINGS = [
    setting
    for first in ("dense", "keywords", "hybrid")
    for count in range(3)
    for parts in permutations(_RETRIEVAL_PARTS, count)
    if retrieval_parts(setting := " + ".join((first, *parts)))
]


@pytest.mark.parametrize("k", [1, 5, 1000])
def test_a_setting_has_a_name_that_is_read_back(k: int) -> None:
    names = {condition_of(k, setting): setting for setting in SETTINGS}
    assert len(names) == len(SETTINGS)
    for name, setting in names.items():
        assert fullmatch(r"top_\d+(_[a-z]+)+", name)  # an id, an argument, part of an address
        assert condition_of(k, setting.replace(" ", "")) == name
        assert setting_of(name) == setting
        assert is_retrieved(name)
        assert by_first_setting(name) == condition_of(k) == f"top_{k}"
        assert meaning(name) == meaning(f"top_{k}", setting) or setting == "dense"
        assert meaning(name) == f"the {k} nearest chunks by {setting}"
    assert meaning(f"top_{k}") == f"the {k} nearest chunks"
    for name in (f"top_{k}", *MEANINGS):
        assert setting_of(name) == ""
        assert by_first_setting(name) == name


def test_each_other_setting_is_asked_for_the_k_that_decides(
    dataset_dir: Path, fixed_retrieval: list[Chunk]
) -> None:
    questions = load_questions(dataset_dir, Recipe())
    alone = build_cases(questions, INDEX, Recipe(top_k=[5, 3]))
    settings = ["dense", "keywords", "hybrid+rerank", "dense + hyde"]
    cases = build_cases(questions, INDEX, Recipe(top_k=[5, 3], retrieval=settings))
    assert cases[: len(alone)] == alone
    others = cases[len(alone) :]
    names = ["top_5_keywords", "top_5_hybrid_rerank", "top_5_dense_hyde"]
    assert [case.condition for case in others] == [name for name in names for _ in questions]
    found = (tuple(fixed_retrieval[:-6:-1]), tuple(fixed_retrieval[:5]), ())
    for case in others:
        shown = found[names.index(case.condition)]
        assert case.chunks == shown
        oracle = next(q.oracle for q in questions if q.id == case.question_id)
        assert case.oracle_rank == (shown.index(oracle) if oracle in shown else None)


def test_documents_that_depend_on_all_hits_are_retrieved_for_each_k(
    dataset_dir: Path, fixed_retrieval: list[Chunk]
) -> None:
    questions = load_questions(dataset_dir, Recipe())[:1]
    setting = "dense + neighbours"
    for ks in ([3, 5], [5, 3]):
        settings = [setting, "dense + rerank + neighbours"]
        cases = build_cases(questions, INDEX, Recipe(top_k=ks, retrieval=settings))
        shown = {case.condition: case.chunks for case in cases}
        for k in ks:
            assert shown[f"top_{k}"] == (fixed_retrieval[-k], *fixed_retrieval[: k - 1])
        assert shown[f"top_{ks[0]}"] == shown[f"top_{ks[0]}_dense_rerank_neighbours"]


@pytest.mark.parametrize("setting", ["dense + rerank", "dense + rerank + compress"])
def test_too_few_chunks_are_said_before_a_model_is_asked(
    setting: str, dataset_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def retrieve(*_: Any, k: int, **__: Any) -> list[list[Chunk]]:
        if k > 6:
            raise SetupError(f"top_k is {k}")
        asked.append(k)
        return [[]]

    monkeypatch.setattr(conditions, "retrieve", retrieve)
    questions = load_questions(dataset_dir, Recipe())[:1]
    with pytest.raises(SetupError, match="top_k is 7"):
        build_cases(questions, INDEX, Recipe(top_k=[5, 3, 7], retrieval=[setting]))
    assert not asked


# --- distractors alone ---------------------------------------------------------------------------


def without_oracle(questions: list[EvalQuestion], chunks: list[Chunk]) -> dict[str, Any]:
    return {case.question_id: case for case in cases_without_oracle(questions, chunks)}


def test_another_distractor_stands_in_the_oracles_place(dataset_dir: Path) -> None:
    questions, chunks = load_questions(dataset_dir, Recipe()), make_chunks(12)
    cases = without_oracle(questions, chunks)
    drawn = []
    for question in questions:
        case = cases[question.id]
        assert not case.oracle_in_context
        assert len({chunk.id for chunk in case.chunks}) == len(question.context)
        place = question.context.index(question.oracle)
        kept = [c for i, c in enumerate(question.context) if i != place]
        assert [c for i, c in enumerate(case.chunks) if i != place] == kept
        assert not any(holds(chunk.text, question.answer) for chunk in case.chunks)
        drawn.append(case.chunks[place].id)
    assert len(set(drawn)) > 4  # not the same one for all
    again = without_oracle(questions[3:5], chunks)
    assert again == {q.id: cases[q.id] for q in questions[3:5]}  # by its id alone


def test_what_would_help_is_never_drawn() -> None:
    chunks = make_chunks(12)
    oracle = chunks[0]
    overlapping = replace(oracle, id="osmund.md#50", start=50, end=200, text="An overlap. " * 9)
    copy = replace(oracle, id="copy.md#0", document_id="copy.md")
    telling = replace(chunks[5], id="t.md#0", document_id="t.md", text="It was Colour0 again.")
    assert question_of(oracle).answer == "colour0"
    helping = [oracle, overlapping, copy, telling]
    harmless = chunks[7:9]
    same = conflicts([*helping, *harmless, *chunks[3:5]])
    places = Counter[str]()
    context = (chunks[3], oracle, chunks[4])
    questions = [replace(question_of(oracle, n), context=context) for n in range(60)]
    for case in without_oracle(questions, [*helping, *harmless, chunks[3]]).values():
        places.update([case.chunks[1].id])
        assert not any(chunk.id in same[oracle.id] for chunk in case.chunks)
    assert set(places) == {chunk.id for chunk in harmless}
    assert places.total() == 60


def test_a_distractor_that_came_to_hold_the_answer_is_replaced_too() -> None:
    chunks = make_chunks(12)
    question = replace(question_of(chunks[0]), context=(chunks[3], chunks[0], chunks[4]))
    reworded = replace(question, answer="saffron")  # no word of any chunk
    assert without_oracle([reworded], chunks)[question.id].chunks[0] == chunks[3]
    reworded = replace(question, answer=chunks[3].text.split()[3])  # now the first tells
    case = without_oracle([reworded], chunks)[question.id]
    assert not any(holds(chunk.text, reworded.answer) for chunk in case.chunks)
    assert len(case.chunks) == 3


def test_two_that_are_drawn_are_not_the_same() -> None:
    chunks = make_chunks(12)
    telling = replace(chunks[5], id="t.md#0", document_id="t.md", text="It was colour0 again.")
    twin = replace(chunks[7], id="twin.md#0", document_id="twin.md")
    context = (chunks[0], chunks[3], telling)
    questions = [replace(question_of(chunks[0], n), context=context) for n in range(12)]
    cases = without_oracle(questions, [chunks[7], twin, chunks[8]]).values()
    assert len(cases) == 12
    for case in cases:
        assert chunks[8] in case.chunks
        assert len(case.chunks) == 3


def test_a_corpus_without_a_distractor_to_spare_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    chunks = make_chunks(3)
    question = replace(question_of(chunks[0]), context=(chunks[1], chunks[0], chunks[2]))
    assert without_oracle([question], chunks) == {}
    assert "1 of 1 questions are not asked under distractors_only" in capsys.readouterr().out


def test_a_row_that_shows_no_oracle_is_asked_as_it_is(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "refusing", make_chunks(12), with_oracle=False)
    questions = load_questions(folder, Recipe())
    cases = without_oracle(questions, make_chunks(12))
    assert all(cases[question.id].chunks == question.context for question in questions)
