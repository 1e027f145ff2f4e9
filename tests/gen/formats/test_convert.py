from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lib.dataset import write_rows
from lib.gen.__main__ import main
from lib.gen.formats.convert import FORMATS
from lib.gen.formats.foreign import read_rows, split_of
from lib.state import save_state
from lib.store import read_jsonl, write_jsonl
from tests.gen.dataset import written
from tests.gen.published import published_row

Row = dict[str, Any]


@pytest.fixture
def dataset(home_dir: Path) -> Path:
    return written()


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A file whose name says no split."""
    path = tmp_path / "their rows.jsonl"
    write_jsonl(path, [published_row(number, oracle_shown=number % 3 > 0) for number in range(9)])
    return path


def convert(source: Path | str, to: str, out: Path | None = None, *more: str) -> int:
    return main(["convert", str(source), "--to", to, *(["--out", str(out)] if out else []), *more])


def content(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# --- a dataset of ours ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hf", "chat"])
def test_a_standard_format_comes_out_as_1_gen_wrote_it(
    dataset: Path, tmp_path: Path, name: str
) -> None:
    for file_type in ("jsonl", "parquet"):
        out = tmp_path / file_type
        assert convert(dataset, name, out, "--file-type", file_type) == 0
        for path in out.glob(f"[!l]*.{file_type}"):
            assert path.read_bytes() == (dataset / name / path.name).read_bytes()
        assert len(list(out.glob(f"[!l]*.{file_type}"))) == 3


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_and_file_type_loads(dataset: Path, tmp_path: Path, name: str) -> None:
    from datasets import load_dataset, load_from_disk

    for file_type in ("jsonl", "parquet", "arrow"):
        assert convert(dataset, name, tmp_path / file_type, "--file-type", file_type) == 0
    saved = load_from_disk(str(tmp_path / "arrow"))
    files = {
        file_type: {split: str(tmp_path / file_type / f"{split}.{file_type}") for split in saved}
        for file_type in ("jsonl", "parquet")
    }
    cache = str(tmp_path / "cache")
    as_json = load_dataset("json", data_files=files["jsonl"], cache_dir=cache)
    as_parquet = load_dataset("parquet", data_files=files["parquet"], cache_dir=cache)
    for split in saved:
        rows = read_jsonl(tmp_path / "jsonl" / f"{split}.jsonl")
        assert rows
        for loaded in (saved, as_json, as_parquet):
            assert loaded[split].to_list() == rows


@pytest.mark.parametrize(
    ("name", "file_type"),
    [("triplets", "jsonl"), ("preference", "parquet"), ("triplets", "arrow")],
)
def test_the_same_rows_give_the_same_bytes(
    dataset: Path, tmp_path: Path, name: str, file_type: str
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for out in (first, second):
        assert convert(dataset, name, out, "--file-type", file_type) == 0
    assert content(first) == content(second) != {}


def test_it_goes_where_its_content_says_and_is_found_again(
    dataset: Path, home_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_state("t", DATASET_DIR=f"artefacts/datasets/{dataset.name}")
    assert main(["convert", "--to", "alpaca"]) == 0
    (folder,) = (home_dir / "artefacts" / "converted").iterdir()
    assert folder.name.startswith(f"{dataset.name}-alpaca-")
    before = (folder / "train.jsonl").stat().st_mtime_ns
    assert convert(dataset.name, "alpaca") == 0
    assert "Already written: artefacts/converted/" in capsys.readouterr().out
    assert (folder / "train.jsonl").stat().st_mtime_ns == before
    assert convert(dataset.name, "alpaca", None, "--file-type", "parquet") == 0
    assert len(list((home_dir / "artefacts" / "converted").iterdir())) == 2


def test_what_is_left_out_is_counted_and_kept(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(dataset, "preference", tmp_path / "out") == 0
    rows = read_jsonl(dataset / "hf" / "train.jsonl")
    memorised = [row["id"] for row in rows if row["kind"] == "memorise"]
    kept = read_jsonl(tmp_path / "out" / "left_out.jsonl")
    assert [row["row_id"] for row in kept if row["split"] == "train"] == memorised != []
    said = capsys.readouterr().out
    assert f"left out   train {len(memorised)}: the oracle is absent" in said
    assert f"rows       train {len(rows)}, valid" in said
    assert f"preference train {len(rows) - len(memorised)}, valid" in said


def test_completions_are_shaped_by_options(dataset: Path, tmp_path: Path) -> None:
    names = ["--prompt-column", "text", "--completion-column", "label", "--stop", "<STOP>"]
    assert convert(dataset, "completion", tmp_path / "out", *names) == 0
    assert convert(dataset, "completion", tmp_path / "plain") == 0
    plain = read_jsonl(tmp_path / "plain" / "valid.jsonl")
    assert read_jsonl(tmp_path / "out" / "valid.jsonl") == [
        {"text": row["prompt"], "label": f"{row['completion']}<STOP>"} for row in plain
    ]


# --- rows of another tool ------------------------------------------------------------------------


def as_parquet(rows: list[Row], folder: Path) -> Path:
    write_rows(folder, {"train": rows}, file_types=["parquet"])
    return folder / "train.parquet"


def as_arrow_file(rows: list[Row], folder: Path) -> Path:
    return next((as_disk(rows, folder)).glob("*.arrow"))


def as_disk(rows: list[Row], folder: Path) -> Path:
    from datasets import Dataset

    Dataset.from_list(rows).save_to_disk(str(folder))
    return folder


def as_disk_of_splits(rows: list[Row], folder: Path) -> Path:
    write_rows(folder, {"train": rows}, file_types=["arrow"])
    return folder


def as_disk_in_pieces(rows: list[Row], folder: Path) -> Path:
    from datasets import Dataset

    Dataset.from_list(rows).save_to_disk(str(folder), num_shards=3)
    return folder


def as_pieces(rows: list[Row], folder: Path) -> Path:
    write_jsonl(folder / "train-00000-of-00002.jsonl", rows[:2])
    write_jsonl(folder / "train-00001-of-00002.jsonl", rows[2:])
    return folder


@pytest.mark.parametrize(
    "layout", [as_parquet, as_arrow_file, as_disk, as_disk_in_pieces, as_disk_of_splits, as_pieces]
)
def test_published_rows_are_read_from_every_kind_of_file(
    published: Path, tmp_path: Path, layout: Callable[[list[Row], Path], Path]
) -> None:
    path = layout(read_jsonl(published), tmp_path / "theirs")
    for name, source in (("a", published), ("b", path)):
        assert convert(source, "chat", tmp_path / name) == 0
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert len(read_jsonl(tmp_path / "b" / "train.jsonl")) == 9


@pytest.mark.parametrize("name", FORMATS)
def test_published_rows_are_converted_into_every_format(
    published: Path, tmp_path: Path, name: str
) -> None:
    assert convert(published, name, tmp_path / "out") == 0
    (path,) = [p for p in (tmp_path / "out").iterdir() if split_of(p.name)]
    assert path.name == ("eval.jsonl" if name == "eval" else "train.jsonl")
    first = read_jsonl(path)[0]
    if name == "hf":
        assert first == read_jsonl(published)[0]


def test_published_rows_keep_the_splits_of_their_files(published: Path, tmp_path: Path) -> None:
    rows, folder = read_jsonl(published), tmp_path / "theirs"
    write_jsonl(folder / "train.jsonl", rows[:5])
    write_jsonl(folder / "validation.jsonl", rows[5:7])
    write_jsonl(folder / "test.jsonl", rows[7:])
    assert convert(folder, "hf", tmp_path / "out") == 0
    assert read_rows(tmp_path / "out") == {
        "train": rows[:5],
        "valid": rows[5:7],
        "eval": rows[7:],
    }
    assert convert(folder, "eval", tmp_path / "eval") == 0
    assert [row["id"] for row in read_jsonl(tmp_path / "eval" / "eval.jsonl")] == [
        row["id"] for row in rows[7:]
    ]


def test_a_row_that_names_its_split_never_trains_in_another(dataset: Path, tmp_path: Path) -> None:
    everything = [row for rows in read_rows(dataset / "hf").values() for row in rows]
    write_jsonl(tmp_path / "train.jsonl", everything)
    assert convert(tmp_path / "train.jsonl", "chat", tmp_path / "out") == 0
    for split in ("train", "valid", "eval"):
        path = tmp_path / "out" / f"{split}.jsonl"
        assert path.read_bytes() == (dataset / "chat" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"cot_answer": None}, "cot_answer is not a text"),
        ({"instruction": " "}, "instruction is not a text"),
        ({"context": {"sentences": ["flat"]}}, "no sentences"),
        ({"context": "flat"}, "no sentences"),
    ],
)
def test_unusable_rows_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: Row, reason: str
) -> None:
    rows = [published_row(0), published_row(1, **changed), published_row(2)]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    assert convert(tmp_path / "rows.jsonl", "triplets", tmp_path / "out") == 0
    assert "left out   train 1: " in capsys.readouterr().out
    (kept,) = read_jsonl(tmp_path / "out" / "left_out.jsonl")
    assert kept["row_id"] == "seed_task_1"
    assert reason in kept["reason"]


def test_when_no_row_fits_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_jsonl(tmp_path / "train.jsonl", [published_row(0)])
    assert convert(tmp_path / "train.jsonl", "eval", tmp_path / "out") == 1
    said = capsys.readouterr()
    assert "left out   train 1: not of the eval split" in said.out
    assert "Nothing is written" in said.err
    assert not (tmp_path / "out").exists()


# --- mistakes ------------------------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["convert", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("lib.gen: ")
    assert said.count("\n") == 1
    return said


def test_a_row_without_a_column_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [published_row(0), published_row(1)]
    del rows[1]["cot_answer"]
    path, out = tmp_path / "rows.jsonl", str(tmp_path / "out")
    write_jsonl(path, rows)
    assert main(["convert", str(path), "--to", "chat", "--out", out]) == 0
    assert "left out   train 1: it lacks cot_answer" in capsys.readouterr().out
    write_jsonl(path, rows[1:])
    assert main(["convert", str(path), "--to", "chat"]) == 1


def test_files_that_cannot_be_read_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in {"a.jsonl": "{", "b.jsonl": "[1]", "c.parquet": "x", "d.arrow": "x"}.items():
        (tmp_path / name).write_text(text)
        assert "cannot be read" in refused(capsys, str(tmp_path / name), "--to", "chat")
    assert "none is named after a split" in refused(capsys, str(tmp_path), "--to", "chat")
    assert "No dataset 'nothing'" in refused(capsys, "nothing", "--to", "chat")
    assert "1_gen" in refused(capsys, "--to", "chat")


def test_a_broken_dataset_says_so(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (dataset / "questions.jsonl").unlink()
    assert "cannot be read" in refused(capsys, str(dataset), "--to", "chat")


def test_nothing_is_overwritten(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "mine.txt"
    kept.write_text("kept")
    for out in (tmp_path, kept):
        said = refused(capsys, str(dataset), "--to", "chat", "--out", str(out))
        assert "is there already" in said
    below = kept / "below"
    assert "cannot be used" in refused(capsys, str(dataset), "--to", "chat", "--out", str(below))
    assert kept.read_text() == "kept"


def test_an_unknown_format_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert "sharegpt" in refused(capsys, "--to", "parquet")


@pytest.mark.parametrize("option", ["--prompt-column", "--completion-column", "--stop"])
def test_options_of_another_format_are_errors(
    dataset: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert option in refused(capsys, str(dataset), "--to", "chat", option, "x")


def test_columns_of_no_single_type_are_errors_for_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [published_row(0, score=1), published_row(1, score="good")]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    arguments = [str(tmp_path / "rows.jsonl"), "--to", "hf", "--out", str(tmp_path / "out")]
    assert "type of a column" in refused(capsys, *arguments, "--file-type", "parquet")
    assert not (tmp_path / "out").exists()
    assert main(["convert", *arguments]) == 0


def test_a_column_that_only_later_rows_have_is_kept(tmp_path: Path) -> None:
    rows = [published_row(0), published_row(1, score=1)]
    write_rows(tmp_path, {"train": rows}, file_types=["parquet"])
    assert [row["score"] for row in read_rows(tmp_path)["train"]] == [None, 1]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.jsonl", "train"),
        ("train-00001-of-00002.parquet", "train"),
        ("validation.jsonl", "valid"),
        ("val", "valid"),
        ("dev.jsonl", "valid"),
        ("test_v2.jsonl", "eval"),
        ("evaluation.jsonl", "eval"),
        ("training.jsonl", ""),
        ("output.jsonl", ""),
    ],
)
def test_splits_are_told_by_names(name: str, split: str) -> None:
    assert split_of(name) == split


def test_jsonl_is_utf8_as_it_is(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [published_row(0, question="Bến tàu ở đâu? 부두")])
    assert convert(tmp_path / "rows.jsonl", "triplets", tmp_path / "out") == 0
    line = (tmp_path / "out" / "train.jsonl").read_text(encoding="utf-8").split("\n")[0]
    assert "Bến tàu ở đâu? 부두" in line
    assert json.loads(line)["query"] == "Bến tàu ở đâu? 부두"
