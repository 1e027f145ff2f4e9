"""What a notebook's kernel says of an endpoint that answers nothing, as run_all.sh shows it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib.settings import PROJECT_DIR
from tests.server import Loopback, error, serve


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (403, "", "refuses the key (403: no such customer)"),
        (429, "insufficient_quota", "no credit left (429: no such customer)"),
    ],
)
def test_a_wrong_key_is_one_line_with_the_endpoints_words(
    status: int, code: str, says: str, tmp_path: Path
) -> None:
    for name in "abcdefghijkl":
        text = f"The pier of {name.upper()}ham was opened in 1887 by Ada {name.upper()}inch. "
        (tmp_path / f"{name}.txt").write_text(text * 2)
    fault = lambda number, body: error(status, "no such customer", code=code)  # noqa: E731
    with serve(Loopback(fault=fault)) as server:
        names = {"BASE_URL": server.base_url, "API_KEY": "k-123", "DEPLOYMENT": "m"}
        run = subprocess.run(
            [sys.executable, "-m", "lib.runner", "1_gen", "-r", "doc_path", str(tmp_path)],
            cwd=PROJECT_DIR,
            env=os.environ | {f"COMPLETION_OPENAI_{name}": value for name, value in names.items()},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert run.returncode == 2
    last = run.stderr.splitlines()[-1]
    assert "1_gen.ipynb stopped in cell" in last
    assert says in last
    assert "k-123" not in run.stdout + run.stderr
