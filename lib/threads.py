"""How the threads of torch wait for each other."""

import os

# Spins before a waiting thread sleeps, about 0.1 ms: sleeping at once costs a fifth of the speed on
# quiet cores, spinning longer more than half on busy ones (docs/experiments.md).
SPIN_COUNT = "10000"


def tune_threads() -> None:
    """Set the variables that OpenMP reads when torch is loaded, for this process and its children.

    A user's own OMP_WAIT_POLICY stays as it is. Only GNU's OpenMP knows a spin count.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
