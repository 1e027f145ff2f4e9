"""The lengths of the rows, and the error when a row does not fit: no row is ever cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.finetune.records import TokenRow
from lib.settings import SetupError


@dataclass(frozen=True)
class Lengths:
    """Token counts of the rows, each with its template and end token."""

    rows: int
    total_tokens: int
    max_completion_tokens: int
    max_total_tokens: int
    p50_tokens: int
    p95_tokens: int
    longest_row: str

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows, {self.total_tokens:,} tokens: half have at most "
            f"{self.p50_tokens:,}, 95% at most {self.p95_tokens:,}, the longest "
            f"{self.max_total_tokens:,} ({self.longest_row}); the longest completion "
            f"{self.max_completion_tokens:,}"
        )


def measure_lengths(rows: Sequence[TokenRow]) -> Lengths:
    """Measure rows (at least one)."""
    totals = sorted(len(row.input_ids) for row in rows)
    longest = max(rows, key=lambda row: len(row.input_ids))
    return Lengths(
        rows=len(rows),
        total_tokens=sum(totals),
        max_completion_tokens=max(len(row.input_ids) - row.prompt_tokens for row in rows),
        max_total_tokens=totals[-1],
        p50_tokens=totals[(len(totals) - 1) // 2],
        p95_tokens=totals[round(0.95 * (len(totals) - 1))],
        longest_row=longest.id,
    )


def check_lengths(lengths: Lengths, *, max_length_tokens: int, model_limit_tokens: int) -> int:
    """The length budget of training, tokens; max_length_tokens 0 = the longest row's length.

    A row that is cut loses its completion, which is at its end, and teaches nothing.

    Raises:
        SetupError: the longest row does not fit.
    """
    limits = [(model_limit_tokens, "the model reads at most")]
    if max_length_tokens:
        limits.append((max_length_tokens, "max_length_tokens is"))
    for limit, who in limits:
        if limit and lengths.max_total_tokens > limit:
            raise SetupError(
                f"{lengths.longest_row} has {lengths.max_total_tokens:,} tokens and {who} "
                f"{limit:,}, so its completion would be cut. Lower num_distractors or chunk_chars "
                "in 1_gen, or take a model that reads more"
                + (" (or raise max_length_tokens)." if limit == max_length_tokens else ".")
            )
    return max_length_tokens or lengths.max_total_tokens
