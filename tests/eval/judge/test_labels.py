"""The file of human labels: read as people write it, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lib.eval.judge.audit import read_labels
from lib.settings import SetupError


def rows(count: int = 20) -> list[dict[str, Any]]:
    return [
        {"question": f"Q{i}?", "reference": "x, y", "answer": f"a{i}", "label": "yes"}
        for i in range(count)
    ]


def write(path: Path, records: list[dict[str, Any]], *, separator: str = ",") -> Path:
    if path.suffix == ".json":
        text = json.dumps(records)
    elif path.suffix == ".jsonl":
        text = "\n".join(map(json.dumps, records))
    else:
        names = list(records[0])
        cells = [names, *([str(record.get(name, "")) for name in names] for record in records)]
        text = "\n".join(separator.join(f'"{cell}"' for cell in line) for line in cells)
    path.write_text(text, encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("name", ["labels.csv", "labels.json", "labels.jsonl"])
def test_every_format_holds_the_same_rows(tmp_path: Path, name: str) -> None:
    given = [
        {**row, "label": label, "model": "student", "fluency": ""}
        for row, label in zip(rows(), ["Yes", "no", "TRUE", "0"] * 5, strict=True)
    ]
    read = read_labels(write(tmp_path / name, given))
    assert [row.correct for row in read] == [True, False, True, False] * 5
    assert [row.row for row in read] == list(range(1, 21))
    assert {row.reference for row in read} == {"x, y"}
    assert read[7].answer == "a7"
    numbers = [{**row, "label": 1.0} for row in rows()]  # as pandas writes them
    assert all(one.correct for one in read_labels(write(tmp_path / "n.json", numbers)))


def test_spreadsheets_of_other_languages_are_read(tmp_path: Path) -> None:
    given = [{name.upper(): value for name, value in row.items()} for row in rows()]
    assert len(read_labels(write(tmp_path / "labels.csv", given, separator=";"))) == 20


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"label": "perhaps"}, r"row 3: its label is 'perhaps', not yes or no"),
        ({"label": ""}, r"row 3: its label is '', not yes or no"),
        ({"reference": None}, r"row 3: it has no reference"),
        ({"answer": ["a"]}, r"row 3: its answer is a list"),
    ],
)
def test_a_row_that_lacks_something_is_named(
    tmp_path: Path, changed: dict[str, Any], complaint: str
) -> None:
    given = rows()
    given[2] |= changed
    with pytest.raises(SetupError, match=complaint) as error:
        read_labels(write(tmp_path / "labels.json", given))
    assert "\n" not in str(error.value)


def test_fewer_than_twenty_say_nothing(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"holds 19 labelled answers.*needs 20 or more"):
        read_labels(write(tmp_path / "labels.csv", rows(19)))
    assert len(read_labels(write(tmp_path / "labels.csv", rows(20)))) == 20


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        read_labels(tmp_path / "none.csv")
    for name, text in (("a.json", "{}"), ("b.jsonl", "{"), ("c.json", "[1")):
        (tmp_path / name).write_text(text)
        problem = "cannot be read|row 1: it (has no|is not)"
        with pytest.raises(SetupError, match=rf"({problem}).*question, reference, answer, label"):
            read_labels(tmp_path / name)
    (tmp_path / "d.csv").write_bytes(b"question,answer\n\xff\xfe")
    with pytest.raises(SetupError, match="cannot be read"):
        read_labels(tmp_path / "d.csv")
    (tmp_path / "e.json").write_text(json.dumps([1] * 20))
    with pytest.raises(SetupError, match=r"row 1: it is a int.*17 more"):
        read_labels(tmp_path / "e.json")
