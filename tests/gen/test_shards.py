"""A run in shards, merged, is the run that was never divided."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lib.engine import batch
from lib.engine.ledger import LEDGER, Ledger
from lib.gen.__main__ import main
from lib.state import read_state
from lib.store import read_json, read_jsonl
from tests.batch_server import BatchServer
from tests.gen.make import prose
from tests.gen.scripted import good
from tests.server import Loopback, error, serve, serving

PARAMETERS = {
    "chunk_chars": 400,
    "chunk_overlap_chars": 0,
    "questions_per_chunk": 2,
    "num_distractors": 2,
}


@pytest.fixture(autouse=True)
def own_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LEDGER, "")  # a shard sets it for its process, which is this one


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    with serve() as server:
        monkeypatch.setenv("COMPLETION_OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("COMPLETION_OPENAI_API_KEY", "secret")
        monkeypatch.setenv("COMPLETION_OPENAI_DEPLOYMENT", "reader-1")
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Of parameters, for documents of which the last repeats most of the first."""
    folder = tmp_path / "documents"
    folder.mkdir()
    rng = Random(0)
    texts = [prose(rng, 20) for _ in range(4)]
    for number, text in enumerate([*texts, texts[0].replace(" the ", " a ", 3)]):
        (folder / f"{number}.txt").write_text(text)
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(PARAMETERS | {"doc_path": str(folder)}))
    return path


def run(command: str, file: Path, *more: str, status: int = 0) -> None:
    os.environ[LEDGER] = ""
    assert main([command, "-p", str(file), *more]) == status


def made(home: Path) -> dict[str, bytes]:
    """The files of the dataset that the state names, and of its questions."""
    folders = [home / read_state("mine")["DATASET_DIR"]]
    folders += (home / "artefacts" / "questions").iterdir()
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in files}


def replies(path: Path) -> dict[str, str]:
    """Key → reply, but for how long it took."""
    with closing(Ledger(path)) as ledger:
        rows = ledger._select("SELECT key, reply FROM replies")
    return {key: json.dumps(json.loads(reply) | {"latency_s": 0}) for key, reply in rows}


def forget(home: Path) -> None:
    shutil.rmtree(home / "artefacts")


@pytest.mark.parametrize(
    "changed",
    [{"ask_mode": "joint", "chunk_chars": 200}, {"max_chunks": 9}, {"round_trip": True}],
    ids=["joint", "drawn", "checked"],
)
def test_three_shards_merged_are_one_run(
    changed: dict[str, Any],
    home_dir: Path,
    file: Path,
    loopback: Loopback,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = [word for name, value in changed.items() for word in ("-r", name, str(value))]
    if "ask_mode" in changed:
        loopback.reply = lambda body: good(body["messages"])
    run("run", file, *more)
    whole, paid = made(home_dir), replies(home_dir / "artefacts" / "ledger.sqlite")
    of_whole = sorted(loopback.answered)
    if most := changed.get("max_chunks"):
        [written] = (home_dir / "artefacts" / "questions").glob("*/questions.jsonl")
        assert len({question["chunk_id"] for question in read_jsonl(written)}) == most
    forget(home_dir)
    loopback.answered.clear()
    for shard in ("2/3", "3/3", "1/3"):
        run("run", file, *more, "--shard", shard)
    sizes = [
        len(replies(home_dir / "artefacts" / "shards" / "mine" / f"{number}-of-3/ledger.sqlite"))
        for number in (1, 2, 3)
    ]
    assert min(sizes) > 0
    assert sorted(loopback.answered) == of_whole
    capsys.readouterr()
    run("merge", file, *more)
    assert sorted(loopback.answered) == of_whole
    assert made(home_dir) == whole
    assert replies(home_dir / "artefacts" / "ledger.sqlite") == paid
    said = capsys.readouterr().out
    assert f"3 shards: {len(paid)} replies" in said
    assert f"reader-1: {len(paid)} requests" in said


def test_a_shard_that_was_broken_off_pays_nothing_twice(
    home_dir: Path, file: Path, loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    run("run", file)
    whole, num_requests = made(home_dir), len(loopback.answered)
    forget(home_dir)
    loopback.answered.clear()
    last = len(loopback.requests) + 5
    loopback.fault = lambda number, body: error(500, "overloaded") if number > last else None
    run("run", file, "-r", "max_retries", "0", "--shard", "1/2", status=2)
    assert 0 < len(loopback.answered) < num_requests / 2
    loopback.fault = lambda number, body: None
    run("merge", file, status=2)
    assert "1-of-2 is not finished, or was" in capsys.readouterr().err
    run("run", file, "--shard", "1/2")
    run("run", file, "--shard", "2/2")
    run("merge", file)
    assert len(loopback.answered) == num_requests
    assert made(home_dir) == whole


def test_shards_that_overlap_are_harmless(
    home_dir: Path, file: Path, loopback: Loopback, tmp_path: Path
) -> None:
    """One that another account asked, too, and replies that the home's ledger has."""
    run("run", file)
    whole, paid = made(home_dir), replies(home_dir / "artefacts" / "ledger.sqlite")
    shards = home_dir / "artefacts" / "shards" / "mine"
    for shard in ("1/2", "2/2"):
        run("run", file, "--shard", shard)
    shutil.copytree(shards / "2-of-2", tmp_path / "copied")
    num_requests = len(loopback.requests)
    run("merge", file, str(shards), str(tmp_path / "copied"))
    assert len(loopback.requests) == num_requests
    assert (made(home_dir), replies(home_dir / "artefacts" / "ledger.sqlite")) == (whole, paid)


def test_shards_that_are_not_of_one_run_are_one_line(
    home_dir: Path, file: Path, loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*more: str) -> str:
        capsys.readouterr()
        num_requests = len(loopback.requests)
        run("merge", file, *more, status=2)
        assert len(loopback.requests) == num_requests
        [line] = capsys.readouterr().err.splitlines()
        return line

    shards = home_dir / "artefacts" / "shards" / "mine"
    assert "artefacts/shards/mine holds no shard" in refused()
    run("run", file, "--shard", "1/2")
    assert "Shard 2/2 is missing" in refused()
    run("run", file, "--shard", "3/3")
    assert "parts of different runs (1/2 in artefacts/shards/mine/1-of-2, 3/3 in" in refused()
    shutil.rmtree(shards / "3-of-3")
    run("run", file, "-r", "questions_per_chunk", "3", "--shard", "2/2")
    said = "Shard 2/2 in artefacts/shards/mine/2-of-2 was asked with another "
    assert f"{said}questions_per_chunk (3, not 2)" in refused()
    run("run", file, "--shard", "2/2")
    with (file.parent / "documents" / "0.txt").open("a") as document:
        document.write(" The lamp of Tamsay was lit on a Tuesday in the spring of 1850.")
    assert "was asked with another documents, or where they are cut" in refused()
    assert not (home_dir / "artefacts" / "ledger.sqlite").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("shard.json", b'{"shard": "1/2", "ma'),
        ("shard.json", b"{}"),
        ("shard.json", b"[]"),
        ("shard.json", b""),
        ("ledger.sqlite", b""),
    ],
)
def test_a_shard_that_was_not_copied_whole_is_one_line_and_nothing_is_asked(
    name: str,
    content: bytes,
    home_dir: Path,
    file: Path,
    loopback: Loopback,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for shard in ("1/2", "2/2"):
        run("run", file, "--shard", shard)
    (home_dir / "artefacts" / "shards" / "mine" / "1-of-2" / name).write_bytes(content)
    num_requests = len(loopback.requests)
    run("merge", file, status=2)
    assert len(loopback.requests) == num_requests
    [line] = capsys.readouterr().err.splitlines()
    assert "1-of-2 is not finished, or was not copied whole. " in line


@pytest.mark.parametrize("shard", ["0/3", "4/3", "x", "1/0", "-1/2", "1/2/3", ""])
def test_a_shard_that_cannot_be_is_one_line(
    shard: str, file: Path, loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    run("run", file, f"--shard={shard}", status=2)
    [line] = capsys.readouterr().err.splitlines()
    assert f"--shard is {shard!r}; expected I/N with I from 1 to N" in line


def test_a_shard_needs_an_endpoint(
    home_dir: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("run", file, "--shard", "1/2", status=2)
    assert "The built-in teacher would write" in capsys.readouterr().err
    assert not (home_dir / "artefacts").exists()


def test_a_shard_that_is_dry_asks_nothing(home_dir: Path, file: Path, loopback: Loopback) -> None:
    run("run", file, "--shard", "1/2", "--dry-run")
    assert not loopback.requests


def test_a_shard_says_what_it_was_asked_with(
    home_dir: Path, file: Path, loopback: Loopback
) -> None:
    run("run", file, "--shard", "2/2")
    folder = home_dir / "artefacts" / "shards" / "mine" / "2-of-2"
    assert read_json(folder / "shard.json")["shard"] == "2/2"
    assert "secret" not in (folder / "shard.json").read_text()


def test_shards_may_ask_in_batches(
    home_dir: Path, file: Path, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch.BatchEndpoint.__init__, "__kwdefaults__", {"poll_s": 0.01})
    more = ("-r", "batch", "true")
    with serving(BatchServer()) as batches:
        monkeypatch.setenv("COMPLETION_OPENAI_BASE_URL", batches.base_url)
        run("run", file, *more)
        whole = made(home_dir)
        forget(home_dir)
        for shard in ("1/2", "2/2"):
            run("run", file, *more, "--shard", shard)
        sent = len(batches.batches)
        run("merge", file, *more)
        assert len(batches.batches) == sent, "the merge asks nothing"
    assert made(home_dir) == whole
