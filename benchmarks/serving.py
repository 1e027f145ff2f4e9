"""Requests per second and memory of the embedded student, served on a CPU in five ways.

Questions of the built-in teacher on the sample corpus, five chunks a prompt. Linux only (/proc).

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
    "1 thread, prompt lookup (chosen)": (1, 1, "--prompt-lookup"),
    "two such servers at once, each": (2, 1, "--prompt-lookup"),
    "1 thread": (1, 1, ""),
    "2 threads, prompt lookup": (1, 2, "--prompt-lookup"),
    f"`{CAPPED}`, 1 thread": (1, 1, CAPPED),
}
Prompts = list[list[Message]]
TARGET = 1.2  # requests/s with prompt lookup against the same without, 8 in flight


def main(*, quick: bool = False) -> int:
    """Print a row for each setting; 1 when prompt lookup gains less than TARGET."""
    prompts = _prompts(documents(quick=quick))[: 1 if quick else NUM_REQUESTS]
    settings = dict(list(SETTINGS.items())[:1]) if quick else SETTINGS
    with fresh_home():
        (home() / MODEL).symlink_to(EMBEDDED_MODEL_DIR)
        print("setting | requests/s at 1 in flight | 8 | peak memory, MB | tokens read + written")
        rates = [_row(name, prompts, *how) for name, how in settings.items()]
    gain = rates[0] / rates[min(2, len(rates) - 1)]
    print(f"prompt lookup, 8 in flight: {gain:.2f} times the requests/s (target {TARGET})")
    return int(gain < TARGET)


def _prompts(doc_path: str) -> Prompts:
    recipe = Recipe(doc_path=doc_path, chunk_chars=500, chunk_overlap_chars=50)
    chunks = Corpus(recipe).read().chunks
    return [
        student_messages(question.text, [near.text for near in chunks[place : place + 5]])
        for place, chunk in enumerate(chunks[:-5])
        for question in write_questions(chunk, num_questions=1, seed=0)
    ]


def _row(name: str, prompts: Prompts, servers: int, threads: int, options: str) -> float:
    """Print a setting's figures; the requests/s at the most in flight."""
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
    return float(rates[-1])


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
