"""`python -m lib.gen run` as a process of its own against a loopback teacher, and what it took."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.generation_tokens import FOLDER_VARIABLE, QUESTIONS_PER_CHUNK
from benchmarks.teacher_server import Figures, Teacher
from lib.settings import PROJECT_DIR

RUN_NAME = "benchmark"
_POLL_S = 0.02
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Ended:
    """One run that has ended."""

    status: int  # its exit status; negative: the signal that ended it
    output: str
    started_s: float  # seconds since 1970
    killed_s: float  # when it was killed; 0 = it was not
    took_s: float
    saved_s: float  # from the start to the first saved row; infinite = none was
    cpu_s: float  # of the process and those that read documents for it
    peak_mib: float
    cpu_samples: list[tuple[float, float]]  # time, seconds of CPU that the process has taken

    def asking_cpu_s(self, figures: Figures) -> float:
        """The process's CPU from the first request to the last reply."""
        before = [cpu_s for when, cpu_s in self.cpu_samples if when <= figures.first_s]
        until = [cpu_s for when, cpu_s in self.cpu_samples if when <= figures.last_s]
        return until[-1] - (before[-1] if before else 0.0)


@contextmanager
def fresh_home(running: Teacher) -> Iterator[Path]:
    """A home with nothing but the teacher's address."""
    with tempfile.TemporaryDirectory(prefix="openbook-bench-") as folder:
        home = Path(folder)
        (home / ".env").write_text(
            f"COMPLETION_OPENAI_BASE_URL={running.base_url}\n"
            "COMPLETION_OPENAI_API_KEY=none\nCOMPLETION_OPENAI_DEPLOYMENT=loopback\n"
        )
        (home / f"{RUN_NAME}.yaml").write_text("chunk_chars: 1000\n")
        yield home


def documents() -> str:
    """The folder that is asked about."""
    return os.environ.get(FOLDER_VARIABLE, str(PROJECT_DIR / "sample_data"))


def run_generation(home: Path, *, slots: int, kill_after_s: float = 0.0, **more: object) -> Ended:
    """Run it to its end, or kill it after so many seconds; `more` are parameters."""
    parameters = {
        "doc_path": documents(),
        "questions_per_chunk": QUESTIONS_PER_CHUNK,
        "concurrency": slots,
        **more,
    }
    command = [sys.executable, "-m", "lib.gen", "run", "-p", str(home / f"{RUN_NAME}.yaml")]
    for name, value in parameters.items():
        command += ["-r", name, str(value)]
    environment = {k: v for k, v in os.environ.items() if "OPENAI" not in k}
    environment["OPENBOOK_HOME"] = str(home)
    partial = home / "artefacts" / "questions" / f"{RUN_NAME}.partial.jsonl"
    partial.unlink(missing_ok=True)
    log = home / "output.txt"
    saved: list[float] = []
    samples: list[tuple[float, float]] = []
    ended = threading.Event()
    with log.open("w") as output:
        started = time.time()
        process = subprocess.Popen(
            command,
            cwd=PROJECT_DIR,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watched = (partial, process.pid, started, saved, samples, ended)
        watcher = threading.Thread(target=_watch, args=watched)
        watcher.start()
        killed_s = 0.0
        if kill_after_s:
            time.sleep(kill_after_s)
            killed_s = time.time()
            os.killpg(process.pid, signal.SIGKILL)
        _, status, used = os.wait4(process.pid, 0)
        took_s = time.time() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    watcher.join()
    return Ended(
        process.returncode,
        log.read_text(),
        started,
        killed_s,
        took_s,
        saved[0] if saved else float("inf"),
        used.ru_utime + used.ru_stime,
        used.ru_maxrss / 1024,
        samples,
    )


def _watch(
    partial: Path,
    pid: int,
    started: float,
    saved: list[float],
    samples: list[tuple[float, float]],
    ended: threading.Event,
) -> None:
    while not ended.wait(_POLL_S):
        with suppress(OSError, IndexError):  # it has ended
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
            samples.append((time.time(), (int(fields[11]) + int(fields[12])) / _TICKS))
        with suppress(OSError):  # it is not there yet, or no more
            if not saved and partial.stat().st_size:
                saved.append(time.time() - started)


def ratio(figures: Figures, slots: int) -> float:
    """From the first request to the last reply, over the lower bound: service time / slots."""
    return (figures.last_s - figures.first_s) * slots / figures.service_s


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
        raise RuntimeError(f"lib.gen run ended with {ended.status}:\n{ended.output[-3000:]}")
    return ended
