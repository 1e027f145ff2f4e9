"""The request engine against a teacher that fails in every way at once: time, and what is lost."""

from __future__ import annotations

from benchmarks.request_engine import CHUNKS, measure, row
from benchmarks.teacher_server import Behaviour

SLOTS = 64
TARGET = 2.5  # most time, over that of a teacher without faults
FAULTS = Behaviour(
    # A bucket that refills steadily; of 1,400, as with a minute's worth it would not run empty.
    requests_per_minute=1500,
    burst=1400,
    errors=0.05,
    hangs=0.02,
    drops=0.05,
    malformed=0.05,
)


def main() -> int:
    """Print a line for each run, then the figure; 1 when it is missed or a request was lost."""
    clean, faulty = measure(SLOTS), measure(SLOTS, FAULTS)
    for name, measured in {"no faults": clean, "faults": faulty}.items():
        print(f"{name}: {measured.elapsed_s:.1f} s, {row(measured)}")
    times = faulty.elapsed_s / clean.elapsed_s
    lost = 4 * CHUNKS - faulty.figures.outcomes["answered"]
    print(f"{times:.2f} × the time without faults (target {TARGET}); {lost} requests lost")
    return int(times > TARGET or lost != 0 or bool(faulty.failures))
