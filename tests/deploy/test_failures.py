"""What goes wrong says so in one line, and leaves nothing behind."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.deploy import ask, deploy, server, stop
from lib.deploy.engines import transformers
from lib.deploy.launcher import limit_memory
from lib.deploy.processes import (
    ServerRecord,
    end,
    is_running,
    record_path,
    records,
    started_at,
)
from lib.recipe import Recipe
from lib.settings import SetupError
from lib.state import save_state, state_path

RECIPE = Recipe(run_name="t")


@pytest.fixture
def model(home_dir: Path) -> Path:
    """A folder that passes for a model; no server of these tests ever loads it."""
    folder = home_dir / "artefacts" / "students" / "t-01" / "merged"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    return folder


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Somebody else's process."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def serve_model(model_dir: Path, *, timeout_s: float = 300) -> None:
    server.wait_until_ready(server.start("student", model_dir, RECIPE), timeout_s=timeout_s)


def pretend(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this Python code run in the server's place."""
    monkeypatch.setattr(
        transformers,
        "command",
        lambda model, port, options: [sys.executable, "-c", code, model, str(port)],
    )


def test_a_server_that_dies_shows_the_end_of_its_log(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend("print('weights are torn'); raise SystemExit(3)", monkeypatch)
    with pytest.raises(SetupError, match=r"ended before it answered\. runs/t/deploy/student\.log"):
        serve_model(model)
    assert not record_path("t", "student").exists()
    log = (model.parents[3] / "runs/t/deploy/student.log").read_text()
    assert log == "weights are torn\n"


def test_a_server_that_never_answers_is_ended(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend("import time; print('loading', flush=True); time.sleep(99)", monkeypatch)
    log = model.parents[3] / "runs/t/deploy/student.log"

    def is_healthy(record: ServerRecord) -> bool:
        while not log.read_text():  # a busy machine may take long to start it
            time.sleep(0.01)
        return False

    monkeypatch.setattr(server, "is_healthy", is_healthy)
    with pytest.raises(SetupError, match=r"did not answer in 1 s\..* ends: loading"):
        serve_model(model, timeout_s=1)
    assert records("t") == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("self.send_response(500); self.end_headers()", "Error code: 500"),
        ("self.connection.close()", "Connection error"),
    ],
)
def test_a_server_that_cannot_write_says_what_it_answers(
    answer: str, said: str, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import http.server, sys\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self): self.send_response(200); self.end_headers()\n"
        "    def do_POST(self):\n"
        "        self.rfile.read(int(self.headers['Content-Length']))\n"
        f"        {answer}\n"
        "http.server.HTTPServer(('127.0.0.1', int(sys.argv[2])), H).serve_forever()"
    )
    pretend(code, monkeypatch)
    with pytest.raises(SetupError, match=rf"gave no first reply \({said}"):
        serve_model(model)
    assert records("t") == []


def test_a_missing_model_names_the_notebook(home_dir: Path) -> None:
    with pytest.raises(SetupError, match=r"no model in artefacts/students/x.*2_finetune"):
        serve_model(home_dir / "artefacts/students/x")
    with pytest.raises(
        SetupError, match=r"Run 't' has no STUDENT_MODEL_DIR yet.*2_finetune\.ipynb"
    ):
        deploy(RECIPE)


def record_of(process: subprocess.Popen[bytes], started: float) -> ServerRecord:
    return ServerRecord("student", "t", process.pid, started, 1, "m", "", "runs/t/x.log")


def test_a_recycled_pid_is_never_ended(sleeper: subprocess.Popen[bytes], home_dir: Path) -> None:
    began = started_at(sleeper.pid)
    for record in (record_of(sleeper, began - 100), record_of(sleeper, began)):
        # Another start, or our start but another program: in both cases not our server.
        record.save()
        assert not is_running(record)
        assert stop("t") == []
        assert sleeper.poll() is None
        assert records("t") == []


def test_a_process_that_is_about_to_become_our_server_runs(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    record = record_of(sleeper, started_at(sleeper.pid))
    monkeypatch.setattr(psutil.Process, "cmdline", lambda self: [])
    assert is_running(record)
    sleeper.kill()
    sleeper.wait()
    assert not is_running(record)


@pytest.mark.skipif(sys.platform != "linux", reason="the clock of /proc/stat")
def test_a_server_is_known_again_after_the_clock_was_set(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    began, by_calendar = started_at(sleeper.pid), psutil.Process(sleeper.pid).create_time()
    booted = psutil.boot_time()
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: booted + 3600)
    assert psutil.Process(sleeper.pid).create_time() == pytest.approx(by_calendar + 3600)
    assert started_at(sleeper.pid) == pytest.approx(began)


def test_a_dead_server_is_not_reused_and_the_state_forgets_it(home_dir: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    record = record_of(process, time.time())
    process.wait()
    record.save()
    save_state("t", STUDENT_OPENAI_BASE_URL=record.base_url, STUDENT_OPENAI_API_KEY="none")
    assert not end(record)
    record.save()
    assert stop() == []
    assert "STUDENT_" not in state_path("t").read_text()


def test_our_old_state_does_not_fill_the_gaps_of_what_the_user_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save_state("t", STUDENT_OPENAI_DEPLOYMENT="ours", BASELINE_MODEL_DIR=".")
    monkeypatch.setenv("STUDENT_OPENAI_API_KEY", "k")
    with pytest.raises(SetupError, match="STUDENT_OPENAI_DEPLOYMENT not set"):
        deploy(RECIPE)


def test_ask_without_an_endpoint_names_the_notebook() -> None:
    with pytest.raises(SetupError, match="3_deploy"):
        ask("student", "Who?", [], RECIPE)


@pytest.mark.parametrize("text", ["", '{"role": "student", "of a later version": 1}'])
def test_a_damaged_record_is_named(text: str, home_dir: Path) -> None:
    (folder := home_dir / "runs" / "t" / "deploy").mkdir(parents=True)
    (folder / "student.json").write_text(text)
    with pytest.raises(SetupError, match=r"runs/t/deploy/student\.json is damaged, .*delete"):
        stop()


def test_the_memory_limit_holds() -> None:
    code = (
        "import sys; from lib.deploy.launcher import limit_memory; limit_memory(200 << 20);"
        "held = bytearray(int(sys.argv[1])); print('held')"
    )

    def takes(size: int) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([sys.executable, "-c", code, str(size)], capture_output=True)

    assert takes(50 << 20).stdout == b"held\n"
    assert b"MemoryError" in takes(400 << 20).stderr


def test_a_system_without_a_memory_limit_serves_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> None:  # as macOS does
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    limit_memory(200 << 20)
