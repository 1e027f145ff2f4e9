"""How the threads of torch wait for each other."""

from __future__ import annotations

import os

# Turns that a thread waits awake before it sleeps, about 0.1 ms: sleeping at once costs a fifth of
# the speed on quiet cores, waiting long more than half on busy ones (docs/experiments.md).
TURNS_AWAKE = "10000"


def tune_threads() -> None:
    """Set what OpenMP reads when torch is loaded, here and in the processes that begin from here.

    A user's own OMP_WAIT_POLICY stays as it is. The turns are known to GNU's OpenMP alone.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", TURNS_AWAKE)
