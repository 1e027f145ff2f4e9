"""The request engine's pace where a teacher refuses some requests (429, no Retry-After).

Two patterns: 2% of all attempts at random; and every attempt of 3 s in every 9 s. The bound is the
time in which the slots can serve all requests while none is refused.

Takes about a minute.
"""

from __future__ import annotations

from benchmarks.request_engine import CHUNKS, FEW_CHUNKS, measure
from benchmarks.teacher_server import Behaviour

TARGET = 1.5  # most time, over the bound
SLOTS = 32  # about 60 requests a second
PATTERNS = {
    "2% at random": Behaviour(refusals=0.02),
    "storms of 3 s every 9 s": Behaviour(storm_s=3.0),
}


def main(*, quick: bool = False) -> int:
    """Print a line for each pattern; 1 when the target is missed."""
    missed = False
    for name, behaviour in PATTERNS.items():
        measured = measure(SLOTS, chunks=FEW_CHUNKS if quick else CHUNKS, behaviour=behaviour)
        took_s = measured.figures.last_s - measured.figures.first_s
        bound_s = bound(measured.figures.service_s / SLOTS, behaviour)
        missed |= took_s > TARGET * bound_s or bool(measured.failures)
        answered = measured.figures.outcomes["answered"]
        print(
            f"{name}: {took_s:.1f} s, {answered / took_s:.0f} requests/s, "
            f"{measured.figures.outcomes.get('429', 0):,} refused for {answered:,} answered, "
            f"{took_s / bound_s:.2f} × the bound (target {TARGET})",
            flush=True,
        )
    return int(missed)


def bound(service_s: float, behaviour: Behaviour) -> float:
    """Seconds until so many seconds of service are over, if none is left between the storms."""
    calm_s = behaviour.storm_every_s - behaviour.storm_s
    storms = int(service_s / calm_s) if behaviour.storm_s else 0
    return service_s + storms * behaviour.storm_s
