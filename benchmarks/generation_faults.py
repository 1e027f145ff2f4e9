"""Generation against a teacher that fails in every way at once: time, rows lost, exit status.

Takes about 2 minutes.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.generation_runs import dataset, demand, run_generation
from benchmarks.homes import documents, fresh_home
from benchmarks.teacher_server import Behaviour, teacher

TARGET = 2.5  # most time, over that of a teacher without faults
FAULTS = Behaviour(requests_per_minute=1500, errors=0.05, hangs=0.02, drops=0.05, malformed=0.05)


def main(*, quick: bool = False) -> int:
    """Print both times, then the figure; 1 when it is missed or a row was lost."""
    doc_path = documents(quick=quick)
    with teacher() as running, fresh_home(COMPLETION=running.base_url) as home:
        clean_s, expected = demand(run_generation(home, doc_path=doc_path)).took_s, dataset(home)
        answered = running.figures().outcomes["answered"]
    # The bucket must run empty: one that holds a minute's worth would not.
    faults = replace(FAULTS, burst=int(0.8 * answered), hangs=0.0 if quick else FAULTS.hangs)
    with teacher(faults) as running, fresh_home(COMPLETION=running.base_url) as home:
        faulty_s = demand(run_generation(home, doc_path=doc_path)).took_s
        outcomes, same = running.figures().outcomes, dataset(home) == expected
    with teacher(Behaviour(errors=1.0)) as running, fresh_home(COMPLETION=running.base_url) as home:
        status = run_generation(home, doc_path=doc_path, max_retries=0).status
    print(f"without faults {clean_s:.1f} s, with them {faulty_s:.1f} s: {outcomes}")
    print(f"a run that made nothing ended with {status}")
    print(
        f"{faulty_s / clean_s:.2f} × the time without faults (target {TARGET}); the dataset is "
        f"{'the same' if same else 'ANOTHER: rows were lost or broken'}"
    )
    return int(faulty_s > TARGET * clean_s or not same or not status)
