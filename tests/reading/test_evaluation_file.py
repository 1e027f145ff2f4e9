from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.reading.evaluation_file import EvaluationItem, read_evaluation_file
from lib.settings import SetupError

ITEMS = [
    EvaluationItem(1, "Who lit the lamp, and when?", 'the "keeper"'),
    EvaluationItem(2, "Phở ở đâu?", "등대\nở Huế"),
]


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


CSV = 'question,answer\n"Who lit the lamp, and when?","the ""keeper"""\nPhở ở đâu?,"등대\nở Huế"\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_csv_is_taken_as_it_is(tmp_path: Path, encoding: str) -> None:
    assert read_evaluation_file(write(tmp_path / "a.csv", CSV, encoding)) == ITEMS


def test_a_spreadsheets_own_csv(tmp_path: Path) -> None:
    text = "Answer;Note; Question \r\n 42 ;x;How many?\r\n"
    expected = [EvaluationItem(1, "How many?", "42")]
    assert read_evaluation_file(write(tmp_path / "a.CSV", text)) == expected
    tabs = text.replace(";", "\t")
    assert read_evaluation_file(write(tmp_path / "b.csv", tabs)) == expected


def test_json_and_jsonl(tmp_path: Path) -> None:
    rows = [{"question": item.question, "answer": item.answer} for item in ITEMS]
    assert read_evaluation_file(write(tmp_path / "a.json", json.dumps(rows))) == ITEMS
    lines = "\n".join(json.dumps(row) for row in rows)
    assert read_evaluation_file(write(tmp_path / "a.jsonl", lines)) == ITEMS
    one = {"query": "How many?", "gold_final_answer": 42}
    assert read_evaluation_file(write(tmp_path / "b.json", json.dumps(one))) == [
        EvaluationItem(1, "How many?", "42")
    ]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "a.csv",
            "question,answer\nWhy?,\nHow?,so\n,x\n",
            "row 1: it has no answer; row 3: it has no question",
        ),
        ("a.csv", "question,note\nWhy?,x\n", "row 1: it has no answer"),
        ("a.csv", "question,answer\nWhy?\n", "row 1: it has no answer"),
        ("a.csv", "question,answer\nWhy?,so,so\n", "row 1: it has more cells than the header"),
        ("a.csv", 'question,answer\n"Why?,so\n', "cannot be read"),
        ("a.csv", "question,answer\n", "holds no rows"),
        ("a.csv", "", "the file is empty"),
        ("a.csv", "a,b\n" + "x,y\n" * 5, r"row 3: it has no question; 2 more\. Each row needs"),
        ("a.json", '[{"question": "Why?", "answer": ["so"]}]', "row 1: its answer is a list"),
        ("a.json", '[{"question": "Why?", "answer": true}]', "row 1: its answer is a bool"),
        ("a.json", '["Why?"]', "row 1: it is a str, not an object"),
        ("a.json", "[]", "holds no rows"),
        ("a.json", "{", "cannot be read: it is not JSON"),
        ("a.jsonl", '{"question": "Why?", "answer": "so"}\n\nnonsense', "row 3: it is not JSON"),
    ],
)
def test_mistakes_are_named_with_their_rows(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    with pytest.raises(SetupError, match=words) as caught:
        read_evaluation_file(write(tmp_path / name, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file() -> None:
    with pytest.raises(SetupError, match=r"no/such\.csv does not exist"):
        read_evaluation_file("no/such.csv")


def test_half_characters_go(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", '[{"question": "Who\\udc00?", "answer": "\\ud83d\\ude42"}]')
    assert read_evaluation_file(path) == [EvaluationItem(1, "Who?", "🙂")]
