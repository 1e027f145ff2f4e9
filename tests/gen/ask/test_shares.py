"""How many questions each chunk is asked for, and which chunks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lib.gen.ask.shares import drawn, spread
from lib.recipe import Recipe
from lib.records import Chunk
from tests.gen.scripted import ask, chunk_of, num


def document(name: str, chunks: int) -> list[Chunk]:
    return [chunk_of(f"{name} {n} " + "word " * 200, name, start=n * 1000) for n in range(chunks)]


@pytest.mark.parametrize(("total", "parts"), [(50, 7), (3, 10), (100, 100), (5, 1)])
def test_questions_spread_evenly(total: int, parts: int) -> None:
    counts = spread(total, parts)
    assert sum(counts) == total
    assert len(counts) == parts
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("ask_mode", ["separate", "joint"])
def test_each_document_is_asked_for_its_number(ask_mode: str) -> None:
    chunks = [*document("a", 20), *document("b", 3), *document("c", 80)]
    options: dict[str, Any] = {"questions_per_document": 50, "ask_mode": ask_mode}
    refused = {"document": 1, "question": "no", "reasoning": "none", "answer": "none"}
    reply = json.dumps({"questions": ["no"], "rows": [refused]})
    _, sent = ask(chunks, lambda messages: reply, max_repairs=0, **options)
    wanted = dict.fromkeys("abc", 0)
    for request in sent:
        text = request.messages[-1]["content"]
        wanted[text.partition("<DOCUMENT>")[2][0]] += num(text)
    assert wanted == {"a": 50, "b": 50, "c": 50}
    assert len(sent) == 20 + 3 + 50


def test_a_draw_keeps_the_order_and_depends_on_the_seed() -> None:
    chunks = document("a", 30)
    options = Recipe(max_chunks=7)
    found = drawn(chunks, options)
    assert len(found) == 7
    assert [chunk.start for chunk in found] == sorted(chunk.start for chunk in found)
    assert drawn(chunks, options) == found != drawn(chunks, replace(options, seed=1))
    assert drawn(chunks, Recipe()) == chunks == drawn(chunks, replace(options, max_chunks=99))
