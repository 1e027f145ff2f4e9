"""Requests per second, CPU time and memory of the embedded student on a CPU, by every engine.

transformers in five ways, and the other engines that are installed (docs/serving.md).

Questions of the built-in teacher on the sample corpus, each with 3, 5 and 7 chunks as an evaluation
asks it; answers are compared with those that are generated one by one. Linux only (/proc).

Takes about 8 minutes.
"""

from __future__ import annotations

import asyncio
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from benchmarks.homes import documents, fresh_home
from lib.deploy.engines import ENGINES, is_installed
from lib.deploy.processes import ServerRecord, free_port, start_process
from lib.deploy.server import _environment, stop, wait_until_ready
from lib.endpoints import EndpointSettings
from lib.engine.endpoint import Endpoint, Reply, run
from lib.engine.ledger import Ledger
from lib.finetune.students import EMBEDDED_MODEL_DIR
from lib.gen.corpus import Corpus
from lib.prompts.student import Message, student_messages
from lib.recipe import Recipe
from lib.settings import SetupError, home
from offline.teacher import write_questions

MODEL, NUM_REQUESTS, MAX_TOKENS, IN_FLIGHT = "model", 33, 64, (1, 8, 32)
PLAIN = "--device cpu --dtype float32"
CAPPED = "--continuous-batching --cb-num-blocks 64 --cb-max-batch-tokens 512"
CHOSEN, ALONE = "1 thread, together (chosen)", "1 thread, one by one"
SETTINGS: dict[str, tuple[int, int, dict[str, Any], str]] = {  # servers, threads, knobs, options
    CHOSEN: (1, 1, {}, f"{PLAIN} --batch"),
    "two such servers at once, each": (2, 1, {}, f"{PLAIN} --batch"),
    ALONE: (1, 1, {}, PLAIN),
    "2 threads, together": (1, 2, {}, f"{PLAIN} --batch"),
    f"`{CAPPED}`, 1 thread": (1, 1, {}, f"{PLAIN} {CAPPED}"),
    "llama.cpp, f32": (1, 1, {"engine": "llama_cpp", "gguf_type": "f32"}, ""),
    "llama.cpp, q8_0": (1, 1, {"engine": "llama_cpp", "gguf_type": "q8_0"}, ""),
    "vLLM": (1, 1, {"engine": "vllm"}, ""),
}
Prompts = list[list[Message]]
CHUNKS = (3, 5, 7)  # of a question's prompts
TARGET = 2.0  # CPU seconds one by one against together, 8 in flight


def main(*, quick: bool = False) -> int:
    """Print a row for each setting; 1 when answering together gains less than TARGET, or
    changes an answer, or an engine that is installed does not answer."""
    prompts = _prompts(documents(quick=quick))
    each = 1 if quick else NUM_REQUESTS  # others at each number in flight: engines keep prompts
    groups = [prompts[place * each :][:each] for place in range(len(IN_FLIGHT))]
    settings = dict(list(SETTINGS.items())[:1]) if quick else SETTINGS
    settings = {n: how for n, how in settings.items() if is_installed(_engine_of(how[2]))}
    answers: dict[str, list[str]] = {}
    spent: dict[str, float] = {}
    with fresh_home():
        (home() / MODEL).symlink_to(EMBEDDED_MODEL_DIR)
        print("setting | requests/s at 1 in flight | 8 | 32 | CPU s an answer at 1 | 8 | 32 | "
              "CPU s to start | peak memory, MB | tokens read + written")  # fmt: skip
        for name, how in settings.items():
            try:
                spent[name], answers[name] = _row(name, groups, *how)
            except SetupError as error:  # the other engines are measured all the same
                if name == CHOSEN:
                    raise
                print(f"| {name} | {error} |", flush=True)
    expected = answers.get(ALONE, answers[CHOSEN])
    same = {n: sum(map(str.__eq__, found, expected)) for n, found in answers.items()}
    for name, count in same.items():
        print(f"{name}: {count} of {len(expected)} answers are those of one by one")
    gain = spent.get(ALONE, spent[CHOSEN]) / max(spent[CHOSEN], 0.01)
    print(f"one by one takes {gain:.2f} times the CPU time of together (target {TARGET}), "
          f"{same[CHOSEN]} of {len(expected)} answers are the same")  # fmt: skip
    failed = len(answers) < len(settings)
    return int(failed or gain < TARGET or same[CHOSEN] < len(expected))


def _engine_of(knobs: dict[str, Any]) -> str:
    return str(knobs.get("engine", "transformers"))


def _prompts(doc_path: str) -> Prompts:
    recipe = Recipe(doc_path=doc_path, chunk_chars=500, chunk_overlap_chars=50)
    chunks = Corpus(recipe).read().chunks
    return [
        student_messages(question.text, [near.text for near in chunks[place : place + count]])
        for place, chunk in enumerate(chunks[: -CHUNKS[-1]])
        for question in write_questions(chunk, num_questions=1, seed=0)
        for count in CHUNKS
    ]


def _row(
    name: str,
    groups: list[Prompts],
    servers: int,
    threads: int,
    knobs: dict[str, Any],
    options: str,
) -> tuple[float, list[str]]:
    """Print a setting's figures; the CPU seconds of an answer at 8 in flight, and all answers."""
    try:
        served = [_start(f"server{n}", threads, knobs, options) for n in range(servers)]
        used = [_cpu_s(served[0].pid)]
        rates, replies = [], []
        for count, prompts in zip(IN_FLIGHT, groups, strict=True):
            rate, found = run(_ask(served, prompts, count))
            rates.append(rate)
            replies += found
            used.append(_cpu_s(served[0].pid))
        peak = sum(map(_peak_mb, _tree(served[0].pid)))
    finally:
        stop("bench")
    read = sum(reply.prompt_tokens for reply in replies) / len(replies)
    written = sum(reply.completion_tokens for reply in replies) / len(replies)
    figures = [f"{rate:.1f}" for rate in rates]
    each = [(b - a) / len(groups[0]) for a, b in pairwise(used)]
    figures += [f"{one:.2f}" for one in each] + [f"{used[0]:.0f}", str(peak)]
    print(f"| {name} | {' | '.join(figures)} | {read:.0f} + {written:.0f} |", flush=True)
    return each[1], [reply.text for reply in replies]


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _cpu_s(pid: int) -> float:
    """What a server and its children have used so far."""
    times = [one.cpu_times() for one in _tree(pid)]
    return float(sum(one.user + one.system for one in times))


def _peak_mb(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) // 1000


def _start(role: str, threads: int, knobs: dict[str, Any], options: str) -> ServerRecord:
    """A server as 3_deploy starts it, but with these threads; options: other than its own."""
    name, recipe = _engine_of(knobs), Recipe(**knobs)
    engine, port, log = ENGINES[name], free_port(), f"{role}.log"
    environment = _environment() | {"OMP_NUM_THREADS": str(threads)}
    if engine.KEY_NAME:
        environment[engine.KEY_NAME] = "none"
    options = options or engine.options(home() / MODEL, recipe, adapters={})
    command = engine.command(MODEL, port, options)
    pid, started = start_process(command, environment=environment, log_path=home() / log)
    record = ServerRecord(role, "bench", pid, started, port, MODEL, options, log, name)
    record.save()
    wait_until_ready(record, timeout_s=1200.0)
    return record


async def _ask(
    served: list[ServerRecord], prompts: Prompts, count: int
) -> tuple[float, list[Reply]]:
    """Ask all servers at once: requests/s of the slowest, replies of the first."""

    async def ask_one(one: ServerRecord) -> list[Reply]:
        settings = EndpointSettings("student", "openai", one.base_url, one.model, "none")
        ledger = Ledger(home() / f"{one.port}-{count}.sqlite")  # its own: every one is sent
        async with Endpoint(settings, Recipe(server_concurrency=count), ledger=ledger) as endpoint:
            return await asyncio.gather(*(endpoint.ask(p, max_tokens=MAX_TOKENS) for p in prompts))

    start = time.monotonic()
    replies = await asyncio.gather(*map(ask_one, served))
    return len(prompts) / (time.monotonic() - start), replies[0]
