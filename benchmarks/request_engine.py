"""The request engine alone: use of 64 and 256 slots, CPU, the first request, delays of the loop.

One request for questions and three for answers that follow from it, for each of 375 chunks, as on
the nine surfing PDFs; the teacher is benchmarks/teacher_server.py.

Takes about half a minute.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.generation_runs import FEW_SLOTS, ratio
from benchmarks.generation_speed import TARGETS
from benchmarks.teacher_server import Behaviour, Figures, teacher
from lib.endpoints import EndpointSettings
from lib.engine.endpoint import Endpoint, EndpointError, gather_all, run
from lib.engine.ledger import Ledger
from lib.prompts.student import DOCUMENT_BEGIN, DOCUMENT_END
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR

CHUNKS, FEW_CHUNKS = 375, 8
TARGET_CPU_S = 1.5  # per 1,000 requests
TARGET_START_S = 0.7  # from the start of a process that imports the engine alone
WORDS = (
    "harbour keeper light tower lamp storm northern boat crew winter signal stone island repair "
    "painted measured carried opened rebuilt observed"
).split()


@dataclass(frozen=True)
class Measured:
    """One run against the teacher."""

    slots: int
    figures: Figures
    cpu_s: float
    lag_ms: float  # the longest delay of the event loop
    failures: list[EndpointError]

    @property
    def ratio(self) -> float:
        """From the first request to the last reply, over the lower bound."""
        return ratio(self.figures, self.slots)

    @property
    def cpu_per_1000_s(self) -> float:
        return self.cpu_s / sum(self.figures.outcomes.values()) * 1000


def main(*, quick: bool = False) -> int:
    """Print a line for the start and for each number of slots; 1 when a target is missed."""
    start_s = start()
    print(f"first request {start_s:.2f} s after the process starts (target {TARGET_START_S})")
    missed = start_s > TARGET_START_S
    for slots, target in {FEW_SLOTS: 1.05}.items() if quick else TARGETS.items():
        measured = measure(slots, chunks=FEW_CHUNKS if quick else CHUNKS)
        print(row(measured), f"(targets {target} and {TARGET_CPU_S})", flush=True)
        missed |= measured.ratio > target or measured.cpu_per_1000_s > TARGET_CPU_S
        missed |= bool(measured.failures)
    return int(missed)


def measure(slots: int, *, chunks: int, behaviour: Behaviour | None = None) -> Measured:
    """Ask a teacher everything about so many chunks, with an empty ledger."""
    texts = [passage(number) for number in range(chunks)]
    with tempfile.TemporaryDirectory(prefix="openbook-bench-") as folder, teacher(behaviour) as t:
        settings = EndpointSettings("teacher", "openai", t.base_url, "loopback", "none")
        cpu_s = time.process_time()
        lag_s, failures = run(ask_all(texts, settings, slots, Path(folder)))
        return Measured(slots, t.figures(), time.process_time() - cpu_s, lag_s * 1000, failures)


async def ask_all(
    texts: list[str], settings: EndpointSettings, slots: int, folder: Path
) -> tuple[float, list[EndpointError]]:
    """The event loop's longest delay, in seconds, and what failed."""
    with closing(Ledger(folder / "ledger.sqlite")) as ledger:
        async with Endpoint(settings, Recipe(concurrency=slots), ledger=ledger) as endpoint:

            async def ask(text: str, task: str, **options: int) -> str:
                content = f"{DOCUMENT_BEGIN}{text}{DOCUMENT_END}\n{task}"
                return (await endpoint.ask([{"role": "user", "content": content}], **options)).text

            async def work(text: str) -> None:
                reply = await ask(text, "Write 3 questions.", max_tokens=1024, priority=1)
                questions = json.loads(reply)["questions"]
                await asyncio.gather(*(ask(text, q, max_tokens=2048) for q in questions))

            lag = asyncio.create_task(_longest_delay())
            failures = [r for r in await gather_all(texts, work) if isinstance(r, EndpointError)]
            lag.cancel()
            return await lag, failures


async def _longest_delay() -> float:
    longest, step_s = 0.0, 0.005
    try:
        while True:
            start = time.monotonic()
            await asyncio.sleep(step_s)
            longest = max(longest, time.monotonic() - start - step_s)
    except asyncio.CancelledError:
        return longest


def start() -> float:
    """Seconds from the start of a process to its first request."""
    with tempfile.TemporaryDirectory(prefix="openbook-bench-") as folder, teacher() as t:
        started = time.time()
        command = [sys.executable, "-c", _ASK_ONCE, t.base_url, f"{folder}/ledger.sqlite"]
        subprocess.run(command, cwd=PROJECT_DIR, check=True)
        return t.figures().first_s - started


_ASK_ONCE = """
import sys
from pathlib import Path
from lib.engine.endpoint import Endpoint, run
from lib.engine.ledger import Ledger
from lib.recipe import Recipe
from lib.endpoints import EndpointSettings

async def main():
    settings = EndpointSettings("teacher", "openai", sys.argv[1], "loopback", "none")
    async with Endpoint(settings, Recipe(), ledger=Ledger(Path(sys.argv[2]))) as endpoint:
        await endpoint.ask([{"role": "user", "content": "Hello"}], max_tokens=9)

run(main())
"""


def passage(number: int) -> str:
    """About 750 characters, in sentences of 8 to 20 words; each ends with a word of its own."""
    rng = random.Random(number)
    sentences: list[str] = []
    while len(" ".join(sentences)) < 700:
        words = " ".join(rng.choices(WORDS, k=rng.randint(8, 20)))
        sentences.append(f"{words.capitalize()} number{number}x{len(sentences)}.")
    return " ".join(sentences)


def row(measured: Measured) -> str:
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    outcomes = json.dumps(measured.figures.outcomes)
    return (
        f"{measured.slots} slots: {measured.ratio:.3f} × the lower bound, "
        f"{measured.cpu_per_1000_s:.2f} s of CPU per 1,000 requests, longest delay of the event "
        f"loop {measured.lag_ms:.0f} ms, peak memory {memory_mib:.0f} MiB, {outcomes}"
    )
