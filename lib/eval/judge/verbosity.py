"""The same answers, longer: does the judge change its verdict?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lib.eval.judge.agreement import Rate, rate
from lib.eval.judge.asking import Judge, demand_judge
from lib.eval.judge.audit import grade_labels
from lib.eval.judge.grading import JUDGE_METRICS
from lib.eval.judge.labels import read_labels


@dataclass(frozen=True)
class Verbosity:
    """Verdicts on answers as they are, and with neutral text behind them."""

    n: int  # answers whose two verdicts could both be read
    unscored: int
    changed: Rate
    to_yes: int  # no as it is, yes when padded: it likes length
    to_no: int  # the other way round: padding puts it off

    def __str__(self) -> str:
        return (
            f"Padded with neutral text, the verdict changed on {self.changed}: {self.to_yes} to "
            f"yes, {self.to_no} to no; {self.unscored} unread"
        )


def check_verbosity(
    judge: Judge | None, labels_file: str | Path, *, metrics: Sequence[str] = JUDGE_METRICS
) -> Verbosity:
    """Ask about the answers of a labels file as they are (kept from the audit) and padded.

    Only the length differs, so a changed verdict is the judge's fault, or its noise: an endpoint
    that does not repeat itself changes some without any padding. It shows how this one text
    (`padding` in the prompts, English) moves this judge, not that no other wordiness does.

    Raises:
        SetupError: as audit.
    """
    judge, rows = demand_judge(judge), read_labels(labels_file)
    plain = grade_labels(judge, rows, metrics=metrics)
    padding = judge.prompts.texts["padding"].strip()
    longer = [replace(row, answer=f"{row.answer}\n\n{padding}") for row in rows]
    padded = grade_labels(judge, longer, metrics=metrics)
    pairs = [
        (before["correct"].value, after["correct"].value)
        for before, after in zip(plain, padded, strict=True)
    ]
    read = [pair for pair in pairs if None not in pair]
    to_yes, to_no = read.count((0.0, 1.0)), read.count((1.0, 0.0))
    return Verbosity(
        n=len(read),
        unscored=len(pairs) - len(read),
        changed=rate(to_yes + to_no, len(read)),
        to_yes=to_yes,
        to_no=to_no,
    )
