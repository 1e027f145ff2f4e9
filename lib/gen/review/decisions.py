"""What reviewers decide on a dataset's rows, kept in `<dataset>.review.jsonl` beside its folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from lib.settings import SetupError, portable

VERDICTS = ("accept", "reject", "pick", "undo")


@dataclass(frozen=True)
class Decision:
    """One line of a review file."""

    row_id: str
    verdict: str  # one of VERDICTS; pick = move to the evaluation; undo = take the last one back
    time: str  # UTC


def review_path(dataset_dir: str | Path) -> Path:
    """`<dataset>.review.jsonl` beside the folder, which a review does not change."""
    folder = Path(dataset_dir).resolve()
    return folder.with_name(f"{folder.name}.review.jsonl")


def read_decisions(dataset_dir: str | Path) -> tuple[list[Decision], int]:
    """All decisions in their order, and the number of lines that cannot be read."""
    path = review_path(dataset_dir)
    # Bytes that a power cut left must not hide the lines around them.
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    lines = [line for line in text.split("\n") if line]
    decisions = [decision for line in lines if (decision := _parse(line))]
    return decisions, len(lines) - len(decisions)


def _parse(line: str) -> Decision | None:
    """`{"row_id": "a.pdf#0?1", "verdict": "accept", "time": "2026-…"}`"""
    try:
        row = json.loads(line)
        values = {name: row[name] for name in Decision.__dataclass_fields__}
    except (ValueError, TypeError, KeyError):
        return None
    is_text = all(isinstance(value, str) for value in values.values())
    return Decision(**values) if is_text and values["verdict"] in VERDICTS else None


def append_decision(dataset_dir: str | Path, decision: Decision) -> None:
    """Add one line, on the disk before this returns; a line is never changed.

    Raises:
        SetupError: the file cannot be written.
    """
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
    """Those that were not undone, in their order; a row's last one counts."""
    kept: list[Decision] = []
    for decision in decisions:
        if decision.verdict != "undo":
            kept.append(decision)
        elif last := [i for i, other in enumerate(kept) if other.row_id == decision.row_id]:
            del kept[last[-1]]
    return kept
