from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.reading.documents import iter_documents
from lib.reading.tables import iter_records
from lib.settings import SetupError
from tests.reading.load import load, recipe


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_an_object_a_list_and_lines(tmp_path: Path) -> None:
    one, two = {"text": "one"}, {"text": "hai ở"}
    lines = f"\ufeff{json.dumps(one)}\r\n\n{json.dumps(two, ensure_ascii=False)}"
    numbered = [(1, one), (3, two)]
    assert list(iter_records(write(tmp_path / "a.json", json.dumps(one)))) == [(0, one)]
    assert list(iter_records(write(tmp_path / "b.json", json.dumps([one, two])))) == [
        (1, one),
        (2, two),
    ]
    assert list(iter_records(write(tmp_path / "c.jsonl", lines))) == numbered
    assert list(iter_records(write(tmp_path / "d.json", lines))) == numbered


def test_lines_are_read_one_by_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "one"}\n' * 5000 + "\xff")
    found = iter_documents(recipe(path))
    next(found)
    path.unlink()
    assert sum(1 for _ in found) > 1000  # from the open file, not from memory


def test_a_separator_inside_a_text_divides_no_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "one\u2028two\\u0085three"}\n')
    (document,) = load(path).documents
    assert document.text == "one\ntwo\nthree"


def test_what_is_no_document_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        '{"text": "good one"}\nnonsense\n{"txt": "x"}\n{"text": 3}\n["text"]\n{"text": " "}\n'
        '{"text": "good two", "title": "Two & <ANSWER>"}\n' + "[" * 200_000 + "\n",
    )
    loaded = load(path)
    assert [(d.id, d.title) for d in loaded.documents] == [
        ("a.jsonl/1", "a"),
        ("a.jsonl/7", "Two & ‹ANSWER›"),
    ]
    reasons = {skip.path.rpartition("/")[2]: skip.reason for skip in loaded.skipped}
    expected = {
        "2": "not JSON",
        "3": "`text`",
        "4": "`text`",
        "5": "`text`",
        "6": "no text",
        "8": "",
    }
    assert reasons.keys() == expected.keys()
    for number, words in expected.items():
        assert words in reasons[number]
    assert "not JSON" in reasons["8"] or "nested too deep" in reasons["8"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "", "the file is empty"),
        ("a.jsonl", "\n\n", "the file is empty"),
        ("a.json", "[]", "the file is empty"),
        ("a.json", '{"text": "one"', "not JSON"),
        ("a.json", '"text"', "no field `text`"),
        ("a.json", '{"content": "A text.", "id": 1}', "no field `text`.*'content', 'id'"),
        ("a.json", "[" * 200_000, "(nested too deep|not JSON)"),
        ("a.json", '{"text": "Fjære"}'.encode("latin-1"), "not UTF-8"),
        ("a.jsonl", '{"text": "Fjære"}'.encode("latin-1"), "not UTF-8: save it"),
    ],
)
def test_a_file_without_documents_says_why(
    tmp_path: Path, name: str, content: str | bytes, words: str
) -> None:
    with pytest.raises(SetupError, match=rf"Nothing readable.*{name}.*{words}"):
        load(write(tmp_path / name, content))


def test_documents_change_with_their_own_text_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "one", "n": 1}\n{"text": "two"}')
    before = load(path).documents
    write(path, '{"text": "one", "n": 2}\n{"text": "three"}')
    after = load(path).documents
    assert before[0] == after[0]
    assert before[1].id == after[1].id
    assert before[1].sha256 != after[1].sha256


def test_api_documentation_is_recognised_but_not_read_as_text(tmp_path: Path) -> None:
    fields = ("user_name", "api_name", "api_call", "api_version", "api_arguments", "functionality")
    path = write(tmp_path / "a.json", json.dumps([dict.fromkeys(fields, "value")]))
    with pytest.raises(SetupError, match="set doctype to api"):
        load(path)
    (document,) = load(path, doctype="api").documents
    assert document.id == "a.json/1"


def test_half_characters_that_json_can_hold_go(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", '{"text": "one \\ud83d two \\ud83d\\ude42", "title": "T\\udc00wo"}'
    )
    (document,) = load(path).documents
    assert (document.text, document.title) == ("one  two 🙂", "Two")
    document.text.encode()
