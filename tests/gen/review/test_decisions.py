"""Decisions on rows: kept whatever happens, and applied without a leak between splits."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from lib.dataset import SPLITS, read_dataset
from lib.duplicates import conflicts
from lib.gen.review.decisions import (
    Decision,
    append_decision,
    in_force,
    read_decisions,
    review_path,
)
from lib.gen.review.figures import estimate
from lib.gen.review.review import ORDERS, Review
from lib.records import RaftExample
from lib.settings import SetupError
from tests.gen.dataset import make, write, written


@pytest.fixture
def folder(home_dir: Path) -> Path:
    return written()


@pytest.fixture
def rows(folder: Path) -> list[RaftExample]:
    return read_dataset(folder).examples()


def on(row: RaftExample, verdict: str, reviewer: str = "unnamed", **more: str) -> Decision:
    return Decision(row.id, verdict, "2026-01-01T00:00:00+00:00", reviewer, **more)


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


def after(folder: Path, *decisions: Decision) -> Review:
    """The review of a dataset on which this was decided."""
    for decision in decisions:
        append_decision(folder, decision)
    return Review(folder)


def states(review: Review) -> dict[str, str]:
    return {row_id: state for row_id, state in review.states.items() if state != "undecided"}


def test_the_last_decision_on_a_row_counts(folder: Path, rows: list[RaftExample]) -> None:
    review = after(folder, on(rows[0], "reject"), on(rows[0], "accept"))
    assert states(review) == {rows[0].id: "accepted"}
    assert review.summary() == ""


def test_undoing_brings_back_what_was_decided_before(rows: list[RaftExample]) -> None:
    a, b = rows[:2]
    said = [on(a, "reject"), on(b, "reject"), on(a, "accept")]
    assert in_force([*said, on(a, "undo")]) == said[:2]
    assert in_force([*said, on(a, "undo"), on(a, "undo")]) == [on(b, "reject")]
    assert in_force([on(a, "undo"), *said]) == said
    assert in_force([*said, on(a, "pick", "bob"), on(a, "undo")]) == [
        *said[:2],
        on(a, "pick", "bob"),
    ]


def test_decisions_on_unknown_rows_are_not_applied_but_listed(
    folder: Path, rows: list[RaftExample]
) -> None:
    review = after(folder, on(replace(rows[0], id="gone"), "reject"))
    assert states(review) == {}
    assert review.not_applied == ["row gone is not in the dataset"]


# --- what they do --------------------------------------------------------------------------------


@pytest.mark.parametrize("split", SPLITS)
def test_a_rejected_row_is_removed_from_its_split(
    folder: Path, rows: list[RaftExample], split: str
) -> None:
    row = next(row for row in rows if row.split == split)
    written = read_dataset(after(folder, on(row, "reject")).write())
    left = {other.id for other in rows if other != row}
    assert {other.id for other in written.examples()} == left
    assert [item.question_id for item in written.rejected if item.gate == "review"] == [row.id]


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
    folder: Path, rows: list[RaftExample]
) -> None:
    same = conflicts(make().chunks)
    picked = [first(rows), first(rows, split="valid")]
    moved = [replace(row, split="eval") if row in picked else row for row in rows]
    assert leaks(moved, same)  # without leaving rows out, the oracles would leak
    review = after(folder, *(on(row, "pick") for row in picked))
    left = read_dataset(review.write()).examples()
    assert not leaks(left, same)
    assert set(review.find(state="left out")) == {row_id for _, row_id in leaks(moved, same)}
    splits = {row.id: row.split for row in left}
    assert [splits[row.id] for row in picked] == ["eval", "eval"]
    assert review.summary().startswith("2 picked, ")
    # Nor a near duplicate of it.
    other = next(row for row in left if row.split == "train")
    review._same = {**review._same, picked[0].oracle.id: {other.context[0].id}}
    assert review._states({picked[0].id: "pick"})[other.id] == "left out"


def test_two_rows_on_one_chunk_can_both_be_picked(folder: Path, rows: list[RaftExample]) -> None:
    row = first(rows)
    twin = next(r for r in rows if r.oracle == row.oracle and r != row and r.kind == "oracle")
    review = after(folder, on(row, "pick"), on(twin, "pick"))
    assert review.find(state="picked") == sorted([row.id, twin.id], key=list(review.rows).index)


def test_rejecting_a_picked_row_brings_the_others_back(
    folder: Path, rows: list[RaftExample]
) -> None:
    review = after(folder, on(first(rows), "pick"), on(first(rows), "reject"))
    assert states(review) == {first(rows).id: "rejected"}


def test_a_row_that_shows_no_oracle_is_never_picked(folder: Path, rows: list[RaftExample]) -> None:
    review = after(folder, on(first(rows, kind="memorise"), "pick"))
    assert states(review) == {}
    assert "does not show its oracle" in review.not_applied[0]


def test_lines_of_an_older_version_are_read_without_their_edits(tmp_path: Path) -> None:
    line = '{"row_id":"a","row":"b","verdict":"accept","time":"","question":"Who?","answer":"I"}'
    review_path(tmp_path / "d").write_text(f"{line}\n")
    assert read_decisions(tmp_path / "d") == ([Decision("a", "accept", "")], 0)


# --- several reviewers ---------------------------------------------------------------------------


def test_a_rejection_wins_then_a_pick_whoever_was_last(
    folder: Path, rows: list[RaftExample]
) -> None:
    row = first(rows)
    given = [on(row, "accept", "ann"), on(row, "pick", "bob"), on(row, "reject", "cleo")]
    for count, state in ((1, "accepted"), (2, "picked"), (3, "rejected")):
        for decisions in permutations(given[:count]):
            review_path(folder).unlink(missing_ok=True)
            assert after(folder, *decisions).outcome[row.id] == state


def test_each_reviewer_has_states_of_their_own_and_undoes_their_own(
    folder: Path, rows: list[RaftExample]
) -> None:
    a, b = rows[:2]
    after(folder, on(a, "reject", "ann"), on(b, "accept", "bob"))
    ann, bob = Review(folder, "ann"), Review(folder, "bob")
    assert (states(ann), states(bob)) == ({a.id: "rejected"}, {b.id: "accepted"})
    assert ann.undo() == a.id
    bob.refresh()
    assert bob.summary() == ""
    with pytest.raises(SetupError, match="no decision to undo"):
        ann.undo()
    assert states(bob) == {b.id: "accepted"}


def test_nobody_sees_what_others_decided_before_they_have(
    folder: Path, rows: list[RaftExample]
) -> None:
    row = rows[0]
    after(folder, on(row, "reject", "ann", reason="wrong answer"))
    bob = Review(folder, "bob")
    assert not bob.others(row.id)
    assert not bob.find(state="differ")
    bob.decide(row.id, "accept")
    assert [d.reason for d in bob.others(row.id)] == ["wrong answer"]
    assert bob.find(state="differ") == [row.id]
    bob.decide(row.id, "reject")
    assert not bob.find(state="differ")


def test_a_line_without_a_reviewer_is_that_of_one_more(
    folder: Path, rows: list[RaftExample]
) -> None:
    row = rows[0]
    review_path(folder).write_text(f'{{"row_id":"{row.id}","verdict":"reject","time":""}}\n')
    ann = Review(folder, "ann")
    assert states(ann) == {}
    assert ann.outcome[row.id] == "rejected"
    ann.decide(row.id, "accept")
    assert [decision.reviewer for decision in ann.others(row.id)] == ["unnamed"]


def test_what_another_process_writes_is_read(folder: Path, rows: list[RaftExample]) -> None:
    here, there = Review(folder, "ann"), Review(folder, "ann")
    for row in rows[:5]:
        here.decide(row.id, "reject")
        there.refresh()
        there.decide(row.id, "reject", reason="ä\u2028")
        here.refresh()
        assert here.decisions == there.decisions == read_decisions(folder)[0]
    review_path(folder).unlink()
    here.refresh()
    assert states(here) == {}


# --- two tabs ------------------------------------------------------------------------------------


def test_a_tab_that_shows_an_older_state_overwrites_nothing(
    folder: Path, rows: list[RaftExample]
) -> None:
    review, row = Review(folder, "ann"), rows[0]
    seen = review.versions[row.id]
    review.decide(row.id, "accept", version=seen)
    with pytest.raises(SetupError, match="another tab meanwhile: it is accepted"):
        review.decide(row.id, "reject", version=seen)
    assert review.states[row.id] == "accepted"
    review.decide(row.id, "reject", version=review.versions[row.id])
    review.undo()
    with pytest.raises(SetupError, match="it is accepted"):
        review.decide(row.id, "reject", version=seen)


# --- reasons -------------------------------------------------------------------------------------


def test_reasons_are_applied_without_names_in_one_order(
    folder: Path, rows: list[RaftExample]
) -> None:
    row = rows[0]
    decisions = [
        on(row, "reject", "ann", reason="wrong answer"),
        on(row, "reject", "bob"),
        on(row, "reject", "cid", reason="not useful"),
    ]
    made = set()
    for one in permutations(decisions):
        review_path(folder).unlink(missing_ok=True)
        made.add(after(folder, *one).write())
    assert len(made) == 1
    said = [item.reason for item in read_dataset(made.pop()).rejected if item.gate == "review"]
    assert said == ["rejected by a reviewer: wrong answer; not useful"]


# --- order, search, sample -----------------------------------------------------------------------


def test_a_sample_is_drawn_once_without_replacement(folder: Path, rows: list[RaftExample]) -> None:
    ids = {row.id for row in rows}
    small, large = Review(folder, sample=10), Review(folder, sample=30)
    assert len(small.rows) == 10
    assert set(small.rows) < set(large.rows) <= ids
    assert set(Review(folder, sample=10).rows) == set(small.rows)
    assert set(Review(folder, sample=10, seed=2).rows) != set(small.rows)
    assert large.ordered("random")[:10] == small.ordered("random")
    assert set(Review(folder, sample=len(ids)).rows) == ids
    for wrong in (-1, len(ids) + 1):
        with pytest.raises(SetupError, match=f"--sample is {wrong}"):
            Review(folder, sample=wrong)


def test_a_sample_is_counted_and_the_dataset_still_written_whole(
    folder: Path, rows: list[RaftExample]
) -> None:
    review = Review(folder, "ann", sample=10)
    for row_id in review.find()[:3]:
        review.decide(row_id, "reject")
    said = f"Of 10 rows drawn at random from {len(rows)}, 3 rejected and 7 undecided: 95%"
    assert estimate(review).startswith(said)
    assert len(read_dataset(review.write()).examples()) == len(rows) - 3


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_shows_every_row_once_and_is_walked_to_its_end(
    folder: Path, rows: list[RaftExample], order: str
) -> None:
    review = Review(folder)
    found = review.find(order=order)
    assert sorted(found) == sorted(row.id for row in rows)
    walked = [found[0]]
    while (following := review.step(walked[-1], found, 1, order)) != walked[-1]:
        walked.append(following)
    assert walked == found
    assert review.step(found[5], found, -1, order) == found[4]


def test_a_search_looks_at_question_label_oracle_and_id(
    folder: Path, rows: list[RaftExample]
) -> None:
    review, row = Review(folder, "ann"), first(rows)
    for text in (row.id, row.question.text.upper(), row.label[:60], row.oracle.text[20:60]):
        found = review.find(search=text)
        assert row.id in found
        assert len(found) < len(rows) / 4
    assert review.find(search="zebra") == []
    assert review.find(search=f"  {row.id.upper()} ") == [row.id]
    assert review.find(search=row.id, kind="refuse") == []
