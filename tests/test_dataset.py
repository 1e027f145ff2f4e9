from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib.dataset import read_dataset, write_dataset
from lib.eval.questions import load_questions
from lib.reading.documents import Skipped
from lib.recipe import Recipe
from lib.settings import SetupError
from lib.store import file_sha256, read_jsonl
from tests.gen.dataset import Made, make, write, written


@pytest.fixture
def made(home_dir: Path) -> Made:
    return make()


def test_every_file_is_there_and_in_the_manifest_with_its_checksum(made: Made) -> None:
    folder = written()
    manifest = read_dataset(folder).manifest
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert there == {*manifest["files"], "manifest.json", "README.md"}
    assert all(file_sha256(folder / name) == value for name, value in manifest["files"].items())
    rows = manifest["counts"]["rows"]
    assert sum(rows.values()) == len(made.built.examples)
    assert manifest["counts"]["rejected"] == {"verbatim": 1}
    assert manifest["skipped"] == [{"path": "x.pdf", "reason": "it is encrypted"}]


@pytest.mark.parametrize("split", ["train", "valid", "eval"])
def test_rows_come_back_as_they_were(made: Made, split: str) -> None:
    dataset = read_dataset(written())
    assert dataset.examples(split) == [e for e in made.built.examples if e.split == split]


def test_records_come_back_as_they_were(made: Made) -> None:
    dataset = read_dataset(written())
    assert dataset.chunks == made.chunks
    assert dataset.splits == made.splits
    assert dataset.questions == made.asked.questions
    assert dataset.rejected == made.asked.rejected
    assert dataset.evaluation == []
    assert {row["id"] for row in dataset.records("documents")} == {d.id for d in made.documents}
    assert sorted(dataset.examples(), key=repr) == sorted(made.built.examples, key=repr)
    for split in ("train", "valid", "eval"):
        labels = [messages[-1]["content"] for messages in dataset.chat(split)]
        assert labels == [example.label for example in dataset.examples(split)]


def test_questions_of_people_come_back(made: Made) -> None:
    people = [{"row": 1, "question": "Who?", "answer": "Ann"}]
    folder = write(made, evaluation=people)
    assert folder != write(made)
    assert read_dataset(folder).evaluation == people


@pytest.mark.parametrize("config", ["hf", "chat"])
def test_the_card_lets_datasets_load_every_format(tmp_path: Path, config: str) -> None:
    from datasets import load_dataset

    folder = written()
    loaded = load_dataset(str(folder), config, cache_dir=str(tmp_path / "cache"))
    for split in ("train", "valid", "eval"):
        rows = read_jsonl(folder / config / f"{split}.jsonl")
        assert loaded[split].to_list() == rows


def test_a_column_that_is_empty_in_one_split_keeps_its_type(tmp_path: Path) -> None:
    from datasets import load_dataset

    made = make(oracle_probability=0.0)
    assert all(e.oracle_position is None for e in made.built.examples if e.split == "train")
    loaded = load_dataset(str(write(made)), "hf", cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].features == loaded["eval"].features


def test_the_same_inputs_find_the_same_folder(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(made)
    before = (folder / "manifest.json").stat().st_mtime_ns
    assert write(made) == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == before
    assert "Already written: artefacts/datasets/" in capsys.readouterr().out


def test_any_changed_input_makes_another_folder(made: Made, tmp_path: Path) -> None:
    document = replace(made.documents[0], sha256="1" * 64)
    changed: list[dict[str, Any]] = [
        {},
        {"run_name": "other"},
        {"parameters": {**made.parameters, "seed": 9}},
        {"documents": [document, *made.documents[1:]]},
        {"teacher": "another"},
        {"questions": made.asked.questions[:-1]},
        {"examples": made.built.examples[:-1]},
    ]
    assert len({write(made, **change) for change in changed}) == len(changed)


def test_two_runs_write_the_same_bytes(
    made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def content(folder: Path) -> dict[str, bytes]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    first = content(write(made))
    monkeypatch.setenv("OPENBOOK_HOME", str(tmp_path))
    assert content(write(make.__wrapped__())) == first  # not the one that is kept


def test_files_hold_no_absolute_path(home_dir: Path) -> None:
    folder = written()
    for path in folder.rglob("*.json*"):
        assert str(home_dir) not in path.read_text()


def test_rejected_rows_are_kept() -> None:
    (row,) = read_jsonl(written() / "rejected.jsonl")
    assert row["gate"] == "verbatim"


def test_a_folder_that_is_no_dataset_says_so(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no manifest\.json"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"id": "a"}', None])
def test_a_damaged_file_is_named_in_one_line(text: str | None) -> None:
    folder = written()
    for file in ("chunks.jsonl", "hf/train.jsonl"):
        path = folder / file
        before = path.read_text()
        path.unlink() if text is None else path.write_text(f"{before}{text}\n")
        with pytest.raises(
            SetupError, match=rf"^artefacts/datasets/.*{file}.* cannot be read"
        ) as e:
            read_dataset(folder).examples("train")
        assert "\n" not in str(e.value)
        assert ("plain pairs" in str(e.value)) == (text is None)  # their folder has no rows
        path.write_text(before)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(SetupError, match=r"manifest\.json cannot be read"):
        read_dataset(folder)


def test_a_manifest_that_lacks_a_key_is_damaged() -> None:
    folder = written()
    path = folder / "manifest.json"
    for key in json.loads(path.read_text()):
        path.write_text(json.dumps(dict.fromkeys({*read_dataset(folder).manifest} - {key})))
        with pytest.raises(SetupError, match=rf"manifest\.json has no “{key}”.* run 1_gen"):
            read_dataset(folder).manifest[key]
    path.write_text("{}")
    with pytest.raises(SetupError, match=r"manifest\.json has no “parameters”"):
        load_questions(folder, Recipe())


def test_the_first_row_of_an_empty_split_is_a_users_mistake() -> None:
    folder = written()
    for split in ("train", "valid", "eval"):
        assert read_dataset(folder).first(split) == read_dataset(folder).examples(split)[0]
        (folder / "hf" / f"{split}.jsonl").write_text("")
        with pytest.raises(SetupError, match=rf"has no {split} rows.*run 1_gen"):
            read_dataset(folder).first(split)


def test_unknown_splits_are_errors() -> None:
    with pytest.raises(SetupError, match="train, valid, eval"):
        read_dataset(written()).examples("test")


def test_skipped_files_are_plain_json(made: Made) -> None:
    folder = write_dataset(**made.arguments(run_name="y", skipped=[Skipped("ä.pdf", "empty")]))
    assert json.loads((folder / "manifest.json").read_text())["skipped"][0]["path"] == "ä.pdf"


def test_the_manifest_lists_the_lines_that_were_left_out(made: Made) -> None:
    arguments = made.arguments(run_name="dropped")
    arguments["documents"] = documents = list(arguments["documents"])
    documents[0] = replace(documents[0], dropped=(("Page #", 4),))
    folder = write_dataset(**arguments)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["dropped_lines"] == {documents[0].id: {"Page #": 4}}
