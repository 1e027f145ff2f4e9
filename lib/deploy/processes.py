"""Servers as detached processes that are found again later and never mistaken for others."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lib.settings import SetupError, home, portable, write_text
from lib.store import read_json

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class ServerRecord:
    """A server that was started here: `runs/<run_name>/deploy/<role>.json`."""

    role: str
    run_name: str
    pid: int
    started: float  # seconds after boot: a recycled pid has another start
    port: int
    model: str  # its name at the endpoint: the folder relative to home(), no absolute path
    options: str  # how it was started
    log: str  # relative to home()
    engine: str = "transformers"
    command: str = ""  # as one can type it
    api_key: str = field(default="none", repr=False)
    proved: bool = False  # its answers are its model's (probe.py)

    @property
    def base_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/v1"

    def save(self) -> None:
        """Readable for this user alone: it has a key."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n"
        write_text(record_path(self.run_name, self.role), text, mode=0o600)


def record_path(run_name: str, role: str) -> Path:
    return home() / "runs" / run_name / "deploy" / f"{role}.json"


def records(run_name: str = "") -> list[ServerRecord]:
    """The servers that were started for a run, or for every run; running or not."""
    found = []
    for path in sorted((home() / "runs").glob(f"{run_name or '*'}/deploy/*.json")):
        try:
            found.append(ServerRecord(**read_json(path)))
        except (TypeError, ValueError) as error:
            raise SetupError(
                f"{portable(path)} is damaged, or of another version ({error}). End its server, if "
                "it still runs (its pid is in the file), and delete the file."
            ) from None
    return found


def start_process(
    command: Sequence[str], *, environment: Mapping[str, str], log_path: Path
) -> tuple[int, float]:
    """Start a program that outlives the notebook and its Ctrl-C; its pid, and when it started."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            list(command),
            cwd=home(),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return process.pid, started_at(process.pid)


def started_at(pid: int) -> float:
    """In seconds after boot, whatever the clock is set to; 0.0 = there is none, or a zombie."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return 0.0
        return float(process.create_time() - psutil.boot_time())
    except psutil.Error:
        return 0.0


def is_running(server: ServerRecord) -> bool:
    """Whether the process that we started still runs: pid, start and command line agree.

    The command line of a process that is about to become our program reads as empty.
    """
    import psutil

    if not (started := started_at(server.pid)) or abs(started - server.started) > 1.0:
        return False
    try:
        command = psutil.Process(server.pid).cmdline()
    except psutil.Error:
        return False
    named = any(server.model in word for word in command)  # an adapter's: NAME=FOLDER
    return not command or (named and str(server.port) in command)


def end(server: ServerRecord, *, wait_s: float = 10.0) -> bool:
    """End a server with all its processes and delete its record; False = it had ended already."""
    running = is_running(server) and os.getpgid(server.pid) == server.pid
    if running:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, number)
            deadline = time.monotonic() + wait_s
            while is_running(server) and time.monotonic() < deadline:
                time.sleep(0.05)
            if not is_running(server):
                break
    record_path(server.run_name, server.role).unlink(missing_ok=True)
    return running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
