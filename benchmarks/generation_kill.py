"""Generation killed at ten random instants: answers paid twice, and the dataset at the end.

Takes about 5 minutes.
"""

from __future__ import annotations

from random import Random

from benchmarks.generation_runs import dataset, demand, run_generation
from benchmarks.homes import documents, fresh_home
from benchmarks.teacher_server import GRACE_S, teacher

KILLS, FEW_KILLS = 10, 1


def main(*, quick: bool = False) -> int:
    """Print how often, then the figure; 1 when an answer was paid twice or the dataset differs."""
    doc_path = documents(quick=quick)
    with teacher() as running, fresh_home(COMPLETION=running.base_url) as home:
        undisturbed_s = demand(run_generation(home, doc_path=doc_path)).took_s
        expected = dataset(home)
    rng = Random(0)
    kills: list[float] = []
    with teacher() as running, fresh_home(COMPLETION=running.base_url) as home:
        while len(kills) < (FEW_KILLS if quick else KILLS):
            after_s = rng.uniform(0.2, undisturbed_s)
            ended = run_generation(home, doc_path=doc_path, kill_after_s=after_s)
            kills.append(ended.killed_s)
            print(f"killed after {after_s:.1f} s", flush=True)
        demand(run_generation(home, doc_path=doc_path))
        twice = running.figures().paid_twice(grace_s=GRACE_S, kills=tuple(kills))
        same = dataset(home) == expected
    print(
        f"the dataset is {'byte-identical' if same else 'another'}; {twice} answers paid twice "
        "(target 0)"
    )
    return int(twice > 0 or not same)
