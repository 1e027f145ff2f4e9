from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.generation_runs import dataset, demand, fresh_home, ratio, run_generation
from benchmarks.teacher_server import Behaviour, teacher
from tests.gen.make import prose


def test_a_run_is_measured_and_a_killed_one_goes_on(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(prose(Random(name), 60))
    options: dict[str, Any] = {"doc_path": tmp_path, "num_distractors": 2}
    with teacher(Behaviour(first_token_s=0.05)) as running, fresh_home(running) as home:
        killed = run_generation(home, slots=4, kill_after_s=0.1, **options)
        with pytest.raises(RuntimeError, match="ended with -9"):
            demand(killed)
        ended = demand(run_generation(home, slots=4, **options))
        figures = running.figures()
        files = dataset(home)
    assert any(name.endswith("hf/train.jsonl") for name in files)
    assert 0 < ended.saved_s < ended.took_s
    assert 0 < ended.asking_cpu_s(figures) < ended.cpu_s
    assert ratio(figures, 4) >= 1
    assert figures.first_s > ended.started_s
