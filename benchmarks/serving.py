"""Requests per second and memory of the embedded student, served on a CPU in five ways.

Questions of the built-in teacher on the sample corpus, each with 3, 5 and 7 chunks as an evaluation
asks it; answers are compared with those that are generated one by one. Linux only (/proc).

Takes about 3 minutes.
"""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

from benchmarks.homes import documents, fresh_home
from lib.deploy.processes import ServerRecord, free_port, start_process
from lib.deploy.server import _command, _environment, stop, wait_until_ready
from lib.endpoints import EndpointSettings
from lib.engine.endpoint import Endpoint, Reply, run
from lib.engine.ledger import Ledger
from lib.finetune.students import EMBEDDED_MODEL_DIR
from lib.gen.corpus import Corpus
from lib.prompts.student import Message, student_messages
from lib.recipe import Recipe
from lib.settings import home
from offline.teacher import write_questions

MODEL, NUM_REQUESTS, MAX_TOKENS, IN_FLIGHT = "model", 24, 64, (1, 8)
CAPPED = "--continuous-batching --cb-num-blocks 64 --cb-max-batch-tokens 512"
SETTINGS = {  # servers, threads of each, options
    "1 thread, together (chosen)": (1, 1, "--batch"),
    "two such servers at once, each": (2, 1, "--batch"),
    "1 thread, one by one": (1, 1, ""),
    "2 threads, together": (1, 2, "--batch"),
    f"`{CAPPED}`, 1 thread": (1, 1, CAPPED),
}
Prompts = list[list[Message]]
CHUNKS = (3, 5, 7)  # of a question's prompts
TARGET = 2.0  # requests/s together against one by one, 8 in flight


def main(*, quick: bool = False) -> int:
    """Print a row for each setting; 1 when answering together gains less than TARGET, or
    changes an answer."""
    prompts = _prompts(documents(quick=quick))[: 1 if quick else NUM_REQUESTS]
    settings = dict(list(SETTINGS.items())[:1]) if quick else SETTINGS
    with fresh_home():
        (home() / MODEL).symlink_to(EMBEDDED_MODEL_DIR)
        print("setting | requests/s at 1 in flight | 8 | peak memory, MB | tokens read + written")
        rows = [_row(name, prompts, *how) for name, how in settings.items()]
    (together, answers), (alone, expected) = rows[0], rows[min(2, len(rows) - 1)]
    gain, same = together / alone, sum(map(str.__eq__, answers, expected))
    print(f"together, 8 in flight: {gain:.2f} times the requests/s (target {TARGET}), "
          f"{same} of {len(expected)} answers are the same")  # fmt: skip
    return int(gain < TARGET or same < len(expected))


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
    name: str, prompts: Prompts, servers: int, threads: int, options: str
) -> tuple[float, list[str]]:
    """Print a setting's figures; the requests/s at the most in flight, and the answers."""
    try:
        served = [_start(f"server{n}", threads, options) for n in range(servers)]
        rates, replies = zip(*(run(_ask(served, prompts, n)) for n in IN_FLIGHT), strict=True)
        peak = re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{served[0].pid}/status").read_text())
    finally:
        stop("bench")
    read = sum(reply.prompt_tokens for reply in replies[0]) / len(prompts)
    written = sum(reply.completion_tokens for reply in replies[0]) / len(prompts)
    figures = " | ".join(f"{rate:.1f}" for rate in rates)
    print(
        f"| {name} | {figures} | {int(peak[0]) // 1000} | {read:.0f} + {written:.0f} |", flush=True
    )
    return float(rates[-1]), [reply.text for reply in replies[-1]]


def _start(role: str, threads: int, options: str) -> ServerRecord:
    """A server as 3_deploy starts it, but with these threads and options and no memory limit."""
    port, log = free_port(), f"{role}.log"
    environment = _environment() | {"OMP_NUM_THREADS": str(threads)}
    command = _command(MODEL, port, f"--device cpu --dtype float32 {options}")
    pid, started = start_process(command, environment=environment, log_path=home() / log)
    record = ServerRecord(role, "bench", pid, started, port, MODEL, options, log)
    record.save()
    wait_until_ready(record, timeout_s=180.0)
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
