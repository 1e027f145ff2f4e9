"""Decisions on rows: kept whatever happens, and applied without a leak between splits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from lib.dataset import SPLITS
from lib.duplicates import conflicts
from lib.gen.review.decisions import (
    Decision,
    append_decision,
    in_force,
    read_decisions,
    review_path,
)
from lib.gen.review.review import Rows, apply_decisions
from lib.records import RaftExample
from lib.settings import SetupError
from tests.gen.dataset import make, write


@pytest.fixture
def rows(home_dir: Path) -> list[RaftExample]:
    return make().built.examples


def on(row: RaftExample, verdict: str) -> Decision:
    return Decision(row.id, verdict, "2026-01-01T00:00:00+00:00")


def first(rows: list[RaftExample], *, kind: str = "oracle", split: str = "train") -> RaftExample:
    return next(row for row in rows if (row.kind, row.split) == (kind, split))


# --- the file ------------------------------------------------------------------------------------


def test_decisions_come_back_in_their_order_and_the_dataset_is_not_touched(
    home_dir: Path,
) -> None:
    made = make()
    folder = write(made)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    a, b = made.built.examples[:2]
    decisions = [on(a, "accept"), on(b, "reject"), on(replace(a, id="ä\u2028"), "accept")]
    for decision in decisions:
        append_decision(folder, decision)
    assert read_decisions(folder) == (decisions, 0)
    assert review_path(folder).parent == folder.parent
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_torn_line_is_counted_and_spoils_no_other(
    rows: list[RaftExample], tmp_path: Path
) -> None:
    folder = tmp_path / "d"
    append_decision(folder, on(rows[0], "accept"))
    path = review_path(folder)
    path.write_bytes(path.read_bytes() + b'{"row_id": "x\xc3')
    append_decision(folder, on(rows[1], "reject"))
    assert read_decisions(folder) == ([on(rows[0], "accept"), on(rows[1], "reject")], 1)


@pytest.mark.parametrize(
    "line", ['{"a": 1}', "[]", "null", "{", '{"row_id":"a","verdict":"shout","time":""}']
)
def test_lines_that_are_no_decision_are_counted(tmp_path: Path, line: str) -> None:
    review_path(tmp_path / "d").write_text(f"{line}\n")
    assert read_decisions(tmp_path / "d") == ([], 1)


def test_a_file_that_cannot_be_written_says_so(rows: list[RaftExample], tmp_path: Path) -> None:
    review_path(tmp_path / "d").mkdir()
    with pytest.raises(SetupError, match=r"d\.review\.jsonl cannot be written"):
        append_decision(tmp_path / "d", on(rows[0], "accept"))


# --- which of them count -------------------------------------------------------------------------


def test_the_last_decision_on_a_row_counts(rows: list[RaftExample]) -> None:
    row = rows[0]
    outcome = apply_decisions(Rows(rows), [on(row, "reject"), on(row, "accept")])
    assert outcome.examples == rows
    assert outcome.decided == {row.id: on(row, "accept")}


def test_undoing_brings_back_what_was_decided_before(rows: list[RaftExample]) -> None:
    a, b = rows[:2]
    said = [on(a, "reject"), on(b, "reject"), on(a, "accept")]
    assert in_force([*said, on(a, "undo")]) == said[:2]
    assert in_force([*said, on(a, "undo"), on(a, "undo")]) == [on(b, "reject")]
    assert in_force([on(a, "undo"), *said]) == said


def test_decisions_on_unknown_rows_are_not_applied_but_listed(rows: list[RaftExample]) -> None:
    outcome = apply_decisions(Rows(rows), [on(replace(rows[0], id="gone"), "reject")])
    assert outcome.examples == rows
    assert outcome.not_applied == ["row gone is not in the dataset"]


# --- what they do --------------------------------------------------------------------------------


@pytest.mark.parametrize("split", SPLITS)
def test_a_rejected_row_is_removed_from_its_split(rows: list[RaftExample], split: str) -> None:
    row = next(row for row in rows if row.split == split)
    outcome = apply_decisions(Rows(rows), [on(row, "reject")])
    assert outcome.rejected == [row]
    assert outcome.examples == [example for example in rows if example != row]


def leaks(rows: list[RaftExample], same: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Evaluation and training (or validation) rows of which the second shows the first's oracle."""
    return [
        (asked.id, row.id)
        for asked in rows
        if asked.split == "eval"
        for row in rows
        if row.split != "eval"
        and {asked.oracle.id, *same[asked.oracle.id]} & {c.id for c in (row.oracle, *row.context)}
    ]


def test_a_picked_row_goes_to_the_evaluation_and_no_training_row_keeps_its_oracle(
    rows: list[RaftExample],
) -> None:
    same = conflicts(make().chunks)
    picked = [first(rows), first(rows, split="valid")]
    moved = [replace(row, split="eval") if row in picked else row for row in rows]
    assert leaks(moved, same)  # without leaving rows out, the oracles would leak
    outcome = apply_decisions(Rows(rows), [on(row, "pick") for row in picked])
    assert not leaks(outcome.examples, same)
    assert {row.id for row in outcome.left_out} == {row_id for _, row_id in leaks(moved, same)}
    splits = {row.id: row.split for row in outcome.examples}
    assert [splits[row.id] for row in picked] == ["eval", "eval"]
    assert "2 picked for evaluation" in outcome.summary()


def test_two_rows_on_one_chunk_can_both_be_picked(rows: list[RaftExample]) -> None:
    row = first(rows)
    twin = next(r for r in rows if r.oracle == row.oracle and r != row and r.kind == "oracle")
    outcome = apply_decisions(Rows(rows), [on(row, "pick"), on(twin, "pick")])
    assert {row.id, twin.id} <= {r.id for r in outcome.examples if r.split == "eval"}


def test_rejecting_a_picked_row_brings_the_others_back(rows: list[RaftExample]) -> None:
    row = first(rows)
    outcome = apply_decisions(Rows(rows), [on(row, "pick"), on(row, "reject")])
    assert outcome.examples == [other for other in rows if other != row]


def test_a_row_that_shows_no_oracle_is_never_picked(rows: list[RaftExample]) -> None:
    row = first(rows, kind="memorise")
    outcome = apply_decisions(Rows(rows), [on(row, "pick")])
    assert Counter(r.split for r in outcome.examples) == Counter(r.split for r in rows)
    assert "does not show its oracle" in outcome.not_applied[0]


def test_lines_of_an_older_version_are_read_without_their_edits(tmp_path: Path) -> None:
    line = '{"row_id":"a","row":"b","verdict":"accept","time":"","question":"Who?","answer":"I"}'
    review_path(tmp_path / "d").write_text(f"{line}\n")
    assert read_decisions(tmp_path / "d") == ([Decision("a", "accept", "")], 0)
