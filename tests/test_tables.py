"""Tables as spreadsheets and people write them: read, or one line that says what to change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lib.settings import SetupError
from lib.tables import MAX_BYTES, read_table, read_text, text_value

NAMES = ("question", "answer")


def pair(number: int, row: Mapping[str, Any]) -> tuple[int, str, str]:
    return number, text_value(row, "question"), text_value(row, "answer")


def read(path: Path, content: str | bytes) -> list[tuple[int, str, str]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, pair, names=NAMES, columns="question and answer")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "question,answer\nWho?,me\n"),
        ("a.csv", "\ufeffQuestion ; ANSWER\r\nWho?; me \r\n"),
        ("a.csv", "sep=;\r\nquestion;answer\r\nWho?;me\r\n"),
        ("a.csv", '"sep=|"\nquestion|answer\nWho?|me\n'),
        ("a.csv", "question;answer;;\r\nWho?;me;;\r\n"),
        ("a.csv", "question,answer\nWho?,me,,\n"),
        ("a.csv", "\nquestion,answer\n\nWho?,me\n,\n"),
        ("a.csv", "question,answer\rWho?,me\r"),
        ("a.csv", "question;answer;notes (date, author, place)\nWho?;me;x\n"),
        ("a.csv", "note,note,question,answer\nx,y,Who?,me\n"),
        ("a.csv", "question\tanswer\nWho?\tme\n".encode("utf-16")),
        ("a.tsv", "question\tanswer\nWho?\tme\n"),
        ("a.json", '[{"Question": "Who?", "answer": "me", "note": null}]'),
        ("a.json", '{"question": "Who?", "answer": "me"}'),
        ("a.jsonl", '{"question": "Who?", "answer": "me"}\n'),
        ("a.ndjson", '{"question": "Who?", "answer": "me"}\n'),
    ],
)
def test_every_form_of_a_table_is_read(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert read(tmp_path / name, content) == [(1, "Who?", "me")]


def test_a_cell_may_hold_separators_quotes_and_line_ends(tmp_path: Path) -> None:
    text = 'question;answer\r\n"Wer; wann,\r\nund ""wo""?";"der\nWörter"\r\n'
    assert read(tmp_path / "a.csv", text) == [(1, 'Wer; wann,\r\nund "wo"?', "der\nWörter")]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "question,answer,Answer\nWho?,me,you\n", "its header names answer 2 times"),
        ("a.csv", "question,answer\nWho?,me,you\n", "row 1: it has more cells than the header"),
        ("a.csv", "sep=;\n", "holds no rows"),
        ("a.csv", "question;answer\nWho?\n", "row 1: it has no answer"),
        ("a.csv", "frage;antwort\nWer?;ich\n", "row 1: it has no question"),
        ("a.csv", 'question,answer\n"Who?,me\n', "cannot be read: unexpected end"),
        ("a.csv", b"question,answer\nWho?,\xe9\n", "cannot be read: it is not UTF-8"),
        ("a.xlsx", b"PK\x03\x04", r"it is a workbook \(\.xlsx\): save the sheet as CSV"),
        ("a.json", '{"question": "Who?"', "cannot be read: it is not JSON"),
        ("a.jsonl", '{"question": "Who?", "answer": ["me"]}', "row 1: its answer is a list"),
    ],
)
def test_a_table_that_cannot_be_used_says_why_in_one_line(
    tmp_path: Path, name: str, content: str | bytes, words: str
) -> None:
    with pytest.raises(SetupError, match=words) as caught:
        read(tmp_path / name, content)
    assert str(tmp_path / name) in str(caught.value)
    assert "question and answer" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="No such file"):
        read_table(tmp_path / "a.csv", pair, names=NAMES, columns="question and answer")


def test_a_file_that_would_fill_the_memory_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # a hole: it takes no room on the disk
    with pytest.raises(ValueError, match="larger than 100 MiB: divide it"):
        read_text(path)
