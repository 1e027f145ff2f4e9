"""Answering has what the request engine has: budget, limits, time-outs, and resume after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from lib.engine.endpoint import Budget
from lib.eval.answers import answer_cases
from lib.eval.models import eval_models
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, SetupError
from tests.eval.test_answers import make_cases, models, use
from tests.ledger import replies_of
from tests.server import Loopback, error, serve


def test_one_budget_holds_for_all_models(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = make_cases()
    with serve() as server:
        use(monkeypatch, server, "STUDENT", "BASELINE")
        budget = Budget(max_tokens_total=1_500)
        with pytest.raises(SetupError, match=r"max_tokens_total = 1,500 is spent.*are kept"):
            answer_cases(
                models("student", "baseline"), cases, Recipe(server_concurrency=2), budget=budget
            )
        paid = len(server.answered)
        assert 4 < paid < 24
        assert len(answer_cases(models("student", "baseline"), cases, Recipe())) == 24
        assert max(Counter(server.answered).values()) == 1


def test_limits_pace_each_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as server:
        use(monkeypatch, server, "STUDENT")
        began = time.monotonic()
        answer_cases(models("student"), make_cases(3), Recipe(requests_per_minute=240))
    assert len(server.requests) == 6  # four at once, then one each 0.25 s
    assert server.arrived[-1] - began >= 0.5


def test_a_reply_that_never_comes_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Loopback(fault=lambda n, body: "hang" if n == 3 else None)) as server:
        use(monkeypatch, server, "STUDENT")
        answers = answer_cases(
            models("student"), make_cases(2), Recipe(timeout_s=1.0, max_retries=8)
        )
    assert len(answers) == 4
    assert len(server.requests) > 4


def test_refused_requests_are_said_and_all_of_them_end_the_evaluation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = make_cases()
    flagged = cases[0].question
    with serve() as server:
        use(monkeypatch, server, "STUDENT")
        server.fault = lambda n, body: error(400, "no") if flagged in str(body) else None
        answers = answer_cases(models("student"), cases, Recipe())
        refused = [answer for answer in answers if answer.finish_reason == "refused: 400: no"]
        assert 0 < len(refused) < len(answers)
        said = f"student: {len(refused)} of {len(answers)} requests were refused; the first: "
        assert f"{said}refused: 400: no" in capsys.readouterr().out
        server.fault = lambda n, body: error(400, "too long") if len(str(body)) > 200 else None
        other = Recipe(max_answer_tokens=9)  # nothing of it is in the ledger
        with pytest.raises(SetupError, match=r"student: (\d+) of \1 requests .*400: too long"):
            answer_cases(models("student"), cases, other)


SCRIPT = """
from lib.eval.answers import answer_cases
from lib.eval.models import eval_models
from lib.recipe import Recipe
from tests.eval.test_answers import make_cases
answer_cases(eval_models(Recipe()), make_cases(8), Recipe(server_concurrency=2))
"""


def replies_kept(home: Path) -> int:
    if not (home / "artefacts" / "ledger.sqlite").exists():
        return 0
    return sum(replies_of(role) for role in ("student", "baseline"))


def test_killed_halfway_and_run_again_pays_nothing_twice(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve() as server:
        use(monkeypatch, server, "STUDENT", "BASELINE")
        asked, cases = eval_models(Recipe()), make_cases(8)
        total = len(asked) * len(cases)
        server.hold_from = total // 2  # the rest would wait for ever: the kill comes in the middle
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            cwd=PROJECT_DIR,
            env=dict(os.environ),
            stdout=subprocess.DEVNULL,
        )
        committed = total // 2 - 1
        while replies_kept(home_dir) < committed:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert replies_kept(home_dir) == len(server.answered) == committed > 10
        server.hold_from = 0
        resumed = answer_cases(asked, cases, Recipe(server_concurrency=4))
        assert len(resumed) == len(server.answered) == total
        assert max(Counter(server.answered).values()) == 1
        assert answer_cases(asked, cases, Recipe()) == resumed
