"""What a notebook says of an endpoint that answers nothing, as run_all.sh shows it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lib.prompts.student import cot_label
from lib.settings import PROJECT_DIR
from lib.state import save_state
from tests.gen.dataset import make, write
from tests.ledger import replies_of
from tests.server import Body, Loopback, error, serve

SAID = "no such customer"


def started(
    notebook: str, server: Loopback, *roles: str, options: tuple[str, ...]
) -> subprocess.Popen[str]:
    """A notebook with these roles at the server."""
    names = {"BASE_URL": f"{server.base_url}?token=k-456", "API_KEY": "k-123"}
    endpoints = {
        f"{role.upper()}_OPENAI_{name}": value
        for role in roles
        for name, value in (names | {"DEPLOYMENT": f"the-{role}"}).items()
    }
    return subprocess.Popen(
        [sys.executable, "-m", "lib.runner", notebook, *options],
        cwd=PROJECT_DIR,
        env=os.environ | endpoints,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def last_line(notebook: str, server: Loopback, *roles: str, options: tuple[str, ...]) -> str:
    """Run a notebook with these roles at the server; it ends as a user's mistake."""
    run = started(notebook, server, *roles, options=options)
    out, said = run.communicate(timeout=300)
    assert run.returncode == 2, said
    assert "k-123" not in out + said
    assert "k-456" not in out + said
    last = said.splitlines()[-1]
    assert f"{notebook}.ipynb stopped in cell" in last
    assert "CellExecutionError" not in last
    return last


@pytest.fixture
def documents_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name in "abcdefghijkl":
        text = f"The pier of {name.upper()}ham was opened in 1887 by Ada {name.upper()}inch. "
        (folder / f"{name}.txt").write_text(text * 2)
    return folder


def test_replies_in_flight_are_kept_when_a_run_is_ended(documents_dir: Path) -> None:
    server = Loopback(release=threading.Event())
    with serve(server):
        run = started("1_gen", server, "completion", options=("-r", "doc_path", str(documents_dir)))
        while len(server.requests) < 12:
            time.sleep(0.1)
        run.send_signal(signal.SIGTERM)
        time.sleep(6)  # Jupyter gives a kernel 5 s to end
        assert server.release is not None
        server.release.set()
        _, said = run.communicate(timeout=300)
    assert (run.returncode, said.count("\n")) == (143, 1)
    assert replies_of("teacher") == len(server.answered) == 12


def test_a_teachers_wrong_key_is_one_line_with_the_endpoints_words(documents_dir: Path) -> None:
    fault = lambda number, body: error(403, SAID)  # noqa: E731
    with serve(Loopback(fault=fault)) as server:
        last = last_line(
            "1_gen", server, "completion", options=("-r", "doc_path", str(documents_dir))
        )
    assert f"refuses the key (403: {SAID})" in last


@pytest.mark.parametrize(
    ("role", "status", "code", "says"),
    [
        ("student", 403, "", f"refuses the key (403: {SAID}). Check it"),
        ("judge", 429, "insufficient_quota", f"no credit left (429: {SAID}). Add credit"),
    ],
)
def test_the_wrong_key_of_an_evaluation_is_one_line_and_paid_answers_are_kept(
    role: str, status: int, code: str, says: str
) -> None:
    save_state("t", DATASET_DIR=str(write(make())))

    def fault(number: int, body: Body) -> object:
        return error(status, SAID, code=code) if body["model"] == f"the-{role}" else None

    values = {"run_name": "t", "max_questions": "2", "top_k": "[2]", "plain_baseline": "False"}
    options = tuple(word for name, value in values.items() for word in ("-r", name, value))
    reply = lambda body: cot_label("The document says:", "a b", "c")  # noqa: E731
    with serve(Loopback(reply=reply, fault=fault)) as server:
        roles = ("student", "baseline", "embedding", "judge")
        last = last_line("4_eval", server, *roles, options=("--from", "4", *options))
    assert f"The {role} at {server.base_url}?token=***" in last
    assert says in last
    answered = [body for body in server.answered if '"the-embedding"' not in body]
    assert sum(replies_of(one) for one in ("student", "baseline")) == len(answered) > 0
    if role == "judge":
        assert len(answered) == 2 * 2 * 5  # models, questions, conditions
