"""What a notebook says of an endpoint that answers nothing, as run_all.sh shows it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib.prompts.student import cot_label
from lib.settings import PROJECT_DIR
from lib.state import save_state
from tests.gen.dataset import make, write
from tests.ledger import replies_of
from tests.server import Body, Loopback, error, serve

SAID = "no such customer"


def last_line(notebook: str, server: Loopback, *roles: str, options: tuple[str, ...]) -> str:
    """Run a notebook with these roles at the server; it ends as a user's mistake."""
    names = {"BASE_URL": f"{server.base_url}?token=k-456", "API_KEY": "k-123"}
    endpoints = {
        f"{role.upper()}_OPENAI_{name}": value
        for role in roles
        for name, value in (names | {"DEPLOYMENT": f"the-{role}"}).items()
    }
    run = subprocess.run(
        [sys.executable, "-m", "lib.runner", notebook, *options],
        cwd=PROJECT_DIR,
        env=os.environ | endpoints,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 2, run.stderr
    assert "k-123" not in run.stdout + run.stderr
    assert "k-456" not in run.stdout + run.stderr
    last = run.stderr.splitlines()[-1]
    assert f"{notebook}.ipynb stopped in cell" in last
    assert "CellExecutionError" not in last
    return last


def test_a_teachers_wrong_key_is_one_line_with_the_endpoints_words(tmp_path: Path) -> None:
    for name in "abcdefghijkl":
        text = f"The pier of {name.upper()}ham was opened in 1887 by Ada {name.upper()}inch. "
        (tmp_path / f"{name}.txt").write_text(text * 2)
    fault = lambda number, body: error(403, SAID)  # noqa: E731
    with serve(Loopback(fault=fault)) as server:
        last = last_line("1_gen", server, "completion", options=("-r", "doc_path", str(tmp_path)))
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
