"""Generation at the teacher's speed: first to last request over (service time / slots).

`python -m lib.gen run` on the documents of OPENBOOK_BENCHMARK_DOCUMENTS (default: the sample
corpus), 3 questions a chunk, with 64 and with 256 slots, against a loopback teacher that takes
0.3 s + 2 ms an output token.
"""

from __future__ import annotations

import sys

from benchmarks.generation_runs import demand, fresh_home, ratio, run_generation
from benchmarks.teacher_server import teacher

TARGETS = {64: 1.05, 256: 1.25}  # slots → at most


def main() -> int:
    """Print a line for each number of slots; 1 when a target is missed."""
    missed = False
    for slots, target in TARGETS.items():
        with teacher() as running, fresh_home(running) as home:
            ended = demand(run_generation(home, slots=slots))
            figures = running.figures()
        times = ratio(figures, slots)
        print(
            f"{slots} slots: {times:.3f} × the lower bound (target {target}), "
            f"{figures.outcomes['answered']:,} requests in {figures.last_s - figures.first_s:.1f} "
            f"s, {ended.took_s:.1f} s with everything",
            flush=True,
        )
        missed |= times > target
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
