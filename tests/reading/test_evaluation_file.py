"""The file of people's questions: its columns. test_tables.py has the forms of tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.reading import sources
from lib.reading.questions_file import EvaluationItem, read_evaluation_file
from lib.settings import SetupError

ITEMS = [
    EvaluationItem(1, "Who lit the lamp, and when?", 'the "keeper"'),
    EvaluationItem(2, "Phở ở đâu?", "등대\nở Huế"),
]
CSV = 'question,answer\n"Who lit the lamp, and when?","the ""keeper"""\nPhở ở đâu?,"등대\nở Huế"\n'


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_texts_are_taken_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert read_evaluation_file(write(tmp_path / "a.csv", CSV, encoding)) == ITEMS
    monkeypatch.setattr(sources, "PROJECT_DIR", tmp_path)  # relative to the project, too
    assert read_evaluation_file("a.csv") == ITEMS
    rows = [{"question": item.question, "answer": item.answer} for item in ITEMS]
    assert read_evaluation_file(write(tmp_path / "a.json", json.dumps(rows))) == ITEMS
    lines = "\n".join(json.dumps(row) for row in rows)
    assert read_evaluation_file(write(tmp_path / "a.jsonl", lines)) == ITEMS


def test_columns_have_other_names_too_and_numbers_are_texts(tmp_path: Path) -> None:
    one = [EvaluationItem(1, "How many?", "42")]
    row = {"query": "How many?", "gold_final_answer": 42}
    assert read_evaluation_file(write(tmp_path / "b.json", json.dumps(row))) == one
    for question, answer in (("user_input", "reference"), ("input", "expected_output")):
        row = {question: "How many?", answer: "42", "response": "41", "actual_output": "41"}
        assert read_evaluation_file(write(tmp_path / "b.json", json.dumps(row))) == one
    row = {"question": "How many?", "answer": "41", "ground_truth": "42"}
    with pytest.raises(SetupError, match="row 1: it has answer and ground_truth: leave"):
        read_evaluation_file(write(tmp_path / "b.json", json.dumps(row)))
    row = {"question": "How many?", "answer": "42", "reference": "page 3"}
    assert read_evaluation_file(write(tmp_path / "b.json", json.dumps(row))) == one
    text = "Answer;Note; Question \r\n 42 ;x;How many?\r\n"
    assert read_evaluation_file(write(tmp_path / "a.CSV", text)) == one


def test_several_answers_are_right(tmp_path: Path) -> None:
    for answers in (
        ["Ann", "Ann Finch", "Ann"],
        [{"text": "Ann", "answer_start": 3}, {"text": "Ann Finch", "answer_start": 3}],
        {"text": ["Ann", "Ann Finch"], "answer_start": [3, 3]},
        {"value": "Ann", "aliases": ["Ann", "Ann Finch"], "type": "x"},
        '["Ann", "Ann Finch"]',
        "['Ann', 'Ann Finch']",
    ):
        path = write(tmp_path / "a.json", json.dumps({"question": "Who?", "answers": answers}))
        (item,) = read_evaluation_file(path)
        assert (item.answer, item.more_answers) == ("Ann", ("Ann Finch",))
    path = write(tmp_path / "a.json", json.dumps({"question": "Who?", "answer": ["Ann"]}))
    assert read_evaluation_file(path) == [EvaluationItem(1, "Who?", "Ann")]
    # Not known whether each is right, or all together.
    path = write(tmp_path / "a.json", json.dumps({"question": "Who?", "answer": ["Ann", "Bo"]}))
    with pytest.raises(SetupError, match="its answer is a list of 2: if each of them is right"):
        read_evaluation_file(path)


@pytest.mark.parametrize(
    "none",
    [
        {"answers": []},
        {"answers": {"text": [], "answer_start": []}},
        {"answers": [{"text": "x"}], "is_impossible": True},
        {"answer": "x", "answerable": False},
    ],
)
def test_unanswerable_questions_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], none: dict[str, object]
) -> None:
    rows = [{"question": "Why?", **none}, {"question": "Who?", "answers": ["Ann"]}]
    path = write(tmp_path / "a.json", json.dumps(rows))
    assert read_evaluation_file(path) == [EvaluationItem(2, "Who?", "Ann")]
    assert "unanswerable, left out: 1." in capsys.readouterr().out
    with pytest.raises(SetupError, match="each of its questions that it has no answer"):
        read_evaluation_file(write(path, json.dumps(rows[:1])))


def test_rows_that_repeat_are_asked_once_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("Who lit it?", "Ann"), ("Why?", "so"), ("Who  lit it?", "Ann "), ("Who lit it?", "Bo")]
    text = "".join(f"{question},{answer}\n" for question, answer in [("question", "answer"), *rows])
    found = read_evaluation_file(write(tmp_path / "a.csv", text))
    assert [(one.row, one.answer) for one in found] == [(1, "Ann"), (2, "so"), (4, "Bo")]
    said = capsys.readouterr().out
    assert "rows that repeat another one, which is asked once: 1." in said
    assert "several answers, in rows of their own: 1 (“Who lit it?”)" in said


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "question,answer\nWhy?,\nHow?,so\n,x\n", "row 1: it has no answer; row 3: it"),
        ("a.csv", "a,query\n" + "x,\n" * 5, r"row 3: it has no question; 2 more\. Each row needs"),
        ("a.csv", "", "the file is empty"),
        ("a.json", '[{"question": "Why?", "answer": true}]', "row 1: its answer is a bool"),
        ("a.json", '["Why?"]', "row 1: it is a str, not an object"),
        ("a.json", "[]", "holds no rows"),
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
    with pytest.raises(SetupError, match=r"no/such\.csv cannot be read: No such file.*user_input"):
        read_evaluation_file("no/such.csv")


def test_half_characters_are_removed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", '[{"question": "Who\\udc00?", "answer": "\\ud83d\\ude42"}]')
    assert read_evaluation_file(path) == [EvaluationItem(1, "Who?", "🙂")]
