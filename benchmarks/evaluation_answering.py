"""Answering at the endpoints' speed: first to last request over (service time / slots).

Two models under five conditions, 200 questions: 2,000 requests with 64 slots, 32 for each model,
against a loopback server that takes 0.3 s + 2 ms an output token. Then the same in a process that
is killed (SIGKILL) at a quarter, at half and at three quarters, and run again to its end: nothing
may be paid twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from benchmarks.generation_runs import ratio
from benchmarks.request_engine import passage
from benchmarks.teacher_server import Teacher, teacher
from lib.eval.answers import answer_cases
from lib.eval.conditions import Case
from lib.recipe import Recipe
from lib.records import Answer, Chunk
from lib.settings import PROJECT_DIR
from tests.server import opening

MODELS = ("student", "baseline")
SLOTS = 64  # of all models
NUM_QUESTIONS = 200
DOCUMENTS = {  # condition → documents; whether the oracle is among them
    "closed_book": (0, False),
    "oracle": (1, True),
    "oracle_distractors": (5, True),
    "distractors_only": (5, False),
    "top_7": (7, True),
}
TARGET = 1.05
KILLED_AT = (0.25, 0.5, 0.75)  # of the replies
# What was answered so shortly before a kill may be on its way, and nobody could keep it.
GRACE_S = 0.05
SCRIPT = "from benchmarks import evaluation_answering as it; it._answer(it.benchmark_cases())"


def main() -> int:
    """Print a line for a whole run and one for a run that was killed; 1 when a target is missed."""
    cases = benchmark_cases()
    return int(not (_fast(cases) & _resumes(cases)))


def _fast(cases: Sequence[Case]) -> bool:
    with teacher() as running, _home(running):
        cpu_s = time.process_time()
        _answer(cases)
        cpu_s = time.process_time() - cpu_s
        figures = running.figures()
    times, asked = ratio(figures, SLOTS), figures.outcomes["answered"]
    print(
        f"{times:.3f} × the lower bound (target {TARGET}), {asked:,} requests in "
        f"{figures.last_s - figures.first_s:.1f} s, at most {figures.max_in_flight} in flight, "
        f"{1000 * cpu_s / asked:.2f} ms of CPU each",
        flush=True,
    )
    return times <= TARGET


def _resumes(cases: Sequence[Case]) -> bool:
    total = len(MODELS) * len(cases)
    kills: list[float] = []
    with teacher() as running, _home(running):
        for share in KILLED_AT:
            with subprocess.Popen([sys.executable, "-c", SCRIPT], cwd=PROJECT_DIR) as process:
                while running.figures().outcomes.get("answered", 0) < share * total:
                    if process.poll() is not None:
                        raise RuntimeError(f"It ended with {process.returncode} before its kill.")
                    time.sleep(0.05)
                process.kill()
            kills.append(time.time())
        answers = _answer(cases)
        figures = running.figures()
    asked, twice = (
        figures.outcomes["answered"],
        figures.paid_twice(grace_s=GRACE_S, kills=tuple(kills)),
    )
    print(
        f"Killed {len(kills)} times: {len(answers):,} answers of {total:,}, {asked:,} replies "
        f"sent, {twice} paid twice (target 0)"
    )
    return len(answers) == total and not twice


def _answer(cases: Sequence[Case]) -> list[Answer]:
    return answer_cases(MODELS, cases, Recipe(concurrency=SLOTS // len(MODELS)))


@contextmanager
def _home(running: Teacher) -> Iterator[None]:
    """A home with nothing in it, and the endpoints of all models."""
    values = {
        f"{model.upper()}_OPENAI_{name}": value
        for model in MODELS
        for name, value in {
            "BASE_URL": running.base_url,
            "API_KEY": "none",
            "DEPLOYMENT": model,
        }.items()
    }
    with (
        tempfile.TemporaryDirectory(prefix="openbook-bench-") as folder,
        patch.dict(os.environ, {**values, "OPENBOOK_HOME": folder}),
    ):
        yield


def benchmark_cases() -> list[Case]:
    """Every question under every condition; each asks for the last word of a sentence."""
    texts = [passage(number) for number in range(NUM_QUESTIONS)]
    chunks = [Chunk(f"d{n}#0", f"d{n}", "", 1, 0, len(t), t) for n, t in enumerate(texts)]
    cases = []
    for condition, (count, with_oracle) in DOCUMENTS.items():
        for number, chunk in enumerate(chunks):
            asked = f"Which word ends the sentence that begins with “{opening(chunk.text)}”?"
            steps = range(0 if with_oracle else 1, count + (0 if with_oracle else 1))
            shown = tuple(chunks[(number + step) % len(chunks)] for step in steps)
            rank = 0 if with_oracle else None
            cases.append(Case(f"q{number}", asked, condition, shown, rank))
    return cases


if __name__ == "__main__":
    sys.exit(main())
