"""How many threads torch has, how they wait for each other, and the pages of memory it works on."""

import os
import sys
from contextlib import suppress
from pathlib import Path

# Spins before a waiting thread sleeps, about 0.1 ms: sleeping at once costs a fifth of the speed on
# quiet cores, spinning longer more than half on busy ones (docs/experiments.md).
SPIN_COUNT = "10000"
HUGE_PAGES = "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"  # glibc reads it as a program starts

_GROUP_DIR = Path("/sys/fs/cgroup")  # in a container: its own


def num_cores() -> int:
    """Cores that this process may use: of its affinity (Slurm, cpusets), and of the quota of its
    container (`docker run --cpus`), which torch overlooks: more threads wait for the quota and for
    each other, which took 2.5 times as long (2 threads, 0.6 cores).
    """
    cores = _seen_cores()
    for names in ("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"):  # cgroup 2 and 1
        with suppress(OSError, ValueError):  # "max": no quota
            quota, period = " ".join((_GROUP_DIR / name).read_text() for name in names).split()
            if int(quota) > 0:
                cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def _seen_cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def tune_threads() -> None:
    """Set what OpenMP reads when torch is loaded, for this process, and what glibc reads, for its
    children.

    A user's own values stay. Only GNU's OpenMP knows a spin count.
    """
    if (cores := num_cores()) < _seen_cores():
        os.environ.setdefault("OMP_NUM_THREADS", str(cores))
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    os.environ.setdefault(*HUGE_PAGES)


def restart_tuned() -> None:
    """Begin this program anew if it was started without huge pages."""
    if sys.platform == "linux" and HUGE_PAGES[0] not in os.environ:
        tune_threads()
        os.execv(sys.executable, sys.orig_argv)
