"""What the benchmark of prompt tokens counts."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from benchmarks.generation_tokens import TARGETS, beyond_shared, measure
from tests.gen.make import prose


@pytest.mark.parametrize("mode", TARGETS)
def test_every_row_is_accepted_and_the_sums_add_up(mode: str, tmp_path: Path) -> None:
    for name in "ab":
        # A title that is cut at a space once broke the teacher's answers.
        (tmp_path / f"The long harbours of {name}.md").write_text(
            f"# The long harbours of {name}\n\n{prose(Random(name), 60)}"
        )
    rows, total, alone = measure(str(tmp_path), mode)
    assert rows > 20
    assert rows % 3 == 0
    assert 0 < alone <= total
    assert (alone < total / 2) == (mode == "separate")


def test_what_two_prompts_begin_with_is_shared() -> None:
    assert beyond_shared(["abcX", "abcYZ", "abQ"]) == 1 + 2 + 1
    assert beyond_shared(["abc"]) == 3
