"""Answering at the endpoints' speed: first to last request over (service time / slots).

Two models under five conditions, 200 questions: 2,000 requests with 64 slots, 32 for each model,
against a loopback server that takes 0.3 s + 2 ms an output token. Then the same in a process that
is killed (SIGKILL) at a quarter, at half and at three quarters, and run again to its end: nothing
may be paid twice.

Takes about a minute.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.generation_runs import ratio
from benchmarks.homes import fresh_home
from benchmarks.request_engine import passage
from benchmarks.teacher_server import GRACE_S, teacher
from lib.eval.answers import answer_cases
from lib.eval.conditions import Case
from lib.eval.models import eval_models
from lib.recipe import Recipe
from lib.records import Answer, Chunk
from lib.settings import PROJECT_DIR
from tests.server import opening

MODELS = ("student", "baseline")
PREFIXES = ("STUDENT", "BASELINE")
SLOTS = 64  # of all models
RECIPE = Recipe(models=list(MODELS), plain_baseline=False, server_concurrency=SLOTS // len(MODELS))
NUM_QUESTIONS, QUICK_QUESTIONS = 200, 4
DOCUMENTS = {  # condition → documents; whether the oracle is among them
    "closed_book": (0, False),
    "oracle": (1, True),
    "oracle_distractors": (5, True),
    "distractors_only": (5, False),
    "top_7": (7, True),
}
TARGET = 1.05
KILLED_AT, QUICK_KILLED_AT = (0.25, 0.5, 0.75), (0.5,)  # shares of the replies
SCRIPT = "from benchmarks import evaluation_answering as it; it._answer(it.benchmark_cases({}))"


def main(*, quick: bool = False) -> int:
    """Print a line for a whole run and one for a run that was killed; 1 when a target is missed."""
    num_questions = QUICK_QUESTIONS if quick else NUM_QUESTIONS
    is_fast = _fast(benchmark_cases(num_questions))
    return int(not (_resumes(num_questions, QUICK_KILLED_AT if quick else KILLED_AT) and is_fast))


def _fast(cases: Sequence[Case]) -> bool:
    with teacher() as running, fresh_home(**dict.fromkeys(PREFIXES, running.base_url)):
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


def _resumes(num_questions: int, killed_at: Sequence[float]) -> bool:
    cases = benchmark_cases(num_questions)
    total = len(MODELS) * len(cases)
    kills: list[float] = []
    script = [sys.executable, "-c", SCRIPT.format(num_questions)]
    with teacher() as running, fresh_home(**dict.fromkeys(PREFIXES, running.base_url)):
        for share in killed_at:
            with subprocess.Popen(script, cwd=PROJECT_DIR) as process:
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
    return answer_cases(eval_models(RECIPE), cases, RECIPE)


def benchmark_cases(num_questions: int = NUM_QUESTIONS) -> list[Case]:
    """Every question under every condition; each asks for the last word of a sentence."""
    texts = [passage(number) for number in range(num_questions)]
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
