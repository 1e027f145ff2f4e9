"""A dataset under review: its rows, the decisions on them, and the dataset that these leave."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from lib.dataset import read_dataset, write_reviewed
from lib.duplicates import conflicts
from lib.gen.review.decisions import Decision, append_decision, in_force, read_decisions
from lib.records import RaftExample, Rejected
from lib.settings import SetupError, home, portable, read_state, save_state

STATUSES = ("undecided", "accepted", "rejected", "picked", "left out")
_STATUS_OF = {"accept": "accepted", "reject": "rejected", "pick": "picked"}
_REJECTED = "rejected by a reviewer"
_LEFT_OUT = "one of its documents holds what a picked evaluation row asks about"


class Rows:
    """A dataset's rows of every split, as its files hold them."""

    def __init__(self, examples: Iterable[RaftExample]) -> None:
        self.by_id = {example.id: example for example in examples}

    def conflicting(self, row_id: str) -> list[str]:
        """The training and validation rows that cannot stay if this row becomes an evaluation row:
        its oracle, or a near duplicate of it, is their oracle or one of their distractors."""
        oracle = self.by_id[row_id].oracle.id
        held = {row for c in (oracle, *self._same[oracle]) for row in self._rows_of_chunk[c]}
        return sorted(row for row in held - {row_id} if self.by_id[row].split != "eval")

    @cached_property
    def _rows_of_chunk(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for row_id, example in self.by_id.items():
            for chunk in (example.oracle, *example.context):
                found[chunk.id].add(row_id)
        return found

    @cached_property
    def _same(self) -> dict[str, set[str]]:
        rows = self.by_id.values()
        chunks = {chunk.id: chunk for row in rows for chunk in (row.oracle, *row.context)}
        return conflicts(list(chunks.values()))


@dataclass(frozen=True)
class Outcome:
    """A dataset's rows after its review."""

    decided: dict[str, Decision]  # row id → the decision that counts
    examples: list[RaftExample] = field(default_factory=list)  # of every split
    rejected: list[RaftExample] = field(default_factory=list)
    left_out: list[RaftExample] = field(default_factory=list)  # because of picked rows
    not_applied: list[str] = field(default_factory=list)  # what is wrong with a decision

    def summary(self) -> str:
        """`3 rejected, 1 picked for evaluation, 12 left out because of them`; "" = no change"""
        picked = sum(decision.verdict == "pick" for decision in self.decided.values())
        counts = {
            "rejected": len(self.rejected),
            "picked for evaluation": picked,
            "left out because of them": len(self.left_out),
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def apply_decisions(rows: Rows, decisions: Sequence[Decision]) -> Outcome:
    """The rows of every split as the decisions leave them."""
    decided, not_applied = {}, []
    for row_id, decision in {d.row_id: d for d in in_force(decisions)}.items():
        if row_id not in rows.by_id:
            not_applied.append(f"row {row_id} is not in the dataset")
        elif decision.verdict == "pick" and rows.by_id[row_id].kind != "oracle":
            not_applied.append(f"row {row_id} does not show its oracle, as evaluation rows do")
        else:
            decided[row_id] = decision
    outcome = Outcome(decided, not_applied=not_applied)
    picked = {row_id for row_id, decision in decided.items() if decision.verdict == "pick"}
    conflicting = {other for row_id in picked for other in rows.conflicting(row_id)} - picked
    for row_id, example in rows.by_id.items():
        if row_id in decided and decided[row_id].verdict == "reject":
            outcome.rejected.append(example)
        elif row_id in conflicting:
            outcome.left_out.append(example)
        else:
            moved = replace(example, split="eval") if row_id in picked else example
            outcome.examples.append(moved)
    return outcome


class Review:
    """The rows of a dataset and the decisions on them, shared by the pages that are open on them.

    Raises:
        SetupError: the folder is not a dataset, or has no rows.
    """

    def __init__(self, dataset_dir: Path) -> None:
        self.dataset = read_dataset(dataset_dir)
        self.dataset_dir = self.dataset.folder
        self.rows = Rows(self.dataset.examples())
        if not self.rows.by_id:
            raise SetupError(f"{portable(self.dataset_dir)} has no rows. Run 1_gen.ipynb again.")
        self.decisions, self.unreadable = read_decisions(self.dataset_dir)
        self._lock = threading.Lock()
        self._apply()

    def _apply(self) -> None:
        self.outcome = apply_decisions(self.rows, self.decisions)
        self._left_out = {row.id for row in self.outcome.left_out}

    # --- looking ---------------------------------------------------------------------------------

    def statuses(self, row_id: str) -> set[str]:
        """Which of STATUSES a row has."""
        decision = self.outcome.decided.get(row_id)
        found = {_STATUS_OF[decision.verdict] if decision else "undecided"}
        return found | ({"left out"} if row_id in self._left_out else set())

    def find(self, *, split: str = "all", kind: str = "all", status: str = "all") -> list[str]:
        """The ids of the rows that pass, in the order of the dataset; `split` as it was written."""
        return [
            row_id
            for row_id, row in self.rows.by_id.items()
            if split in ("all", row.split)
            and kind in ("all", row.kind)
            and (status == "all" or status in self.statuses(row_id))
        ]

    def step(self, row_id: str, found: list[str], by: int) -> str:
        """The next of the rows found (by = 1), or the one before (-1); at the end, the nearest."""
        order = {other: number for number, other in enumerate(self.rows.by_id)}
        here = order.get(row_id, -1)
        after = [other for other in found if order[other] > here]
        before = [other for other in reversed(found) if order[other] < here]
        ahead, behind = (after, before) if by > 0 else (before, after)
        return next(iter(ahead), row_id if row_id in found else next(iter(behind), ""))

    def cost_of_picking(self, row_id: str) -> Counter[str]:
        """How many rows of each split are left out when this one goes to the evaluation.

        Raises:
            SetupError: it cannot be an evaluation row.
        """
        self._check_pick(row_id)
        then = apply_decisions(self.rows, [*self.decisions, Decision(row_id, "pick", "")])
        return Counter(row.split for row in then.left_out if row.id not in self._left_out)

    # --- deciding --------------------------------------------------------------------------------

    def decide(self, row_id: str, verdict: str) -> None:
        """Accept a row, reject it, or pick it for the evaluation.

        Raises:
            SetupError: it cannot be an evaluation row, or nothing can be written.
        """
        if verdict == "pick":
            self._check_pick(row_id)
        self._add(row_id, verdict)

    def undo(self) -> str:
        """Take back the last decision; returns its row.

        Raises:
            SetupError: there is none.
        """
        own = [d for d in in_force(self.decisions) if d.row_id in self.outcome.decided]
        if not own:
            raise SetupError("There is no decision to undo.")
        self._add(own[-1].row_id, "undo")
        return own[-1].row_id

    def _check_pick(self, row_id: str) -> None:
        row = self.rows.by_id[row_id]
        if row.split == "eval":
            raise SetupError("This row is in the evaluation already.")
        if row.kind != "oracle":
            raise SetupError(
                f"A row of kind {row.kind} does not show its oracle, and evaluation rows do: pick "
                "one of kind oracle."
            )

    def _add(self, row_id: str, verdict: str) -> None:
        decision = Decision(row_id, verdict, datetime.now(UTC).isoformat(timespec="seconds"))
        with self._lock:
            append_decision(self.dataset_dir, decision)
            self.decisions.append(decision)
            self._apply()

    # --- the reviewed dataset --------------------------------------------------------------------

    def write(self) -> Path:
        """Write the reviewed dataset; its run goes on with it if it had this one, or an earlier
        outcome of its review.

        Raises:
            SetupError: no decision changes a row.
        """
        outcome = self.outcome
        if not outcome.summary():
            raise SetupError("No decision changes a row, so there is nothing to write.")
        left_out = [
            Rejected(row.id, row.oracle.id, "review", reason, row.question.text, row.label)
            for rows, reason in ((outcome.rejected, _REJECTED), (outcome.left_out, _LEFT_OUT))
            for row in rows
        ]
        folder = write_reviewed(self.dataset, outcome.examples, left_out)
        run_name = self.dataset.name.rpartition("-")[0]
        current = home() / read_state(run_name).get("DATASET_DIR", "")
        if (current / "manifest.json").is_file():
            origin = read_dataset(current).manifest["made_of"].get("dataset")
            if self.dataset.name in (current.name, origin):
                save_state(run_name, DATASET_DIR=portable(folder))
        return folder
