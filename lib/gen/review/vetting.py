"""What reviewers decide on a dataset's rows, and what that makes of the rows."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

from lib.gen.chunks import conflicts
from lib.records import RaftExample
from lib.settings import SetupError, portable
from lib.store import fingerprint

VERDICTS = ("accept", "reject", "pick", "undo")


@dataclass(frozen=True)
class Decision:
    """One line of a review file: what a row is to be from then on."""

    row_id: str
    row: str  # fingerprint of the row as its dataset holds it
    verdict: str  # one of VERDICTS; pick: accepted, and an evaluation row; undo: not the last one
    time: str  # UTC
    question: str = ""  # the reviewer's wording, "" = the row's own; as are the next two
    cot_answer: str = ""
    answer: str = ""


def review_path(dataset_dir: str | Path) -> Path:
    """`<dataset>.review.jsonl` beside the folder, whose files and name stay those of its making."""
    folder = Path(dataset_dir).resolve()
    return folder.with_name(f"{folder.name}.review.jsonl")


def read_decisions(dataset_dir: str | Path) -> tuple[list[Decision], int]:
    """All decisions in their order, and how many lines are none: torn, or changed by hand."""
    path = review_path(dataset_dir)
    # Bytes that a power cut left must not hide the lines around them.
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    lines = [line for line in text.split("\n") if line]
    decisions = [decision for line in lines if (decision := _parse(line))]
    return decisions, len(lines) - len(decisions)


def _parse(line: str) -> Decision | None:
    """`{"row_id": "a.pdf#0?1", "row": "5f0c…", "verdict": "accept", "time": "2026-…", …}`"""
    try:
        decision = Decision(**json.loads(line))
    except (ValueError, TypeError):
        return None
    is_text = all(isinstance(value, str) for value in vars(decision).values())
    return decision if is_text and decision.verdict in VERDICTS else None


def append_decision(dataset_dir: str | Path, decision: Decision) -> None:
    """Add one line, on the disk before this returns; no line is ever changed.

    Raises:
        SetupError: the file cannot be written.
    """
    path = review_path(dataset_dir)
    line = json.dumps(asdict(decision), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    try:
        with path.open("a+b", buffering=0) as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                # What a cut left of a line must not spoil this one.
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            os.fsync(file.fileno())
    except OSError as error:
        raise SetupError(
            f"Not saved: {portable(path)} cannot be written ({error.strerror}). Make room or "
            "change its permissions, then decide again."
        ) from error


def in_force(decisions: Iterable[Decision]) -> list[Decision]:
    """Those that were not undone, in their order; a row's last one counts."""
    kept: list[Decision] = []
    for decision in decisions:
        if decision.verdict != "undo":
            kept.append(decision)
        elif last := [i for i, other in enumerate(kept) if other.row_id == decision.row_id]:
            del kept[last[-1]]
    return kept


def worded(example: RaftExample, decision: Decision | None) -> RaftExample:
    """The row with the reviewer's question and answer, if there are any."""
    if decision is None or not decision.question:
        return example
    said = {
        "text": decision.question,
        "cot_answer": decision.cot_answer,
        "answer": decision.answer,
    }
    label = example.label if example.kind == "refuse" else decision.cot_answer
    return replace(example, question=replace(example.question, **said), label=label)


# --- what they make of the rows ------------------------------------------------------------------


class Rows:
    """A dataset's rows of every split, as its files hold them."""

    def __init__(self, examples: Iterable[RaftExample]) -> None:
        self.by_id = {example.id: example for example in examples}
        self._fingerprints: dict[str, str] = {}

    def fingerprint(self, row_id: str) -> str:
        if row_id not in self._fingerprints:
            self._fingerprints[row_id] = fingerprint(self.by_id[row_id])
        return self._fingerprints[row_id]

    def yielding(self, row_id: str) -> list[str]:
        """The training and validation rows that cannot stay if this row becomes an evaluation row:
        they hold its oracle, or a chunk that counts as the same, as oracle or as distractor."""
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
class Vetted:
    """A dataset's rows after its review."""

    decided: dict[str, Decision]  # row id → the decision that counts
    examples: list[RaftExample] = field(default_factory=list)  # of every split
    rejected: list[RaftExample] = field(default_factory=list)
    yielded: list[RaftExample] = field(default_factory=list)  # to rows picked for evaluation
    not_applied: list[str] = field(default_factory=list)  # what is wrong with a decision

    def summary(self) -> str:
        """`3 rejected, 2 edited, 1 picked for evaluation, 12 left out beside them`"""
        kept = [self.decided[row.id] for row in self.examples if row.id in self.decided]
        counts = {
            "rejected": len(self.rejected),
            "edited": sum(bool(decision.question) for decision in kept),
            "picked for evaluation": sum(decision.verdict == "pick" for decision in kept),
            "left out beside them": len(self.yielded),
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def vet(rows: Rows, decisions: Sequence[Decision]) -> Vetted:
    """The rows of every split as the decisions leave them."""
    standing, decided, not_applied = in_force(decisions), {}, []
    for row_id, decision in {decision.row_id: decision for decision in standing}.items():
        if row_id not in rows.by_id:
            not_applied.append(f"row {row_id} is not in the dataset")
        elif decision.row != rows.fingerprint(row_id):
            not_applied.append(f"row {row_id} has changed since it was decided on")
        elif decision.verdict == "pick" and rows.by_id[row_id].kind != "oracle":
            not_applied.append(f"row {row_id} shows no oracle, so it is no evaluation row")
        else:
            decided[row_id] = decision
    vetted = Vetted(decided, not_applied=not_applied)
    picked = {row_id for row_id, decision in decided.items() if decision.verdict == "pick"}
    yielding = {other for row_id in picked for other in rows.yielding(row_id)} - picked
    for row_id, example in rows.by_id.items():
        if row_id in decided and decided[row_id].verdict == "reject":
            vetted.rejected.append(example)
        elif row_id in yielding:
            vetted.yielded.append(example)
        else:
            split = "eval" if row_id in picked else example.split
            vetted.examples.append(replace(worded(example, decided.get(row_id)), split=split))
    return vetted


def read_vetted(dataset_dir: Path, examples: Iterable[RaftExample]) -> Vetted:
    """The rows of every split as their review left them; what could not be applied is printed."""
    decisions, unreadable = read_decisions(dataset_dir)
    vetted = vet(Rows(examples), decisions)
    wrong = [f"{unreadable} torn or foreign lines"] if unreadable else []
    if wrong := [*wrong, *vetted.not_applied]:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        print(f"{review_path(dataset_dir).name}: not applied: {wrong[0]}{more}")
    return vetted
