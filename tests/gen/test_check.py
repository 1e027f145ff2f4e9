"""Each check is broken on purpose: a check that cannot fail says nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lib.dataset import Dataset, find_dataset
from lib.gen.__main__ import main
from lib.gen.check import Files, _oracle_share, check_dataset
from lib.gen.generation import check_or_stop
from lib.progress import VERBOSE
from lib.settings import CheckFailed, SetupError
from lib.state import save_state
from lib.store import file_sha256, read_json, read_jsonl, write_json, write_jsonl
from tests.gen.dataset import make, write, written

Row = dict[str, Any]


@pytest.fixture
def folder(home_dir: Path) -> Path:
    return written()


def failed(folder: Path, *, resign: bool = True) -> set[str]:
    """Names of the failing checks, the manifest's checksums brought up to date first."""
    if resign:
        manifest = read_json(folder / "manifest.json")
        manifest["files"] = {name: file_sha256(folder / name) for name in manifest["files"]}
        write_json(folder / "manifest.json", manifest)
    return {check.name for check in check_dataset(folder)[1] if not check.passed}


def change(folder: Path, file: str, edit: Callable[[list[Row]], None]) -> None:
    rows = read_jsonl(folder / file)
    edit(rows)
    write_jsonl(folder / file, rows)


def test_a_good_dataset_passes_every_check(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failed(folder, resign=False) == set()
    assert main(["check", folder.name]) == 0
    assert "11 of 11 checks ok" in capsys.readouterr().out


def test_a_dataset_without_validation_rows_passes_every_check(home_dir: Path) -> None:
    folder = write(make(valid_share=0.0))
    assert read_jsonl(folder / "chat" / "valid.jsonl") == []
    assert failed(folder, resign=False) == set()


def test_a_changed_file_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "rejected.jsonl"
    path.write_text(path.read_text() + "\n")
    assert failed(folder, resign=False) == {"files have the manifest's checksums"}
    assert main(["check", str(folder)]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_a_log_holds_the_number_of_checks_and_those_that_failed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VERBOSE, raising=False)
    check_or_stop(folder)
    assert capsys.readouterr().out == "11 of 11 checks ok\n"
    monkeypatch.setenv(VERBOSE, "1")
    check_or_stop(folder)
    assert capsys.readouterr().out.count("\nok ") == 11
    monkeypatch.delenv(VERBOSE)
    (folder / "rejected.jsonl").write_text("\n")
    with pytest.raises(CheckFailed, match="see the lines FAILED"):
        check_or_stop(folder)
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("FAILED  files have the manifest's checksums")
    assert last == "10 of 11 checks ok"


def oracle_row(rows: list[Row]) -> Row:
    return next(row for row in rows if row["kind"] == "oracle")


def no_quote(rows: list[Row]) -> None:
    row = oracle_row(rows)
    row["oracle_context"] = row["oracle_context"].replace(" ", "  x ")


def other_answer(rows: list[Row]) -> None:
    oracle_row(rows)["cot_answer"] += " or so"


def twice(rows: list[Row]) -> None:
    row = rows[0]
    row["context_chunks"][0] = row["context_chunks"][1]


def other_instruction(rows: list[Row]) -> None:
    rows[0]["instruction"] = rows[0]["instruction"].replace("<DOCUMENT>", "", 1)


def other_place(rows: list[Row]) -> None:
    row = oracle_row(rows)
    row["oracle_position"] = (row["oracle_position"] + 1) % 5


def same_id(rows: list[Row]) -> None:
    rows[1]["id"] = rows[0]["id"]


def answer_elsewhere(rows: list[Row]) -> None:
    row = oracle_row(rows)
    index = (row["oracle_position"] + 1) % 5
    row["context"]["sentences"][0][index] += f" {row['answer'].upper()}!"


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (no_quote, "every quote is verbatim in its oracle"),
        (other_answer, "final answers are present"),
        (twice, "k + 1 = 5 distinct documents"),
        (other_instruction, "instruction, context and formats agree"),
        (other_place, "labels come from the true oracle"),
        (same_id, "ids are unique"),
        (answer_elsewhere, "no distractor holds the answer"),
    ],
)
def test_a_wrong_row_is_found(folder: Path, edit: Callable[[list[Row]], None], name: str) -> None:
    change(folder, "hf/train.jsonl", edit)
    assert name in failed(folder)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_formats_that_differ_are_found(folder: Path, place: int) -> None:
    change(folder, "chat/eval.jsonl", lambda rows: rows[0]["messages"][place].update(content="x"))
    assert failed(folder) == {"instruction, context and formats agree"}


def test_a_share_that_is_off_is_found(home_dir: Path) -> None:
    folder = written()
    manifest = read_json(folder / "manifest.json")
    manifest["parameters"]["oracle_probability"] = 0.5
    write_json(folder / "manifest.json", manifest)
    assert failed(folder) == {"share of training rows with their oracle"}


@pytest.mark.parametrize("per", ["question", "chunk"])
def test_the_share_is_tested_by_its_smaller_tail(per: str) -> None:
    from scipy.stats import binomtest

    draw = Random(7)
    for _ in range(100):
        trials = draw.choice((0, 1, 2, 7, 60))
        shown, share = draw.randint(0, trials), draw.choice((0.0, 0.8, 1.0, draw.random()))
        kinds = ["oracle"] * shown + ["memorise"] * (trials - shown)
        rows: list[Row] = [
            {"split": "train", "kind": kind, "oracle": {"chunk_id": place}}
            for place, kind in enumerate(kinds)
        ]
        knobs = {"refusal_probability": 0, "oracle_probability": share, "distractors_per": per}
        dataset = SimpleNamespace(manifest={"parameters": knobs})
        rows *= 3 if per == "chunk" else 1  # questions of one draw count once
        said = _oracle_share(Files(cast(Dataset, dataset), rows, [])).detail
        tails = [1.0] * (not trials) or [
            binomtest(shown, trials, share, alternative=side).pvalue for side in ("less", "greater")
        ]
        assert said.endswith(f"(p = {min(1, 2 * min(tails)):.3f})")


def test_a_preferred_place_is_found(folder: Path) -> None:
    def first(rows: list[Row]) -> None:
        for row in rows:
            row["oracle_position"] = row["oracle_position"] and 0

    for split in ("train", "valid", "eval"):
        change(folder, f"hf/{split}.jsonl", first)
    assert "the oracle's place is uniform" in failed(folder)


@pytest.mark.parametrize("way", ["itself", "overlapping", "near duplicate"])
def test_a_leak_is_found(home_dir: Path, way: str) -> None:
    folder = written()
    (held_out, *_) = read_jsonl(folder / "hf" / "eval.jsonl")
    oracle = held_out["oracle"]
    chunks = {row["id"]: row for row in read_jsonl(folder / "chunks.jsonl")}
    leak = dict(chunks[oracle["chunk_id"]])
    if way == "overlapping":
        leak |= {
            "id": "leak",
            "start": leak["end"] - 5,
            "end": leak["end"] + 200,
            "text": "a " * 99,
        }
    if way == "near duplicate":
        leak |= {"id": "leak", "document_id": "z", "text": f"{leak['text'][:250]} and others"}
    write_jsonl(
        folder / "chunks.jsonl", [*chunks.values(), leak] if way != "itself" else chunks.values()
    )

    def put(rows: list[Row]) -> None:
        rows[0]["context_chunks"][0]["chunk_id"] = leak["id"]

    change(folder, "hf/train.jsonl", put)
    assert "no held-out oracle in a training row" in failed(folder)


def test_a_dataset_is_found_by_path_name_or_state(folder: Path, home_dir: Path) -> None:
    assert find_dataset(str(folder)) == find_dataset(folder.name) == folder
    save_state("t", DATASET_DIR=f"artefacts/datasets/{folder.name}")
    assert find_dataset() == folder


@pytest.mark.parametrize("arguments", [["check", "nothing"], ["check"], ["check", "empty"]])
def test_bad_input_is_one_line(
    arguments: list[str], home_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home_dir / "artefacts" / "datasets" / "empty").mkdir(parents=True)
    assert main(arguments) == 2
    lines = capsys.readouterr().err.strip().split("\n")
    assert len(lines) == 1
    assert lines[0].startswith("lib.gen: ")


def test_a_broken_file_is_one_line(folder: Path) -> None:
    (folder / "hf" / "train.jsonl").write_text("{")
    with pytest.raises(SetupError, match="cannot be read"):
        check_dataset(folder)
    assert json.loads((folder / "manifest.json").read_text())
