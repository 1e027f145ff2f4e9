from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks import interval_coverage
from benchmarks.interval_coverage import Case, draw
from lib.eval.statistics.clustered import Interval, Sample, intervals


def test_the_intervals_cover(capsys: pytest.CaptureFixture[str]) -> None:
    assert interval_coverage.main(quick=True) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1].startswith("3 of 3 cases are covered 91.5% to 98.5%")
    assert printed[2].endswith("30% at 0, 40% at 1, the rest between, 1–4 a chunk, alike 0.3")


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_other_intervals_are_caught(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def scaled(samples: Sequence[Sample], *, seed: int, num_resamples: int) -> list[Interval]:
        found = intervals(samples, seed=seed, num_resamples=num_resamples)
        return [
            Interval(s.mean + factor * (i.low - s.mean), s.mean + factor * (i.high - s.mean), "")
            for s, i in zip(samples, found, strict=True)
        ]

    monkeypatch.setattr(interval_coverage, "intervals", scaled)
    assert interval_coverage.main(quick=True) == 1


@pytest.mark.parametrize("case", interval_coverage.ALL, ids=str)
def test_what_is_drawn_has_the_mean_it_is_said_to_have(case: Case) -> None:
    values, truths, chunks = draw(case, draws=300, seed=1)
    assert values.shape == (300, 70)
    assert len(chunks) == 70
    assert values.mean() == pytest.approx(truths.mean(), abs=0.03)
    assert values.min() >= (-1 if case.kind == "pair" else 0)
    assert values.max() <= 1
