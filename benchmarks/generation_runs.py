"""Generation as a process of its own against a loopback teacher, and what it took."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.teacher_server import Figures
from lib.settings import PROJECT_DIR

RUN_NAME = "benchmark"
QUESTIONS_PER_CHUNK = 3
SLOTS, FEW_SLOTS = 64, 8
WAYS = {"lib.gen run": ("lib.gen", "run"), "1_gen.ipynb": ("lib.runner", "1_gen")}
_POLL_S, _ASK_S = 0.02, 0.1
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Ended:
    """One run that has ended."""

    status: int  # its exit status; negative: the signal that ended it
    output: str
    started_s: float  # seconds since 1970
    killed_s: float  # when it was killed; 0 = it was not
    took_s: float
    saved_s: float  # from the start to the first saved row; infinite = none was saved
    cpu_s: float  # of the process and those that read documents for it
    peak_mib: float
    cpu_samples: list[tuple[float, float]]  # time, seconds of CPU that the process has taken

    def asking_cpu_s(self, figures: Figures) -> float:
        """The process's CPU from the first request to the last reply."""
        before = [cpu_s for when, cpu_s in self.cpu_samples if when <= figures.first_s]
        until = [cpu_s for when, cpu_s in self.cpu_samples if when <= figures.last_s]
        return until[-1] - (before[-1] if before else 0.0)


def run_generation(
    home: Path,
    *,
    doc_path: str,
    slots: int = SLOTS,
    way: str = "lib.gen run",
    kill_after_s: float = 0.0,
    kill_when: Callable[[], bool] = lambda: False,
    **more: object,
) -> Ended:
    """Generate to the end, or kill it after so many seconds, or before; `more` are parameters.

    `way` is one of WAYS. Only "lib.gen run" can be killed: the notebook's kernel would live on.
    """
    parameters_path = home / f"{RUN_NAME}.yaml"
    parameters_path.write_text("chunk_chars: 1000\n")
    parameters = {
        "doc_path": doc_path,
        "questions_per_chunk": QUESTIONS_PER_CHUNK,
        "concurrency": slots,
        **more,
    }
    command = [sys.executable, "-m", *WAYS[way], "-p", str(parameters_path)]
    for name, value in parameters.items():
        command += ["-r", name, str(value)]
    partial = home / "artefacts" / "questions" / f"{RUN_NAME}.partial.jsonl"
    partial.unlink(missing_ok=True)
    saved: list[float] = []
    samples: list[tuple[float, float]] = []
    ended = threading.Event()
    with (home / "output.txt").open("w") as output:
        started = time.time()
        process = subprocess.Popen(
            command,
            cwd=PROJECT_DIR,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watched = (partial, process.pid, saved, samples, ended)
        watcher = threading.Thread(target=_watch, args=watched)
        watcher.start()
        killed_s = 0.0
        if kill_after_s:
            ends = started + kill_after_s
            while (left_s := ends - time.time()) > 0 and not kill_when():
                time.sleep(min(left_s, _ASK_S))
            killed_s = time.time()
            os.killpg(process.pid, signal.SIGKILL)
        _, status, used = os.wait4(process.pid, 0)
        took_s = time.time() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    watcher.join()
    return Ended(
        status=process.returncode,
        output=(home / "output.txt").read_text(),
        started_s=started,
        killed_s=killed_s,
        took_s=took_s,
        saved_s=saved[0] - started if saved else float("inf"),
        cpu_s=used.ru_utime + used.ru_stime,
        peak_mib=used.ru_maxrss / 1024,
        cpu_samples=samples,
    )


def _watch(
    partial: Path,
    pid: int,
    saved: list[float],
    samples: list[tuple[float, float]],
    ended: threading.Event,
) -> None:
    while not ended.wait(_POLL_S):
        with suppress(OSError, IndexError):  # it has ended
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
            samples.append((time.time(), (int(fields[11]) + int(fields[12])) / _TICKS))
        with suppress(OSError):  # the file does not exist yet, or no more
            if not saved and partial.stat().st_size:
                saved.append(time.time())


def ratio(figures: Figures, slots: int) -> float:
    """From the first request to the last reply, over the lower bound: service time / slots."""
    return (figures.last_s - figures.first_s) * slots / figures.service_s


def num_accepted(home: Path) -> int:
    """How many questions passed the gates."""
    [path] = (home / "artefacts" / "questions").glob("*/questions.jsonl")
    return len(path.read_text(encoding="utf-8").splitlines())


def dataset(home: Path) -> dict[str, bytes]:
    """The dataset's files, its name among their paths."""
    folder = home / "artefacts" / "datasets"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    }


def demand(ended: Ended) -> Ended:
    """The run itself, if it went well.

    Raises:
        RuntimeError: it did not; with what it printed.
    """
    if ended.status:
        raise RuntimeError(f"generation ended with {ended.status}:\n{ended.output[-3000:]}")
    return ended
