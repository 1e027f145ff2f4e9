"""Generation against a teacher that fails in every way at once: time, rows lost, exit status."""

from __future__ import annotations

import sys
from dataclasses import replace

from benchmarks.generation_runs import dataset, demand, fresh_home, run_generation
from benchmarks.request_faults import FAULTS
from benchmarks.teacher_server import Behaviour, teacher

SLOTS = 64
TARGET = 2.5  # most time, over that of a teacher without faults


def main() -> int:
    """Print both times, then the figure; 1 when it is missed or a row was lost."""
    with teacher() as running, fresh_home(running) as home:
        clean_s, expected = demand(run_generation(home, slots=SLOTS)).took_s, dataset(home)
        answered = running.figures().outcomes["answered"]
    # A bucket of a minute's worth would not run empty.
    faults = replace(FAULTS, burst=int(0.8 * answered))
    with teacher(faults) as running, fresh_home(running) as home:
        faulty_s = demand(run_generation(home, slots=SLOTS)).took_s
        outcomes, same = running.figures().outcomes, dataset(home) == expected
    with teacher(Behaviour(errors=1.0)) as running, fresh_home(running) as home:
        status = run_generation(home, slots=SLOTS, max_retries=0).status
    print(f"without faults {clean_s:.1f} s, with them {faulty_s:.1f} s: {outcomes}")
    print(f"a run that made nothing ended with {status}")
    print(
        f"{faulty_s / clean_s:.2f} × the time without faults (target {TARGET}); the dataset is "
        f"{'the same' if same else 'ANOTHER: rows were lost or broken'}"
    )
    return int(faulty_s > TARGET * clean_s or not same or not status)


if __name__ == "__main__":
    sys.exit(main())
