"""Decisions on a dataset's rows: lines of `<dataset>.review.jsonl`, beside the dataset's folder."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from lib.settings import SetupError, portable

VERDICTS = ("reject", "pick", "accept")  # the first that a reviewer gives is applied
# For a rejection:
REASONS = ("wrong answer", "not in its document", "unclear question", "bad reasoning", "not useful")


@dataclass(frozen=True)
class Decision:
    row_id: str
    verdict: str  # one of VERDICTS, or undo; pick = move to the evaluation
    time: str  # UTC
    reviewer: str = "unnamed"
    reason: str = ""  # of a rejection: one of REASONS

    def __str__(self) -> str:
        """`ann: reject (wrong answer)`"""
        return f"{self.reviewer}: {self.verdict}" + f" ({self.reason})" * bool(self.reason)


def review_path(dataset_dir: str | Path) -> Path:
    folder = Path(dataset_dir).resolve()
    return folder.with_name(f"{folder.name}.review.jsonl")


def read_decisions(dataset_dir: str | Path) -> tuple[list[Decision], int]:
    """Decisions in their order, and the number of unreadable lines."""
    path = review_path(dataset_dir)
    # A power cut may leave broken bytes: the lines around them must stay readable.
    content = path.read_text(encoding="utf-8-sig", errors="replace") if path.exists() else ""
    lines = [line for line in content.split("\n") if line]
    decisions = [decision for line in lines if (decision := _parse(line))]
    return decisions, len(lines) - len(decisions)


def _parse(line: str) -> Decision | None:
    """`{"row_id": "a.pdf#0?1", "verdict": "reject", "time": "2026-…", "reviewer": "ann"}`"""
    try:
        row = json.loads(line)
        names = [field.name for field in fields(Decision)]
        decision = Decision(**{name: row[name] for name in names if name in row})
    except (ValueError, TypeError):
        return None
    is_text = all(isinstance(value, str) for value in asdict(decision).values())
    return decision if is_text and decision.verdict in (*VERDICTS, "undo") else None


def append_decision(dataset_dir: str | Path, decision: Decision) -> None:
    """Add one line, on the disk before this returns; a line is never changed."""
    path = review_path(dataset_dir)
    row = {name: value for name, value in asdict(decision).items() if value or name == "time"}
    line = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
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
    """The verdicts that were not undone, in their order; a reviewer's last one on a row counts."""
    kept: list[Decision] = []
    for decision in decisions:
        who = decision.row_id, decision.reviewer
        if decision.verdict != "undo":
            kept.append(decision)
        elif places := [at for at, d in enumerate(kept) if (d.row_id, d.reviewer) == who]:
            del kept[places[-1]]
    return kept
