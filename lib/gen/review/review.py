"""A dataset under review: its rows, the decisions on them, and the dataset that these leave.

Decisions are kept in `<dataset>.review.jsonl` beside the folder, which a review does not change.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from lib.dataset import read_dataset, write_reviewed
from lib.duplicates import Conflicts, conflicts
from lib.records import Rejected
from lib.settings import SetupError, home, portable
from lib.state import read_state, save_state

STATES = ("undecided", "accepted", "rejected", "picked", "left out")
_STATE_OF = {"accept": "accepted", "reject": "rejected", "pick": "picked"}
_VERDICTS = (*_STATE_OF, "undo")
_REASONS = {  # states of rows that the reviewed dataset does not have
    "rejected": "rejected by a reviewer",
    "left out": "one of its documents holds what a picked evaluation row asks about",
}


@dataclass(frozen=True)
class Decision:
    """One line of a review file."""

    row_id: str
    verdict: str  # accept, reject, pick = move to the evaluation, undo = take the last one back
    time: str  # UTC


def review_path(dataset_dir: str | Path) -> Path:
    folder = Path(dataset_dir).resolve()
    return folder.with_name(f"{folder.name}.review.jsonl")


def read_decisions(dataset_dir: str | Path) -> tuple[list[Decision], int]:
    """All decisions in their order, and the number of lines that cannot be read."""
    path = review_path(dataset_dir)
    # A power cut may leave broken bytes: the lines around them must stay readable.
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    lines = [line for line in text.split("\n") if line]
    decisions = [decision for line in lines if (decision := _parse(line))]
    return decisions, len(lines) - len(decisions)


def _parse(line: str) -> Decision | None:
    """`{"row_id": "a.pdf#0?1", "verdict": "accept", "time": "2026-…"}`"""
    try:
        row = json.loads(line)
        decision = Decision(row["row_id"], row["verdict"], row["time"])
    except (ValueError, TypeError, KeyError):
        return None
    is_text = all(isinstance(value, str) for value in asdict(decision).values())
    return decision if is_text and decision.verdict in _VERDICTS else None


def append_decision(dataset_dir: str | Path, decision: Decision) -> None:
    """Add one line, on the disk before this returns; a line is never changed."""
    path = review_path(dataset_dir)
    line = json.dumps(asdict(decision), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    try:
        with path.open("a+b", buffering=0) as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                # A line that was cut short must not spoil this one.
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            os.fsync(file.fileno())
    except OSError as error:
        raise SetupError(
            f"Not saved: {portable(path)} cannot be written ({error.strerror}). Free some space or "
            "change its permissions, then decide again."
        ) from error


def in_force(decisions: Iterable[Decision]) -> list[Decision]:
    """The decisions that were not undone, in their order; a row's last one counts."""
    kept: list[Decision] = []
    for decision in decisions:
        if decision.verdict != "undo":
            kept.append(decision)
        elif last := [i for i, other in enumerate(kept) if other.row_id == decision.row_id]:
            del kept[last[-1]]
    return kept


class Review:
    """The rows of a dataset and the decisions on them, shared by all open pages."""

    def __init__(self, dataset_dir: Path) -> None:
        self.dataset = read_dataset(dataset_dir)
        self.rows = {row.id: row for row in self.dataset.examples()}
        if not self.rows:
            raise SetupError(f"{portable(dataset_dir)} has no rows. Run 1_gen.ipynb again.")
        self.decisions, self.unreadable = read_decisions(dataset_dir)
        self._lock = threading.Lock()
        self._apply()

    def _apply(self) -> None:
        """Find the state of each row, and the decisions that cannot be applied."""
        self.states = dict.fromkeys(self.rows, "undecided")  # row id → one of STATES
        self.not_applied: list[str] = []  # decisions, each with its mistake
        for row_id, decision in {d.row_id: d for d in in_force(self.decisions)}.items():
            if row_id not in self.rows:
                self.not_applied.append(f"row {row_id} is not in the dataset")
            elif decision.verdict == "pick" and self.rows[row_id].kind != "oracle":
                self.not_applied.append(f"row {row_id} does not show its oracle")
            else:
                self.states[row_id] = _STATE_OF[decision.verdict]
        picked = [self.rows[row_id].oracle.id for row_id in self.find(state="picked")]
        asked = {chunk_id for oracle in picked for chunk_id in (oracle, *self._same[oracle])}
        for row_id, row in self.rows.items():
            shown = {row.oracle.id, *(chunk.id for chunk in row.context)}
            stays = row.split == "eval" or self.states[row_id] in ("picked", "rejected")
            if not stays and shown & asked:
                self.states[row_id] = "left out"

    @cached_property
    def _same(self) -> Conflicts:
        return conflicts(self.dataset.chunks)

    def find(self, *, kind: str = "all", state: str = "all") -> list[str]:
        """The ids of the rows of this kind and state, in the order of the dataset."""
        return [
            row_id
            for row_id, row in self.rows.items()
            if kind in ("all", row.kind) and state in ("all", self.states[row_id])
        ]

    def step(self, row_id: str, found: list[str], by: int) -> str:
        """The next of the rows found (by = 1), or the one before (-1); at the end, the nearest."""
        order = {other: number for number, other in enumerate(self.rows)}
        here = order.get(row_id, -1)
        after = [other for other in found if order[other] > here]
        before = [other for other in reversed(found) if order[other] < here]
        ahead, behind = (after, before) if by > 0 else (before, after)
        return next(iter(ahead), row_id if row_id in found else next(iter(behind), ""))

    def decide(self, row_id: str, verdict: str) -> None:
        """Accept a row, reject it, or pick it for the evaluation."""
        row = self.rows[row_id]
        if verdict == "pick" and row.split == "eval":
            raise SetupError("This row is in the evaluation already.")
        if verdict == "pick" and row.kind != "oracle":
            raise SetupError(
                f"A row of kind {row.kind} does not show its oracle, and evaluation rows do: pick "
                "one of kind oracle."
            )
        self._add(row_id, verdict)

    def undo(self) -> str:
        """Take back the last decision; returns its row."""
        own = [decision for decision in in_force(self.decisions) if decision.row_id in self.rows]
        if not own:
            raise SetupError("There is no decision to undo.")
        self._add(own[-1].row_id, "undo")
        return own[-1].row_id

    def _add(self, row_id: str, verdict: str) -> None:
        decision = Decision(row_id, verdict, datetime.now(UTC).isoformat(timespec="seconds"))
        with self._lock:
            append_decision(self.dataset.folder, decision)
            self.decisions.append(decision)
            self._apply()

    def summary(self) -> str:
        """`3 rejected, 1 picked, 12 left out`; "" = no decision changes a row"""
        counts = Counter(self.states.values())
        changing = ("rejected", "picked", "left out")
        return ", ".join(f"{counts[state]} {state}" for state in changing if counts[state])

    def write(self) -> Path:
        """Write the reviewed dataset: picked rows are in eval, and rejected rows are left out.

        Training and validation rows that show a picked row's oracle, or a near duplicate of it,
        are left out too. Its run goes on with the new folder if it had this dataset, or an earlier
        outcome of its review.
        """
        if not self.summary():
            raise SetupError("No decision changes a row, so there is nothing to write.")
        kept, left_out = [], []
        for row_id, row in self.rows.items():
            if reason := _REASONS.get(self.states[row_id]):
                said = reason, row.question.text, row.label
                left_out.append(Rejected(row_id, row.oracle.id, "review", *said))
            else:
                picked = self.states[row_id] == "picked"
                kept.append(replace(row, split="eval") if picked else row)
        folder = write_reviewed(self.dataset, kept, left_out)
        run_name = self.dataset.run_name
        current = home() / read_state(run_name).get("DATASET_DIR", "")
        if (current / "manifest.json").is_file():
            origin = read_dataset(current).manifest["made_of"].get("dataset")
            if self.dataset.name in (current.name, origin):
                save_state(run_name, DATASET_DIR=portable(folder))
        return folder
