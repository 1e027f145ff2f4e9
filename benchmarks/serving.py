"""Requests per second of the embedded model as 3_deploy serves it on a CPU, 1 and 8 in flight."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

NUM_REQUESTS, PROMPT_WORDS, ANSWER_TOKENS = 24, 700, 64
TARGET_PER_S = 1.0


def main() -> int:
    """Print both rates; 1 when the rate at 8 in flight is below TARGET_PER_S."""
    with tempfile.TemporaryDirectory(prefix="openbook-bench-") as folder:
        os.environ["OPENBOOK_HOME"] = folder
        rates = {in_flight: _rate(in_flight, Path(folder)) for in_flight in (1, 8)}
    print(" · ".join(f"{rate:.2f} requests/s at {n} in flight" for n, rate in rates.items()))
    return int(rates[8] < TARGET_PER_S)


def _rate(in_flight: int, home: Path) -> float:
    from lib.deploy.server import deploy_model, stop
    from lib.endpoint import Endpoint, Reply, gather_all, run
    from lib.finetune.export import prepare_baseline
    from lib.finetune.students import fetch_student
    from lib.ledger import Ledger
    from lib.prompts import student_messages
    from lib.settings import PROJECT_DIR, EndpointSettings

    base = fetch_student("embedded")
    template = (base.folder / "chat_template.jinja").read_text(encoding="utf-8")
    served = deploy_model(
        "baseline", prepare_baseline(base, chat_template=template), run_name="bench"
    )
    words = (PROJECT_DIR / "sample_data" / "tamsay-line.txt").read_text(encoding="utf-8").split()
    prompts = [
        student_messages(f"What is number {i}?", [" ".join(words[i : i + PROMPT_WORDS])])
        for i in range(NUM_REQUESTS)
    ]
    settings = EndpointSettings("baseline", "openai", served.base_url, served.model, "none")

    async def ask_all() -> float:
        ledger = Ledger(home / f"ledger-{in_flight}.sqlite")
        async with Endpoint(settings, ledger=ledger, concurrency=in_flight) as endpoint:

            async def ask(messages: list[dict[str, str]]) -> Reply:
                return await endpoint.ask(messages, max_tokens=ANSWER_TOKENS)

            start = time.monotonic()
            await gather_all(prompts, ask)
            return NUM_REQUESTS / (time.monotonic() - start)

    try:
        return run(ask_all())
    finally:
        stop("bench")
