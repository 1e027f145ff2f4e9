"""Tables as spreadsheets and people write them: read, or one line that says what to change."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pandas
import pytest

from lib.reading.tables import MAX_BYTES, read_table, read_text, text_value
from lib.settings import SetupError
from tests.reading.workbooks import Cell, write_xlsx

NAMES = ("question", "answer")
ROWS = [{"question": f"W{number}?", "answer": str(number), "note": ["x"]} for number in range(3)]


def pair(number: int, row: Mapping[str, Any]) -> tuple[int, str, str]:
    return number, text_value(row, "question"), text_value(row, "answer")


def read(path: Path, content: str | bytes = b"") -> list[tuple[int, str, str]]:
    if content or not path.exists():
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


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("above", ["Our questions\n", "Our questions,of 2026\n\n,\n"])
def test_a_header_may_be_below_titles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], above: str, mark: str
) -> None:
    text = above + "question,answer\nWho?,me\n"
    assert read(tmp_path / "a.csv", text.replace(",", mark)) == [(1, "Who?", "me")]
    assert "below “Our questions" in capsys.readouterr().out
    title: list[list[Cell]] = [["Our questions"], ["question", "answer"], ["Who?", "me"]]
    write_xlsx(tmp_path / "a.xlsx", {"A": title})
    assert read(tmp_path / "a.xlsx") == [(1, "Who?", "me")]


@pytest.mark.parametrize(
    "nested",
    [
        {"data": ROWS},
        {"Version": 1, "Data": [{"title": "a", "paragraphs": [{"context": "x", "qas": ROWS}]}]},
        {"data": [{"paragraphs": [{"qas": [row]}]} for row in ROWS] + [{"paragraphs": []}]},
        {f"id{number}": row for number, row in enumerate(ROWS)},
        {"Boats": ROWS[:1], "Piers": ROWS[1:]},
        [{"qas": ROWS[:2]}, {"qas": ROWS[2:]}],
        {"more": ROWS[:1], "id1": ROWS[1], "id2": ROWS[2]},
        {"features": [{"name": "question"}], "rows": [{"at": 1, "row": row} for row in ROWS]},
        [{"inputs": {"Question": r["question"]}, "outputs": {"answer": r["answer"]}} for r in ROWS],
        [
            {"question": {"question": r["question"]}, "answer": {"answer": r["answer"]}}
            for r in ROWS
        ],
    ],
)
def test_rows_may_be_within_objects(tmp_path: Path, nested: Any) -> None:
    wanted = [(number + 1, f"W{number}?", str(number)) for number in range(3)]
    assert read(tmp_path / "a.json", json.dumps(nested)) == wanted
    if isinstance(nested, list):  # also as texts in the cells of a CSV
        texts: list[dict[str, str]] = [
            {name: json.dumps(value) for name, value in row.items()} for row in nested
        ]
        pandas.DataFrame(texts).to_csv(tmp_path / "a.csv")
        if "question" in nested[0]:
            assert read(tmp_path / "a.csv") == wanted


def test_parquet_is_read(tmp_path: Path) -> None:
    pandas.DataFrame(ROWS).to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == [(n + 1, f"W{n}?", str(n)) for n in range(3)]
    with pytest.raises(SetupError, match="cannot be read"):
        read(tmp_path / "b.parquet", "question,answer\n")


def test_a_cell_may_hold_a_whole_document(tmp_path: Path) -> None:
    text = "A pier. " * 100_000
    assert read(tmp_path / "a.csv", f'question,answer\nWho?,"{text}"\n') == [
        (1, "Who?", text.strip())
    ]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "question,answer,Answer\nWho?,me,you\n", "its header names answer 2 times"),
        ("a.csv", "question,answer\nWho?,me,you\n", "row 1: it has more cells than the header"),
        ("a.csv", "sep=;\n", "holds no rows"),
        ("a.csv", "question;answer\nWho?\n", "row 1: it has no answer"),
        ("a.csv", 'question,answer\n"Who?,me\n', "cannot be read: line 2: unexpected end"),
        ("a.csv", 'question,answer\nWhy?,so\n"Who?"?,me\n', "line 3: .*write each quote twice"),
        ("a.csv", "Frage;Antwort\nWer?;ich\n", "names no such column, but “frage, antwort”"),
        ("a.csv", "Frage;Antwort\nquestion;x\n", "but “frage, antwort”"),
        ("a.json", '{"prompt": "Who?", "output": "me"}', r"Row 1 has prompt, output\."),
        ("a.json", '{"qas": [{"question": "W", "answer": "x"}, {"answer": "x"}]}', "row 2: it has"),
        ("a.json", '{"qas": [{"question": "W", "answer": "x"}, 7]}', "it is a int, not an object"),
        ("a.json", json.dumps({"train": ROWS, "test": ROWS}), "it holds train and test: leave"),
        ("a.json", '{"a":' * 80 + "1" + "}" * 80, "row 1: it has no question"),
        (
            "a.csv",
            b"question,answer\nWho?,charset=latin1 \xe9\n",
            "cannot be read: it is not UTF-8",
        ),
        ("a.csv", "question,answer\nWho?,me".encode("utf-16")[:-1], "cannot be read: it is not"),
        ("a.xlsx", b"PK\x03\x04", "it is damaged, has a password or is not a workbook"),
        ("a.xlsx", "question,answer\n", r"Cannot detect file format\): save it as XLSX again"),
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


# --- workbooks -----------------------------------------------------------------------------------


def random_cell(rng: Random) -> tuple[Cell, str]:
    """A cell of a workbook, and the same in a CSV."""
    whole, day = rng.randint(-(10**9), 10**9), date(1950, 1, 1) + timedelta(rng.randrange(40_000))
    letters = "".join(rng.choices("aZ09 ,;\"'\n\t<&ở등🙂.-", k=rng.randint(0, 12)))
    yes = rng.random() < 0.5
    cells: list[tuple[Cell, str]] = [
        (letters, letters),
        (f"00{whole}", f"00{whole}"),
        (float(whole), str(whole)),
        (whole / 64, f"{whole / 64:.15g}"),
        (0.1 + 0.2, "0.3"),
        (day, day.isoformat()),
        (yes, "TRUE" if yes else "FALSE"),
        (None, ""),
    ]
    return rng.choice(cells)


@pytest.mark.parametrize("seed", range(6))
def test_a_workbook_gives_the_rows_of_its_csv(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)

    def read_all(path: Path) -> list[tuple[int, dict[str, Any]]]:
        return read_table(path, lambda n, row: (n, dict(row)), names=NAMES, columns="columns")

    header = ["Question", "answer ", "note", "x,y"]
    rng.shuffle(header)
    table = [[random_cell(rng) for _ in header] for _ in range(40)]
    table[0] = [("<first>", "<first>")] * len(header)  # never empty
    for row in rng.sample(table[1:], 5):
        row[:] = [(None, "")] * len(header)
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *([text for _, text in row] for row in table)])
    rows: list[list[Cell]] = [[*header], *([cell for cell, _ in row] for row in table)]
    top, left = rng.randint(1, 4), rng.randint(0, 3)
    found = read_all(write_xlsx(tmp_path / "a.xlsx", {"One": rows}, top=top, left=left))
    assert found == read_all(tmp_path / "a.csv")
    assert len(found) > 30


def test_the_first_sheet_is_read_unless_another_has_the_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # the worker runs in another folder
    asked, other = [["question", "answer"], ["Who?", "me"]], [["question", "answer"], ["Who?", "x"]]

    def rows_of(sheets: Any, **options: Any) -> list[tuple[int, str, str]]:
        write_xlsx(tmp_path / "a.xlsx", sheets, **options)
        return read_table(Path("a.xlsx"), pair, names=NAMES, columns="question and answer")

    assert rows_of({"A": asked, "B": other}) == [(1, "Who?", "me")]
    assert "Not read, with the same columns: “B”" in capsys.readouterr().out
    assert rows_of({"H": other, "A": asked}, hidden=["H"]) == [(1, "Who?", "me")]
    assert capsys.readouterr().out == ""
    beside = [["question", "answer"], ["Who?", "me", None, "a note beside the table"]]
    assert rows_of({"Read me": [["question"]], "Ask": beside}) == [(1, "Who?", "me")]
    assert capsys.readouterr().out == "a.xlsx: read from its sheet “Ask”.\n"
    (tmp_path / "a.xlsx").rename(tmp_path / "a.ods")  # what it is counts, not what it is called
    assert len(read_table(Path("a.ods"), pair, names=NAMES, columns="question and answer")) == 1
    with pytest.raises(SetupError, match="it holds no rows"):
        rows_of({"A": [], "B": [[" "]]})


def test_a_workbook_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many cells of one long text; a cell far away."""
    long = f"<si><t>{'x' * 1_000_000}</t></si>"
    cells = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 300))
    far = "".join(f'<row><c r="{place}"><v>1</v></c></row>' for place in ("A1", "XFD1048576"))
    for sheet, strings, words in (
        (cells, long, "its cells are larger than 100 MiB: divide it"),
        (far, "", r"its reader crashed \(memory allocation of [0-9]+ bytes failed\)"),
    ):
        path = write_xlsx(tmp_path / "a.xlsx", {"A": sheet}, shared_strings=strings)
        assert path.stat().st_size < 100_000
        with pytest.raises(SetupError, match=words) as caught:
            read_table(path, pair, names=NAMES, columns="question and answer")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ('<c r="B2" s="2"><v>0.05</v></c>', "5%"),
        ('<c s="2" r="B2" t="n"><v>0.07</v></c>', "7%"),
        ('<c r="B2" s="3"><f>1/8</f><v>0.125</v></c>', "12.5%"),
        ('<c r="B2" s="2"><v>0.2857142857142857</v></c>', "29%"),
        ('<c r="B2" s="2" t="str"><v>a fifth</v></c>', "a fifth"),
        ('<c r="B2" s="0"><v>0.05</v></c>', "0.05"),
        ('<c r="B2" s="2"><v>1.2.3</v></c>', "1.2.3"),
        ('<c r="B2" s="5"><v>1018.5</v></c>', "1018.50"),
        ('<c r="B2" s="6"><v>18</v></c>', "18.0"),
        ('<c r="B2" s="7"><v>7</v></c>', "007"),
        ('<c r="B2" s="8"><v>3.14159</v></c>', "3.14"),
        ('<c r="B2" s="1"><v>46149</v></c>', "2026-05-07"),
        ('<c r="B2" s="99"><v>3.5</v></c>', "3.5"),
        ('<c r="B2" s="4"><v>0.4375</v></c>', "10:30"),
        ('<c r="B2" t="d"><v>2026-05-07T00:00:00</v></c>', "2026-05-07"),  # as pandas writes a day
        ('<c r="B2" t="d"><v>2026-05-07T10:30:00</v></c>', "2026-05-07 10:30"),
    ],
)
def test_a_cell_is_read_as_it_is_shown(tmp_path: Path, cell: str, shown: str) -> None:
    texts = [
        f'<c r="{place}" t="str"><v>{text}</v></c>'
        for place, text in (("A1", "question"), ("B1", "answer"), ("A2", "What share?"))
    ]
    rows = f'<row r="1">{texts[0]}{texts[1]}</row><row r="2">{texts[2]}{cell}</row>'
    path = write_xlsx(tmp_path / "a.xlsx", {"One": rows})
    found = read_table(path, pair, names=NAMES, columns="question and answer")
    assert found == [(1, "What share?", shown)]


def test_a_workbook_with_a_damaged_part_is_read_or_refused_at_once(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"One": [["question", "answer"], ["Who?", "me"]]})
    whole = path.read_bytes()
    for part, read_anyway in (("[Content_Types].xml", True), ("xl/styles.xml", False)):
        data = bytearray(whole)
        start = data.index(part.encode()) + len(part)
        data[start : start + 9] = b"\xff" * 9
        path.write_bytes(data)
        if read_anyway:
            assert read(path, bytes(data)) == [(1, "Who?", "me")]
        else:
            with pytest.raises(SetupError, match="not a workbook"):
                read(path, bytes(data))
    write_xlsx(path, {"One": "<c " * 100_000})
    with pytest.raises(SetupError, match="not a workbook"):
        read(path, path.read_bytes())


def test_sheets_of_the_same_columns_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[list[Cell]] = [["question", "answer"], ["Who?", "me"]]
    path = write_xlsx(tmp_path / "a.xlsx", {"North": rows, "South": rows, "Notes": [["x"], ["y"]]})
    assert len(read_table(path, pair, names=NAMES, columns="question and answer")) == 1
    said = "a.xlsx: read from its sheet “North”. Not read, with the same columns: “South”.\n"
    assert capsys.readouterr().out == said


def test_numbers_of_json_are_written_as_people_do(tmp_path: Path) -> None:
    """pandas makes a column with an empty cell one of floats."""
    rows = [{"question": "When?", "answer": number} for number in (1887.0, 1e5, 0.1, 42)]
    found = read(tmp_path / "a.json", json.dumps(rows))
    assert [answer for _, _, answer in found] == ["1887", "100000", "0.1", "42"]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_nan_is_no_answer(tmp_path: Path, name: str) -> None:
    """As pandas writes an empty cell."""
    with pytest.raises(SetupError, match="row 1: it has no answer"):
        read(tmp_path / name, '{"question": "Who?", "answer": NaN}')
