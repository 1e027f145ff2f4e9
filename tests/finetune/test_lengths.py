"""A row that does not fit stops the run; nothing is cut."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lib.finetune.rows import check_lengths, measure_lengths
from lib.finetune.tokens import TokenRow
from lib.settings import SetupError

ROWS = [TokenRow(f"train row {n}", [7] * n, prompt_tokens=n - 3) for n in range(10, 110)]


def test_lengths_are_measured() -> None:
    lengths = measure_lengths(ROWS)
    assert (lengths.rows, lengths.total_tokens) == (100, sum(range(10, 110)))
    assert (lengths.max_total_tokens, lengths.longest_row) == (109, "train row 109")
    assert lengths.max_completion_tokens == 3
    assert (lengths.p50_tokens, lengths.p95_tokens) == (59, 104)


def rows(*, limit: int) -> Any:
    return SimpleNamespace(lengths=measure_lengths(ROWS), model_limit_tokens=limit)


def test_zero_means_the_longest_row() -> None:
    assert check_lengths(rows(limit=0), 0) == 109
    assert check_lengths(rows(limit=109), 0) == 109
    assert check_lengths(rows(limit=0), 500) == 500


@pytest.mark.parametrize(("budget", "limit"), [(108, 0), (0, 108), (200, 108)])
def test_a_row_that_would_be_cut_is_named_with_its_length(budget: int, limit: int) -> None:
    with pytest.raises(
        SetupError, match=r"has 109 tokens and (max_length_tokens is|the model reads) 108"
    ):
        check_lengths(rows(limit=limit), budget)
