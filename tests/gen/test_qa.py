"""Plain pairs on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lib.gen.ask.questions import ask_teacher
from lib.gen.qa import file_name, write_pairs
from lib.recipe import Recipe
from lib.store import read_json, read_jsonl
from tests.gen.scripted import good, words_chunk
from tests.server import serve

CHUNKS = [words_chunk(name) for name in ("a.txt", "one/b.md")]


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Any:
    with serve() as server:
        server.reply = lambda body: good(body["messages"])
        monkeypatch.setenv("COMPLETION_OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("COMPLETION_OPENAI_API_KEY", "k")
        monkeypatch.setenv("COMPLETION_OPENAI_DEPLOYMENT", "reader-1")
        yield server


def pairs(**options: Any) -> Path:
    asked = ask_teacher(CHUNKS, Recipe(dataset_kind="qa", concurrency=2, **options))
    return write_pairs(asked, chunks=CHUNKS, run_name="t")


def test_a_json_for_each_document_and_one_of_all(loopback: Any) -> None:
    folder = pairs(questions_per_chunk=3)
    merged = read_json(folder / "pairs.json")
    by_document = [read_json(path) for path in sorted((folder / "documents").iterdir())]
    assert sorted(d["document"] for d in by_document) == ["a.txt", "one/b.md"]
    assert sorted(p["id"] for d in by_document for p in d["pairs"]) == sorted(
        p["id"] for p in merged
    )
    assert len(merged) == 6
    assert "reason" not in merged[0]
    for pair, alpaca, chat in zip(
        merged,
        read_jsonl(folder / "alpaca.jsonl"),
        read_jsonl(folder / "chat.jsonl"),
        strict=True,
    ):
        assert alpaca == {"instruction": pair["question"], "input": "", "output": pair["answer"]}
        assert [m["content"] for m in chat["messages"]] == [pair["question"], pair["answer"]]
    assert pairs(questions_per_chunk=3) == folder


def test_curation_keeps_a_reason_for_each_pair(loopback: Any) -> None:
    def says(body: dict[str, Any]) -> str:
        text = body["messages"][-1]["content"]
        if '"rating"' in text and "What follows onebmdword0?" in text:
            return json.dumps({"reason": "It names no document.", "rating": 2})
        return good(body["messages"])

    loopback.reply = says
    folder = pairs(questions_per_chunk=3, min_rating=3, max_repairs=0)
    merged = read_json(folder / "pairs.json")
    assert {(p["rating"], p["reason"]) for p in merged} == {(4, "It is clear.")}
    (dropped,) = read_jsonl(folder / "rejected.jsonl")
    assert (dropped["gate"], dropped["reason"]) == ("rating", "rated 2 of 5: It names no document.")
    assert len(merged) == 5


def test_the_built_in_teacher_gives_pairs_too() -> None:
    from tests.gen.scripted import chunk_of

    text = "Tamsay Ness Light was built in 1838 by the engineer Ambrose Tyler. It is lit at dusk."
    asked = ask_teacher([chunk_of(text)], Recipe(dataset_kind="qa"))
    folder = write_pairs(asked, chunks=[chunk_of(text)], run_name="t")
    assert read_json(folder / "pairs.json")


def test_names_of_files_are_told_apart() -> None:
    assert file_name("a.txt") == "a.txt"
    names = ["a/b", "a_b", "a?b", "x" * 200, "x" * 201, "燈" * 81, "\U00020000" * 80]
    found = {file_name(name) for name in names}
    assert len(found) == len(names)
    assert all("/" not in name and len(name.encode()) < 100 for name in found)
