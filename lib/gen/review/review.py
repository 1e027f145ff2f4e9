"""A dataset under review: its rows, the decisions on them, and the dataset that these leave."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from random import Random

from lib.dataset import read_dataset, write_reviewed
from lib.duplicates import Conflicts, conflicts
from lib.gen.review.decisions import (
    VERDICTS,
    Decision,
    append_decision,
    in_force,
    read_decisions,
    review_path,
)
from lib.gen.review.suspicion import Suspicions, suspicions_of
from lib.records import RaftExample, Rejected
from lib.settings import SetupError, home, portable
from lib.state import read_state, save_state
from lib.text import one_line

STATES = ("undecided", "accepted", "rejected", "picked", "left out")
DIFFER = "differ"  # others rejected the row and the reviewer did not, or the other way round
ORDERS = ("dataset", "suspicious", "random")
STATE_OF = {"accept": "accepted", "reject": "rejected", "pick": "picked"}
_LEFT_OUT = "one of its documents holds what a picked evaluation row asks about"


class Review:
    """The rows of a dataset and the decisions on them, shared by all open pages of a reviewer; what
    others decide meanwhile, in processes of their own, `refresh` reads."""

    def __init__(
        self, dataset_dir: Path, reviewer: str = "unnamed", *, sample: int = 0, seed: int = 1
    ) -> None:
        self.dataset, self.reviewer, self.sample = read_dataset(dataset_dir), reviewer, sample
        self.all_rows = {row.id: row for row in self.dataset.examples()}
        count = len(self.all_rows)
        if not count:
            raise SetupError(f"{portable(dataset_dir)} has no rows. Run 1_gen.ipynb again.")
        if not 0 <= sample <= count:
            raise SetupError(
                f"--sample is {sample}, and the dataset has {count} rows. Give 1 to {count}."
            )
        # One draw for every size: a larger sample goes on where a smaller one ended.
        self._drawn = Random(seed).sample(list(self.all_rows), count)[: sample or None]
        in_sample = set(self._drawn)
        self.rows = {i: row for i, row in self.all_rows.items() if i in in_sample}  # that are shown
        self.lock = threading.RLock()
        self.read_to = -1  # bytes of the review file
        self.refresh()

    def refresh(self) -> None:
        """Read the decisions if some were written since: which count, and the rows' states."""
        path = review_path(self.dataset.folder)
        size = path.stat().st_size if path.exists() else 0
        if size == self.read_to:
            return
        self.read_to = size
        self.decisions, self.unreadable = read_decisions(self.dataset.folder)
        given: dict[str, dict[str, Decision]] = {}  # row id → reviewer → the verdict that counts
        for decision in in_force(self.decisions):
            given.setdefault(decision.row_id, {})[decision.reviewer] = decision
        of_reviewer = [d for d in self.decisions if d.reviewer == self.reviewer]
        self._undoable = [d for d in in_force(of_reviewer) if d.row_id in self.all_rows]
        self.not_applied: list[str] = []  # decisions, each with its mistake
        self.given: dict[str, dict[str, Decision]] = {}
        for row_id, by_reviewer in given.items():
            picked = any(decision.verdict == "pick" for decision in by_reviewer.values())
            if row_id not in self.all_rows:
                self.not_applied.append(f"row {row_id} is not in the dataset")
            elif picked and self.all_rows[row_id].kind != "oracle":
                self.not_applied.append(f"row {row_id} does not show its oracle")
            else:
                self.given[row_id] = by_reviewer
        own = {i: own.verdict for i in self.given if (own := self.own(i))}
        verdicts = {i: {d.verdict for d in given.values()} for i, given in self.given.items()}
        applied = {i: min(said, key=VERDICTS.index) for i, said in verdicts.items()}
        self.states = self._states(own)  # row id → one of STATES, as the reviewer decided
        self.outcome = self._states(applied)  # as all did
        # How often the reviewer decided on a row: a page that shows an older state can be told.
        self.versions = Counter(d.row_id for d in of_reviewer)

    def _states(self, verdicts: Mapping[str, str]) -> dict[str, str]:
        states = dict.fromkeys(self.all_rows, "undecided")
        states |= {row_id: STATE_OF[verdict] for row_id, verdict in verdicts.items()}
        picked = [self.all_rows[i] for i, verdict in verdicts.items() if verdict == "pick"]
        oracles = {chunk.id for row in picked for chunk in row.oracles}
        asked = oracles.union(*(self._same[oracle] for oracle in oracles))
        for row_id, row in self.all_rows.items() if asked else ():
            shown = {chunk.id for chunk in (*row.oracles, *row.context)}
            stays = row.split == "eval" or states[row_id] in ("picked", "rejected")
            if not stays and shown & asked:
                states[row_id] = "left out"
        return states

    @cached_property
    def _same(self) -> Conflicts:
        return conflicts(self.dataset.chunks)

    def own(self, row_id: str, reviewer: str = "") -> Decision | None:
        """A reviewer's decision on a row; "" = of who reviews now."""
        return self.given.get(row_id, {}).get(reviewer or self.reviewer)

    def others(self, row_id: str) -> list[Decision]:
        """What others decided on a row; nothing before the reviewer has, whom it would sway."""
        given = self.given.get(row_id, {}).values() if self.own(row_id) else ()
        return [decision for decision in given if decision.reviewer != self.reviewer]

    def differs(self, row_id: str) -> bool:
        """Whether the reviewer and another one disagree: one rejects the row."""
        own = self.own(row_id)
        return own is not None and any(
            (decision.verdict == "reject") != (own.verdict == "reject")
            for decision in self.others(row_id)
        )

    def decide(self, row_id: str, verdict: str, *, reason: str = "", version: int = -1) -> None:
        """Accept, reject or pick a row. `version`: how many decisions on it the page had seen; -1 =
        does not matter."""
        row = self.all_rows[row_id]
        if verdict == "pick" and row.split == "eval":
            raise SetupError("This row is in the evaluation already.")
        if verdict == "pick" and row.kind != "oracle":
            raise SetupError(
                f"A row of kind {row.kind} does not show its oracle, and evaluation rows do: pick "
                "one of kind oracle."
            )
        if version not in (-1, self.versions[row_id]):
            raise SetupError(
                f"{row_id} was decided in another tab meanwhile: it is {self.states[row_id]}. "
                "To change that, decide again."
            )
        self._add(row_id, verdict, reason=reason)

    def undo(self) -> str:
        """Take back the reviewer's last decision; returns its row."""
        if not self._undoable:
            raise SetupError("There is no decision to undo.")
        row_id = self._undoable[-1].row_id
        self._add(row_id, "undo")
        return row_id

    def _add(self, row_id: str, verdict: str, *, reason: str = "") -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        decision = Decision(row_id, verdict, now, self.reviewer, reason)
        with self.lock:
            append_decision(self.dataset.folder, decision)
            self.refresh()

    def ordered(self, order: str) -> list[str]:
        if order == "random":
            return self._drawn
        return self._suspicious if order == "suspicious" else list(self.rows)

    @cached_property
    def _suspicious(self) -> list[str]:
        weights = {i: sum(w for w, _ in self.suspicions(row)) for i, row in self.rows.items()}
        return sorted(weights, key=lambda row_id: -weights[row_id])

    @cached_property
    def suspicions(self) -> Callable[[RaftExample], Suspicions]:
        return suspicions_of(self.dataset)

    def find(
        self, *, kind: str = "all", state: str = "all", search: str = "", order: str = "dataset"
    ) -> list[str]:
        """The ids of the shown rows of this kind, state (of STATES, or DIFFER) and text."""
        wanted = one_line(search).casefold()
        return [
            row_id
            for row_id in self.ordered(order)
            if kind in ("all", self.rows[row_id].kind)
            and (self.differs(row_id) if state == DIFFER else state in ("all", self.states[row_id]))
            and (not wanted or wanted in self._text(row_id))
        ]

    def _text(self, row_id: str) -> str:
        """What a search looks at: id, question, label and oracle."""
        row = self.rows[row_id]
        texts = row_id, row.question.text, row.label, *(chunk.text for chunk in row.oracles)
        return one_line("\n".join(texts)).casefold()

    def step(self, row_id: str, found: list[str], by: int, order: str = "dataset") -> str:
        """The next of the rows found (by = 1), or the one before (-1); at the end, the nearest."""
        places = {other: number for number, other in enumerate(self.ordered(order))}
        here = places.get(row_id, -1)
        after = [other for other in found if places[other] > here]
        before = [other for other in reversed(found) if places[other] < here]
        ahead, behind = (after, before) if by > 0 else (before, after)
        nearest = row_id if row_id in found else next(iter(behind), "")
        return next(iter(ahead), nearest)

    def summary(self) -> str:
        """`3 rejected, 1 picked, 12 left out`: what all reviewers' decisions change; "" = no row"""
        counts = Counter(self.outcome.values())
        changing = ("rejected", "picked", "left out")
        return ", ".join(f"{counts[state]} {state}" for state in changing if counts[state])

    def write(self) -> Path:
        """Write the reviewed dataset: picked rows are in eval, and rejected rows are left out. Its
        run goes on with it if it had this dataset, or an earlier outcome of its review."""
        if not self.summary():
            raise SetupError("No decision changes a row, so there is nothing to write.")
        kept, left_out = [], []
        for row_id, row in self.all_rows.items():
            state = self.outcome[row_id]
            if state in ("rejected", "left out"):
                # Without the reviewers' names: a dataset may be published.
                given = [decision for _, decision in sorted(self.given.get(row_id, {}).items())]
                reasons = dict.fromkeys(d.reason for d in given if d.verdict == "reject")
                why = "; ".join(filter(None, reasons))
                reason = "rejected by a reviewer" + f": {why}" * bool(why)
                said = reason if state == "rejected" else _LEFT_OUT, row.question.text, row.label
                left_out.append(Rejected(row_id, row.oracle.id, "review", *said))
            else:
                kept.append(replace(row, split="eval") if state == "picked" else row)
        splits = {row.split for row in kept}
        if lost := {row.split for row in self.all_rows.values()} - {"valid"} - splits:
            raise SetupError(
                f"The decisions leave no row of {min(lost)} ({self.summary()}), so nothing was "
                "written. Undo some, or run 1_gen.ipynb on more documents."
            )
        folder = write_reviewed(self.dataset, kept, left_out)
        run_name = self.dataset.run_name
        current = home() / read_state(run_name).get("DATASET_DIR", "")
        if (current / "manifest.json").is_file():
            origin = read_dataset(current).manifest["made_of"].get("dataset")
            if self.dataset.name in (current.name, origin):
                save_state(run_name, DATASET_DIR=portable(folder))
        return folder
