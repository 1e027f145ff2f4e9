"""Coroutines from plain code."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future

import pytest

from lib.engine.faults import EndpointError
from lib.engine.tasks import gather_all, run
from lib.settings import SetupError
from tests.processes import interruptible


def test_run_works_inside_a_running_loop() -> None:
    async def notebook() -> str:
        return run(asyncio.sleep(0, "done"))

    assert asyncio.run(notebook()) == "done"


def test_the_loop_is_uvloop_s_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def whose() -> str:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    if sys.platform != "win32":
        assert run(whose()) == "uvloop"
    monkeypatch.setitem(sys.modules, "uvloop", None)  # as if it were not installed
    assert run(whose()) == "asyncio"


def test_results_stand_in_order_and_endpoint_errors_in_their_place() -> None:
    done = []

    async def work(number: int) -> int:
        await asyncio.sleep(0.001 * (5 - number))
        if number == 2:
            raise EndpointError("no")
        return number

    found = run(gather_all(range(5), work, on_done=lambda: done.append(1)))
    assert [str(result) for result in found] == ["0", "1", "no", "3", "4"]
    assert len(done) == 4  # a failure is no progress


def test_anything_else_ends_them_all() -> None:
    async def work(number: int) -> None:
        if number:
            await asyncio.sleep(60)
        raise SetupError("stop")

    with pytest.raises(SetupError, match="stop"):
        run(gather_all(range(5), work))


INTERRUPTED = """
import asyncio
from lib.engine.tasks import run

async def main():
    print("started", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.05)
        print("tidied", flush=True)

try:
    run(main())
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_cancels_and_waits_for_the_end() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
        preexec_fn=interruptible,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert output.splitlines() == ["tidied", "interrupted"]


def test_an_interrupt_before_the_loop_is_there_begins_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, interrupted, get_loop = [], threading.Event(), asyncio.Runner.get_loop
    results = iter([Future.result])  # of the first future, which starts the thread

    async def work() -> None:
        begun.append(True)

    def result(future: Future[object]) -> object:
        if original := next(results, None):
            return original(future)
        interrupted.set()
        raise KeyboardInterrupt

    def late(runner: asyncio.Runner) -> asyncio.AbstractEventLoop:
        interrupted.wait(60)
        time.sleep(0.1)
        return get_loop(runner)

    monkeypatch.setattr(asyncio.Runner, "get_loop", late)
    monkeypatch.setattr(Future, "result", result)
    with pytest.raises(KeyboardInterrupt):
        run(work())
    assert not begun


def test_an_interrupt_while_the_thread_starts_begins_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, start = [], threading.Thread.start

    async def work() -> None:
        begun.append(True)

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        raise KeyboardInterrupt

    coroutine = work()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(coroutine)
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join()
    coroutine.close()
    assert not begun
