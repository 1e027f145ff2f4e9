"""Servers as detached processes that are known again later, and never mistaken for others."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lib.settings import SetupError, home, portable
from lib.store import read_json, write_json

if TYPE_CHECKING:
    import psutil

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class ServerRecord:
    """What `runs/<run_name>/deploy/<role>.json` holds."""

    role: str
    run_name: str
    pid: int
    started: float  # when the process began, seconds after boot: a recycled pid has another
    port: int
    model: str  # its name at the endpoint: the folder, relative to home()
    options: str  # how it was started
    log: str

    @property
    def base_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/v1"


def record_path(run_name: str, role: str) -> Path:
    return home() / "runs" / run_name / "deploy" / f"{role}.json"


def records(run_name: str = "") -> list[ServerRecord]:
    """The servers that were started for a run, or for every run; alive or not."""
    paths = sorted((home() / "runs").glob(f"{run_name or '*'}/deploy/*.json"))
    return [ServerRecord(**read_json(path)) for path in paths]


def start_process(
    command: Sequence[str], *, environment: Mapping[str, str], log_path: Path
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own: it outlives the notebook and its Ctrl-C."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("wb") as log:
        return subprocess.Popen(
            list(command),
            cwd=home(),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def created(pid: int) -> float:
    """When a process began, in seconds after boot; 0.0 when there is none (or a zombie).

    Not by the calendar: that moves under a process when the clock is set.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else _since_boot(process)
    except psutil.Error:
        return 0.0


def _since_boot(process: psutil.Process) -> float:
    import psutil

    return float(process.create_time() - psutil.boot_time())


def is_running(record: ServerRecord) -> bool:
    """Whether the very process that we started still runs: pid, start and command line agree.

    While a process is about to become our program its command line reads as empty.
    """
    import psutil

    if not (began := created(record.pid)) or abs(began - record.started) > 1.0:
        return False
    try:
        command = psutil.Process(record.pid).cmdline()
    except psutil.Error:
        return False
    return not command or (record.model in command and str(record.port) in command)


def end(record: ServerRecord, *, wait_s: float = 10.0) -> bool:
    """End a server of ours with all its processes, and drop its record; False = it had ended.

    Only a process that is_running() vouches for, and that leads its own group, is signalled.
    """
    running = is_running(record) and os.getpgid(record.pid) == record.pid
    if running:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(record.pid, number)
            deadline = time.monotonic() + wait_s
            while is_running(record) and time.monotonic() < deadline:
                time.sleep(0.05)
            if not is_running(record):
                break
    record_path(record.run_name, record.role).unlink(missing_ok=True)
    return running


def save_record(record: ServerRecord) -> None:
    write_json(record_path(record.run_name, record.role), asdict(record))


def free_port(port: int) -> int:
    """The port itself when it is free, one that is when it is 0.

    Raises:
        SetupError: something listens there already.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise SetupError(
                f"Port {port} is in use ({error.strerror}). Give another one, or 0 for any free "
                "port; `python -m lib.deploy status` lists the servers started here."
            ) from None
        return int(probe.getsockname()[1])


def last_lines(log_path: Path, count: int = 4) -> str:
    """The end of a log as one line."""
    text = log_path.read_text(encoding="utf-8", errors="replace") if log_path.is_file() else ""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-count:])[-600:] or f"{portable(log_path)} is empty"
