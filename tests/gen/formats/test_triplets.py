from __future__ import annotations

from typing import Any

import pytest

from lib.dataset import hf_row
from lib.duplicates import conflicts
from lib.gen.formats.convert import convert_rows
from lib.gen.formats.triplets import NO_ANSWER, NO_DISTRACTOR, retriever_triplets
from lib.text import normalise as folded_words
from tests.gen.dataset import Made, make, source_of
from tests.gen.published import DOCUMENTS, published_row, stripped

Row = dict[str, Any]


@pytest.fixture(scope="module")
def made() -> Made:
    return make()


def of_one(row: Row, *others: Row) -> tuple[list[Row], list[str]]:
    found = retriever_triplets({"train": [row, *others]})
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


def test_the_sources_say_row_by_row_where_the_texts_stand(made: Made) -> None:
    found = convert_rows(source_of(made.built.examples, []), to="triplets")
    texts = {document.id: document.text for document in made.documents}
    rows = [(split, row) for split, of_split in found.rows.items() for row in of_split]
    for (split, row), source in zip(rows, found.sources, strict=True):
        assert source["split"] == split
        for side in ("positive", "negative"):
            place = source[side]
            assert row[side] == texts[place["document"]][place["start"] : place["end"]]


def test_the_hardest_negative_comes_first() -> None:
    row = published_row(0, question="Who shut the gate of the pier, and is the keeper there?")
    (first, *rest), _ = of_one(row)
    assert first["negative"] == DOCUMENTS[1]  # it alone speaks of a keeper
    assert rest
    ranks = [source["bm25_rank"] for source in retriever_triplets({"train": [row]}).sources]
    known = [rank for rank in ranks if rank is not None]
    assert known == sorted(known)
    assert ranks[: len(known)] == known


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Nobody recalls what FELL, on the roof.", "a distractor that holds the answer"),
        (
            DOCUMENTS[0].replace("fell on", "drops upon").replace("at noon", "at one"),
            "a distractor that counts as the same as the oracle",
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
    assert reasons == ["a distractor that is in it twice"]


def test_rows_without_an_answer_or_a_distractor_are_counted() -> None:
    alone = {"sentences": [[DOCUMENTS[0]]], "title": [["x"]]}
    assert of_one(published_row(0, context=alone)) == ([], [NO_DISTRACTOR])
    assert of_one(published_row(0, cot_answer="Three days.")) == ([], [NO_ANSWER])


def test_rows_with_the_same_id_keep_their_own_neighbours() -> None:
    questions = ["Who rings the brass bell?", "When does the ferry leave?", "Who keeps goats?"]
    rows = [published_row(number, question=text) for number, text in enumerate(questions)]
    ranks, ranks_of_same = (
        [source["bm25_rank"] for source in retriever_triplets({"train": listed}).sources]
        for listed in (rows, [row | {"id": "x"} for row in rows])
    )
    assert ranks == ranks_of_same
    assert len({tuple(ranks[start : start + 3]) for start in (0, 3, 6)}) > 1


def test_another_tools_rows_give_the_same_triplets(made: Made) -> None:
    rows = [hf_row(example) for example in made.built.examples if example.split == "train"]
    ours = retriever_triplets({"train": rows}).rows
    theirs = retriever_triplets({"train": [stripped(row) for row in rows]})
    refused = {row["id"] for row in rows if row["kind"] == "refuse"}
    asked = {row["question"] for row in rows if row["kind"] != "refuse"}
    assert theirs.rows["train"] == [t for t in ours["train"] if t["query"] in asked]
    assert {item.row_id for item in theirs.left_out} == refused
