from __future__ import annotations

from typing import Any

import pytest

from lib.dataset import hf_row
from lib.duplicates import conflicts
from lib.gen.formats.convert import Converted, Source, convert_rows
from lib.text import normalise as folded_words
from tests.gen.dataset import Made, make, source_of
from tests.gen.published import DOCUMENTS, published_row, stripped

Row = dict[str, Any]


@pytest.fixture(scope="module")
def made() -> Made:
    return make()


def triplets(rows: list[Row]) -> Converted:
    return convert_rows(Source({"train": rows}), to="triplets")


def of_one(row: Row) -> tuple[list[Row], list[str]]:
    found = triplets([row])
    mine = [t for t in found.rows["train"] if t["query"] == row["question"]]
    return mine, [item.reason for item in found.left_out if item.row_id == row["id"]]


def with_distractor(row: Row, text: str) -> Row:
    """The row with another document in the place of its last distractor."""
    texts = [t for t in row["context"]["sentences"][0] if t != row["oracle_context"]][:-1]
    texts += [text, row["oracle_context"]]
    return row | {"context": {"sentences": [texts], "title": [["x"] * len(texts)]}}


def test_each_distractor_of_a_row_is_a_negative_once(made: Made) -> None:
    found = convert_rows(source_of(made.built.examples, []), to="triplets")
    assert found.left_out == []
    for split, rows in found.rows.items():
        examples = [e for e in made.built.examples if e.split == split]
        expected = {
            (e.question.text, e.oracle.text, chunk.text)
            for e in examples
            for chunk in e.context
            if chunk != e.oracle
        }
        assert {tuple(row.values()) for row in rows} == expected
        assert len(rows) == len(expected)


def test_no_column_but_the_three_that_are_trained_on(made: Made) -> None:
    found = convert_rows(source_of(made.built.examples, []), to="triplets")
    assert {tuple(row) for rows in found.rows.values() for row in rows} == {
        ("query", "positive", "negative")
    }


def test_no_negative_holds_the_answer_or_counts_as_the_same_as_the_oracle(made: Made) -> None:
    same = conflicts(made.chunks)
    ids = {chunk.text: chunk.id for chunk in made.chunks}
    answers = {e.question.text: e.question.answer for e in made.built.examples}
    found = convert_rows(source_of(made.built.examples, []), to="triplets")
    for row in found.rows["train"]:
        negative = f" {folded_words(row['negative'])} "
        assert f" {folded_words(answers[row['query']])} " not in negative
        assert ids[row["negative"]] not in same[ids[row["positive"]]] | {ids[row["positive"]]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Nobody recalls what FELL, on the roof.", "a distractor that holds the answer"),
        (
            DOCUMENTS[0].replace("fell on", "drops upon").replace("at noon", "at one"),
            "a distractor that is a near duplicate of the oracle",
        ),
    ],
)
def test_what_the_guard_turns_down_is_counted(text: str, reason: str) -> None:
    row = with_distractor(published_row(0), text)
    found, reasons = of_one(row)
    shown = set(row["context"]["sentences"][0])
    assert {t["negative"] for t in found} == shown - {DOCUMENTS[0], text}
    assert reasons == [reason]


def test_a_document_that_is_shown_twice_is_one_negative() -> None:
    row = with_distractor(published_row(0), DOCUMENTS[1])
    found, reasons = of_one(row)
    assert sorted(t["negative"] for t in found) == sorted([DOCUMENTS[1], DOCUMENTS[2]])
    assert reasons == []


def test_rows_without_an_answer_or_a_distractor_are_counted() -> None:
    alone = {"sentences": [[DOCUMENTS[0]]], "title": [["x"]]}
    assert of_one(published_row(0, context=alone)) == ([], ["no distractor"])
    assert of_one(published_row(0, cot_answer="Three days.")) == (
        [],
        ["no final answer to compare with"],
    )


def test_another_tools_rows_give_the_same_triplets(made: Made) -> None:
    rows = [hf_row(example) for example in made.built.examples if example.split == "train"]
    ours = triplets(rows).rows
    theirs = triplets([stripped(row) for row in rows])
    refused = {row["id"] for row in rows if row["kind"] == "refuse"}
    asked = {row["question"] for row in rows if row["kind"] != "refuse"}
    assert theirs.rows["train"] == [t for t in ours["train"] if t["query"] in asked]
    assert {item.row_id for item in theirs.left_out} == refused
