"""How threads of torch wait for each other, and the pages of memory that it works on."""

import os
import sys

# Spins before a waiting thread sleeps, about 0.1 ms: sleeping at once costs a fifth of the speed on
# quiet cores, spinning longer more than half on busy ones (docs/experiments.md).
SPIN_COUNT = "10000"
HUGE_PAGES = "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"  # glibc reads it as a program starts


def tune_threads() -> None:
    """Set what OpenMP reads when torch is loaded, for this process, and what glibc reads, for its
    children.

    A user's own OMP_WAIT_POLICY and GLIBC_TUNABLES stay. Only GNU's OpenMP knows a spin count.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    os.environ.setdefault(*HUGE_PAGES)


def restart_tuned() -> None:
    """Begin this program anew if it was started without huge pages."""
    if sys.platform == "linux" and HUGE_PAGES[0] not in os.environ:
        tune_threads()
        os.execv(sys.executable, sys.orig_argv)
