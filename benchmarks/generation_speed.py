"""Generation at the teacher's speed: first to last request over (service time / slots).

The documents of OPENBOOK_BENCHMARK_DOCUMENTS (default: the sample corpus), 3 questions a chunk,
with 64 and with 256 slots, against a loopback teacher that takes 0.3 s + 2 ms an output token: by
`python -m lib.gen run`, and by 1_gen.ipynb as run_all.sh runs it.

The two ways are not alike. The notebook has read every document before its first request, as its
cells show some of them. `lib.gen run` asks about the first while it reads the others: its slots
wait for chunks at the beginning, and the reading takes CPU from the asking. So its figure is higher
where the lower bound is short (256 slots: 2 s), although everything ends sooner. What a user waits
for is in each line, too: the time from the start to the dataset. Of two versions that read and ask
at once in other ways, that time compares them; the ratio alone does not.

Takes about 2 minutes.
"""

from __future__ import annotations

from benchmarks.generation_runs import FEW_SLOTS, WAYS, demand, ratio, run_generation
from benchmarks.homes import documents, fresh_home
from benchmarks.teacher_server import teacher

TARGETS = {64: 1.05, 256: 1.25}  # slots → at most


def main(*, quick: bool = False) -> int:
    """Print a line for each number of slots and way; 1 when a target is missed."""
    missed = False
    for way in WAYS:
        for slots, target in {FEW_SLOTS: 1.05}.items() if quick else TARGETS.items():
            with teacher() as running, fresh_home(COMPLETION=running.base_url) as home:
                doc_path = documents(quick=quick)
                ended = demand(run_generation(home, slots=slots, way=way, doc_path=doc_path))
                figures = running.figures()
            times = ratio(figures, slots)
            print(
                f"{way}, {slots} slots: {times:.3f} × the lower bound (target {target}), "
                f"{figures.outcomes['answered']:,} requests in "
                f"{figures.last_s - figures.first_s:.1f} s; from the start: first request "
                f"{figures.first_s - ended.started_s:.1f} s, last reply "
                f"{figures.last_s - ended.started_s:.1f} s, dataset {ended.took_s:.1f} s",
                flush=True,
            )
            missed |= times > target
    return int(missed)
