"""A dataset's rows under review: which to show, and each decision checked, applied and kept."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lib.dataset import read_written
from lib.gen import gates
from lib.gen.formats.row import SPLITS
from lib.gen.review.dataset import origin_of
from lib.gen.review.vetting import (
    Decision,
    Rows,
    Vetted,
    append_decision,
    in_force,
    read_decisions,
    vet,
    worded,
)
from lib.prompts.student import ANSWER_TAG
from lib.reading.api_docs import is_api_record
from lib.records import Question, RaftExample
from lib.settings import SetupError, portable
from lib.text import holds, normalise

STATUSES = ("undecided", "accepted", "rejected", "edited", "picked", "left out")
_STATUS_OF = {"accept": "accepted", "reject": "rejected", "pick": "picked"}


class Review:
    """The rows of a dataset and the decisions on them, shared by the pages that are open on them.

    Raises:
        SetupError: the folder is no dataset, has no rows, or is what another review made.
    """

    def __init__(self, dataset_dir: Path) -> None:
        self.dataset_dir = Path(dataset_dir)
        if origin := origin_of(self.dataset_dir):
            raise SetupError(
                f"{portable(self.dataset_dir)} is what the review of {origin} made. Go on with "
                f"that one: python -m lib.gen review {origin}"
            )
        self.rows = Rows(row for split in SPLITS for row in read_written(self.dataset_dir, split))
        if not self.rows.by_id:
            raise SetupError(f"{portable(self.dataset_dir)} has no rows. Run 1_gen.ipynb again.")
        self.decisions, self.unreadable = read_decisions(self.dataset_dir)
        self._apply()
        self._lock = threading.Lock()

    # --- looking ---------------------------------------------------------------------------------

    def example(self, row_id: str) -> RaftExample:
        """The row in the reviewer's words, in the split that it was written to."""
        return worded(self.rows.by_id[row_id], self.vetted.decided.get(row_id))

    def statuses(self, row_id: str) -> set[str]:
        """Which of STATUSES a row has; an edited one is accepted or picked too."""
        decision = self.vetted.decided.get(row_id)
        found = {_STATUS_OF[decision.verdict] if decision else "undecided"}
        if decision and decision.question:
            found.add("edited")
        if row_id in self._left_out:
            found.add("left out")
        return found

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
        then = vet(self.rows, [*self.decisions, self._decision(row_id, "pick")]).yielded
        return Counter(row.split for row in then if row.id not in self._left_out)

    # --- deciding --------------------------------------------------------------------------------

    def decide(self, row_id: str, verdict: str) -> None:
        """Accept a row, reject it, or pick it for the evaluation; its wording stays.

        Raises:
            SetupError: it cannot be an evaluation row, or nothing can be written.
        """
        if verdict == "pick":
            self._check_pick(row_id)
        self._append(self._decision(row_id, verdict))

    def _check_pick(self, row_id: str) -> None:
        row = self.rows.by_id[row_id]
        if row.split == "eval":
            raise SetupError("This row is in the evaluation already.")
        if row.kind != "oracle":
            raise SetupError(
                f"A row of kind {row.kind} does not show its oracle, and evaluation rows do: pick "
                "one of kind oracle."
            )

    def edit(self, row_id: str, *, question: str, reasoning: str, answer: str) -> None:
        """Word a row's question and answer anew, and accept it; a picked row stays picked.

        Raises:
            SetupError: a gate that the teacher's rows passed refuses the new wording.
        """
        row, before = self.rows.by_id[row_id], self.vetted.decided.get(row_id)
        label = f"{reasoning.strip()} {ANSWER_TAG} {answer.strip()}"
        try:
            passed = self._gated(row, " ".join(question.split()), label)
        except gates.Refusal as refusal:
            raise SetupError(f"Not saved ({refusal.gate}): {refusal.reason}.") from refusal
        verdict = "pick" if before and before.verdict == "pick" else "accept"
        self._append(
            replace(
                self._decision(row_id, verdict),
                question=passed.text,
                cot_answer=passed.cot_answer,
                answer=passed.answer,
            )
        )

    def undo(self) -> str:
        """Take back the last decision that stands; returns its row.

        Raises:
            SetupError: there is none.
        """
        own = [d for d in in_force(self.decisions) if d.row_id in self.vetted.decided]
        if not own:
            raise SetupError("There is no decision to undo.")
        self._append(replace(own[-1], verdict="undo", time=_now()))
        return own[-1].row_id

    def _decision(self, row_id: str, verdict: str) -> Decision:
        before = self.vetted.decided.get(row_id)
        blank = Decision(row_id, self.rows.fingerprint(row_id), verdict, _now())
        return replace(before, verdict=verdict, time=blank.time) if before else blank

    def _append(self, decision: Decision) -> None:
        with self._lock:
            append_decision(self.dataset_dir, decision)
            self.decisions.append(decision)
            self._apply()

    def _apply(self) -> None:
        self.vetted: Vetted = vet(self.rows, self.decisions)
        self._left_out = {row.id for row in self.vetted.yielded}

    def _gated(self, row: RaftExample, text: str, label: str) -> Question:
        """The question as it passes what the teacher's questions and build_examples' rows pass."""
        if refusal := gates.refuse_question(text, instruction=is_api_record(row.oracle.text)):
            raise refusal
        question = Question(row.question.id, row.question.chunk_id, text)
        passed = gates.judge_answer(question, row.oracle, label, "stop")
        words = normalise(text)
        for other in self.rows.by_id:
            asked = self.example(other).question
            if other != row.id and normalise(asked.text) == words:
                raise gates.Refusal("duplicate", f"row {other} asks the same")
        for number, chunk in enumerate(row.context, start=1):
            if chunk.id != row.oracle.id and holds(chunk.text, passed.answer):
                raise gates.Refusal("distractor", f"document {number} holds the answer too")
        return passed


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
