from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lib.prompts.teacher import API_FIELDS, format_api_answer, parse_api_answer
from lib.reading.assemble import assemble
from lib.reading.files.api import RECORD_FIELDS, is_api_record, read_record
from lib.recipe import Recipe
from lib.records import Document
from lib.text import one_line
from tests.gen.make import split_documents
from tests.reading.load import load

RECORD: dict[str, Any] = {
    "functionality": "Estimates depth\nfrom one picture. Phở 등대",
    "user_name": "lighthouse",
    "api_name": "Depth",
    "api_call": "hub.load('depth', pretrained=True)",
    "api_version": 1.5,
    "api_arguments": {"pretrained": True, "name": "ở"},
    "example_code": "import hub\nmodel = hub.load('depth')",
    "meta": None,
}
ANSWER = {
    "domain": "Vision",
    "api_call": 'hub.load("a", b=1)',
    "api_provider": "Hub",
    "explanation": "It loads, then runs.",
    "code": "a = 1\nb = 2",
}


def api_document(record: Any, id: str) -> Document:
    return assemble(read_record(record), id=id, name="a")


def test_a_record_becomes_one_document() -> None:
    document = api_document(RECORD, id="a.json/1")
    assert document.text.split("\n") == [
        "user_name: lighthouse",
        "api_name: Depth",
        "api_call: hub.load('depth', pretrained=True)",
        "api_version: 1.5",
        'api_arguments: {"pretrained": true, "name": "ở"}',
        "functionality: Estimates depth from one picture. Phở 등대",
        "example_code: import hub",
        "model = hub.load('depth')",
    ]
    assert (document.id, document.title) == ("a.json/1", "Depth")
    (page,) = document.pages
    assert (page.start, page.end) == (0, len(document.text))
    assert api_document(dict(reversed(RECORD.items())), id="a.json/1") == document


@pytest.mark.parametrize("seed", range(5))
def test_every_record_is_one_chunk_with_all_its_values(tmp_path: Path, seed: int) -> None:
    """Of APIBench's ten fields or Gorilla's six; longer than a chunk, or equal but for one word."""
    rng = Random(seed)

    def value() -> Any:
        text = "".join(rng.choices("abcởĐ등é .,()='\n", k=rng.choice((1, 20, 3000)))).strip() or "x"
        return rng.choice([text, [text, "y"], {"k": text, "n": rng.randint(0, 9)}, rng.random()])

    more = rng.choice([("user_name", "api_version"), ("domain", "framework", "example_code", "z")])
    names = rng.sample((*RECORD_FIELDS, *more), k=4 + len(more))
    records = [{name: value() for name in names} for _ in range(12)]
    records += [{**records[0], "api_name": f"twin {number}"} for number in range(3)]
    (tmp_path / "a.json").write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    loaded = load(tmp_path / "a.json", doctype="api")
    chunks = split_documents(loaded.documents, Recipe(chunk_chars=500)).chunks
    assert [chunk.id.partition("#")[0] for chunk in chunks] == [
        f"a.json/{number}" for number in range(1, len(records) + 1)
    ]
    for chunk, record in zip(chunks, records, strict=True):
        assert is_api_record(chunk.text)
        for shown in record.values():
            text = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)
            assert one_line(text) in one_line(chunk.text)


def test_its_text_says_what_it_is() -> None:
    text = api_document(RECORD, id="a").text
    assert is_api_record(text)
    bare = api_document(
        dict.fromkeys(RECORD_FIELDS, "") | {"api_call": "fit()", "functionality": "x"}, id="a"
    )
    assert is_api_record(bare.text)
    assert bare.title == "fit()"
    assert bare.text == "api_name: \napi_call: fit()\napi_arguments: \nfunctionality: x"
    for other in ("", "api_call: fit()", "user_name: x\n\napi_name: y", f" {text}", text[:60]):
        assert not is_api_record(other)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({**RECORD, "api_call": " "}, "its api_call is empty"),
        ({**RECORD, "functionality": None}, "its functionality is empty"),
        ({"api_call": "f()", "user_name": "x"}, "lacks api_name, api_arguments, func"),
        (["api_call"], "lacks api_name, api_call, .* a record of API documentation"),
    ],
)
def test_a_record_that_is_none_says_why(record: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        api_document(record, id="a")


def test_markers_in_a_record_are_made_harmless() -> None:
    document = api_document({**RECORD, "api_name": "<ANSWER>: \ud83d"}, id="a")
    assert "<ANSWER>" not in document.text
    assert "<ANSWER>" not in document.title
    document.text.encode()


def test_what_is_written_is_read_back() -> None:
    text = format_api_answer(ANSWER)
    assert text.startswith("<<<domain>>>: Vision\n<<<api_call>>>: hub.load(")
    assert parse_api_answer(text) == ANSWER
    assert parse_api_answer(f"{text},") == {**ANSWER, "code": f"{ANSWER['code']},"}
    assert API_FIELDS == ("domain", "api_call", "api_provider", "explanation", "code")


@pytest.mark.parametrize(
    "text",
    [
        '<<<domain>>>: Vision, <<<api_call>>>: hub.load("a", b=1), <<<api_provider>>>: Hub, '
        "<<<explanation>>>: It loads, then runs., <<<code>>>: a = 1\nb = 2",
        'First I look.\n<<<api_call>>> hub.load("a", b=1)\n<<< domain >>>: Vision\n\n'
        "<<<code>>>:\n```python\na = 1\nb = 2\n```\n<<<explanation>>>: It loads, then runs.\n"
        "<<<api_provider>>>:Hub\n",
    ],
)
def test_answers_as_teachers_write_them(text: str) -> None:
    assert parse_api_answer(text) == ANSWER


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("<<<code>>>", "code"), "lacks <<<code>>>"),
        (("Hub", ""), "<<<api_provider>>> is empty"),
        (("It loads", "<<<domain>>>: again"), "<<<domain>>> 2 times"),
        (("a = 1\nb = 2", "```python\n```"), "<<<code>>> is empty"),
    ],
)
def test_a_broken_answer_says_why(change: tuple[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_api_answer(format_api_answer(ANSWER).replace(*change))
    with pytest.raises(ValueError, match="lacks <<<domain>>>, <<<api_call>>>"):
        parse_api_answer("")
