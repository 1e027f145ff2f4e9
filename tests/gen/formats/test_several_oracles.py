"""Rows with several oracles: in other formats and back, under review, in the evaluation."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lib.dataset import SPLITS, Dataset, read_dataset
from lib.eval.conditions import Case, cases_without_oracle
from lib.eval.leakage import check_leakage
from lib.eval.metrics.scoring import score_retrieval
from lib.eval.questions import EvalQuestion, first_hit, load_questions
from lib.gen.check import check_dataset
from lib.gen.formats.convert import convert_rows, read_source
from lib.gen.formats.foreign import import_rows
from lib.gen.generation import generate
from lib.gen.review.review import Review
from lib.recipe import Recipe
from lib.records import RaftExample
from lib.settings import SetupError
from lib.store import write_jsonl
from tests.gen import own

# Of rows in these formats, the oracles are known: the others name no chunk, and no document alone
# holds all quotes of such a row.
KNOWN = ("hf", "alpaca", "sharegpt", "preference")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every second row needs two documents."""
    tmp_path = tmp_path_factory.mktemp("generated")
    sentences = list(own.write_documents(tmp_path / "documents").values())
    rows = []
    for number in range(40):
        one, other = sentences[number % 6][number % 29], sentences[(number + 1) % 6][number % 29]
        shown = [one, other][: 1 + number % 2]
        rows.append(own.row(*shown, quote=shown))
    path = own.write_rows(tmp_path / "faq.jsonl", rows)
    knobs = {"doc_path": str(tmp_path / "documents"), "train_file": str(path)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBOOK_HOME", str(tmp_path))
        return generate(Recipe(**own.PARAMETERS | knobs))


@pytest.fixture
def dataset(generated: Path, home_dir: Path) -> Dataset:
    target = home_dir / "artefacts" / "datasets" / generated.name
    return read_dataset(shutil.copytree(generated, target))


@pytest.mark.parametrize("name", [*KNOWN, "chat", "completion"])
def test_converted_rows_can_be_trained_on(dataset: Dataset, tmp_path: Path, name: str) -> None:
    converted = convert_rows(read_source(str(dataset.folder), to=name)[1], to=name)
    for split in SPLITS:
        write_jsonl(tmp_path / "other" / f"{split}.jsonl", converted.rows[split])
    again = read_dataset(import_rows(tmp_path / "other"))
    assert all(check.passed for check in check_dataset(again.folder)[1])
    made, found = dataset.examples(), again.examples()
    if name == "preference":
        made = [row for row in made if row.kind != "memorise"]
    if name not in KNOWN:
        made = [row for row in made if row.kind != "refuse" and not row.more_oracles]
        assert [(e.question.text, e.label) for e in found] == [
            (e.question.text, e.label) for e in made
        ]
        return
    assert any(row.more_oracles for row in found)
    assert list(map(told, found)) == list(map(told, made))


def told(row: RaftExample) -> tuple[object, ...]:
    documents = [(chunk.id, chunk.text) for chunk in (*row.oracles, *row.context)]
    return row.id, row.kind, row.split, row.label, documents, row.question.chunk_ids


def test_no_oracle_is_a_negative_of_a_triplet(dataset: Dataset) -> None:
    converted = convert_rows(read_source(str(dataset.folder), to="triplets")[1], to="triplets")
    oracles = {row.question.text: {c.text for c in row.oracles} for row in dataset.examples()}
    found: dict[str, set[str]] = {}
    for triplet in (t for split in SPLITS for t in converted.rows[split]):
        assert triplet["negative"] not in oracles[triplet["query"]]
        found.setdefault(triplet["query"], set()).add(triplet["positive"])
    assert found == oracles
    evaluated = convert_rows(read_source(str(dataset.folder), to="eval")[1], to="eval").rows["eval"]
    asked = {row.id: [chunk.id for chunk in row.oracles] for row in dataset.examples("eval")}
    assert {row["id"]: row["oracle_chunk_ids"] for row in evaluated} == asked


def test_a_picked_row_takes_all_of_its_oracles_out_of_training(dataset: Dataset) -> None:
    rows = dataset.examples("train")
    picked = next(row for row in rows if row.more_oracles and row.kind == "oracle")
    review = Review(dataset.folder, "ann")
    review.decide(picked.id, "pick")
    for row in rows:
        shows = {chunk.id for chunk in (*row.oracles, *row.context)}
        if row.id != picked.id and shows & {chunk.id for chunk in picked.oracles}:
            assert review.states[row.id] == "left out"
    assert "left out" in review.states.values()


def several(dataset: Dataset) -> EvalQuestion:
    questions = load_questions(dataset.folder, Recipe(max_questions=0))
    return next(question for question in questions if question.more_oracles)


def test_an_evaluation_needs_every_oracle(dataset: Dataset) -> None:
    question = several(dataset)
    others = [chunk for chunk in question.context if chunk not in question.oracles]
    for shown, rank in (
        ([question.oracle, *others], None),
        ([*others, question.oracle], None),
        ([question.oracle, *others, *question.more_oracles], len(others) + 1),
    ):
        assert first_hit(shown, question) == rank
        case = Case(question.id, question.text, "top_5", tuple(shown), rank)
        scores = score_retrieval([question], [case], dataset.chunks)
        values = {score.metric: score.value for score in scores}
        assert values["hit_rate"] == (rank is not None)
        assert values["reciprocal_rank"] == (0.0 if rank is None else 1 / (rank + 1))
        assert values["context_recall"] == (0.5 if rank is None else 1.0)
    [case] = cases_without_oracle([question], dataset.chunks)
    assert not {chunk.id for chunk in case.chunks} & {chunk.id for chunk in question.oracles}
    assert len(case.chunks) == len(question.context)


def test_a_second_oracle_in_training_is_a_leak(dataset: Dataset) -> None:
    question = several(dataset)
    assert not check_leakage(dataset.folder, [question], Recipe()).leaks
    trained = dataset.examples("train")[0].oracle
    leaks = replace(question, more_oracles=(trained,))
    with pytest.raises(SetupError, match=f"chunks: 1 of 1 .*has {trained.id}"):
        check_leakage(dataset.folder, [leaks], Recipe())
