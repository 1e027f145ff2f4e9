"""The labelled questions for retrieval: each one's quote stands once in the document it names.

A line of `benchmarks/retrieval_data/<language>.jsonl`:

    {"question": "tiền cọc bao giờ lấy về được", "document": "vi/thu-vien-ha-tram.md",
     "quote": "Tiền thế chân được hoàn lại khi trả thẻ, …", "kind": "synonym"}

A document is a file of sample_data or of a folder beside the questions, as our readers give it. A
question typed without its diacritics says so: `"typed": "no diacritics"`.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path
from statistics import fmean

import pytest

from lib.settings import PROJECT_DIR
from lib.text import normalise, words
from tests.reading.load import load

FOLDER = PROJECT_DIR / "benchmarks" / "retrieval_data"
PATHS = sorted(FOLDER.glob("*.jsonl"))
FIELDS = {"question", "document", "quote", "kind"}
REWORDED = {"paraphrase", "synonym"}
KINDS = REWORDED | {"name", "number"}

Rows = list[dict[str, str]]


@pytest.fixture(scope="module", params=PATHS, ids=lambda path: path.stem)
def rows(request: pytest.FixtureRequest) -> Rows:
    return read_rows(request.param)


def read_rows(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@cache
def texts(folder: str) -> dict[str, str]:
    """Name, as the questions give it → text of each document in sample_data or vi."""
    path = PROJECT_DIR / folder if folder == "sample_data" else FOLDER / folder
    loaded = load(path)
    assert not loaded.skipped
    return {f"{folder}/{document.id}": document.text for document in loaded.documents}


def documents_of(rows: Rows) -> dict[str, str]:
    folders = {row["document"].partition("/")[0] for row in rows}
    return {name: text for folder in folders for name, text in texts(folder).items()}


def test_a_line_has_the_known_fields_and_kinds(rows: Rows) -> None:
    for row in rows:
        assert FIELDS <= set(row) <= FIELDS | {"typed"}, row
        assert row["kind"] in KINDS, row
        assert row.get("typed", "no diacritics") == "no diacritics", row
        assert all(value == value.strip() and value for value in row.values()), row
        assert all(unicodedata.is_normalized("NFC", value) for value in row.values()), row


def test_a_quote_is_verbatim_once_in_its_document_and_in_no_other(rows: Rows) -> None:
    documents = documents_of(rows)
    for row in rows:
        assert row["document"] in documents, row
        places = {name: text.count(row["quote"]) for name, text in documents.items()}
        assert {name: n for name, n in places.items() if n} == {row["document"]: 1}, row


def test_questions_are_unique_and_enough_of_each_kind(rows: Rows) -> None:
    asked = Counter(normalise(row["question"]) for row in rows)
    assert not [question for question, count in asked.items() if count > 1]
    assert len(rows) >= 150
    kinds = Counter(row["kind"] for row in rows)
    assert min(kinds[kind] for kind in KINDS) >= 20, kinds


def test_reworded_questions_share_fewer_words_with_their_quotes(rows: Rows) -> None:
    def mean_share(kinds: set[str]) -> float:
        return fmean(shared_words(row) for row in rows if row["kind"] in kinds)

    assert mean_share(REWORDED) < mean_share(KINDS - REWORDED) / 2


def shared_words(row: dict[str, str]) -> float:
    """The share of the question's words that the quote has too, 0–1."""
    asked = words(row["question"])
    return sum(word in set(words(row["quote"])) for word in asked) / len(asked)


def test_the_vietnamese_corpus() -> None:
    rows, documents = read_rows(FOLDER / "vi.jsonl"), texts("vi")
    assert {row["document"] for row in rows} == set(documents)
    assert 7_500 <= sum(len(text.split()) for text in documents.values()) <= 9_500
    for path in (FOLDER / "vi").iterdir():
        assert unicodedata.is_normalized("NFC", path.read_text(encoding="utf-8")), path.name
    for row in rows:  # Vietnamese of any length has letters that ASCII lacks
        assert row["question"].isascii() == ("typed" in row), row
