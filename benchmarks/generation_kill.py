"""Generation killed at ten random instants: answers paid twice, and the dataset at the end."""

from __future__ import annotations

import sys
from random import Random

from benchmarks.generation_runs import dataset, demand, fresh_home, run_generation
from benchmarks.teacher_server import teacher

SLOTS = 64
KILLS = 10
# What was answered so shortly before a kill may be on its way, and nobody could keep it.
GRACE_S = 0.05


def main() -> int:
    """Print how often, then the figure; 1 when an answer was paid twice or the dataset differs."""
    with teacher() as running, fresh_home(running) as home:
        undisturbed_s = demand(run_generation(home, slots=SLOTS)).took_s
        expected = dataset(home)
    rng = Random(0)
    kills: list[float] = []
    with teacher() as running, fresh_home(running) as home:
        while len(kills) < KILLS:
            after_s = rng.uniform(0.2, undisturbed_s)
            ended = run_generation(home, slots=SLOTS, kill_after_s=after_s)
            kills.append(ended.killed_s)
            print(f"killed after {after_s:.1f} s", flush=True)
        demand(run_generation(home, slots=SLOTS))
        twice = running.figures().paid_twice(grace_s=GRACE_S, kills=tuple(kills))
        same = dataset(home) == expected
    print(f"the dataset is {'byte-identical' if same else 'another'}; {twice} answers paid twice")
    return int(twice > 0 or not same)


if __name__ == "__main__":
    sys.exit(main())
