"""Coroutines from plain code: many at once, and from inside a notebook."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from lib.engine.faults import EndpointError

Item = TypeVar("Item")
Result = TypeVar("Result")


async def gather_all(
    items: Sequence[Item],
    work: Callable[[Item], Awaitable[Result]],
    *,
    on_done: Callable[[], None] = lambda: None,
) -> list[Result | EndpointError]:
    """Run `work` on every item at once; results in the items' order. `on_done`: at each success.

    An EndpointError takes its item's place; any other error cancels the rest and is raised.
    """

    async def one(item: Item) -> Result | EndpointError:
        try:
            result = await work(item)
        except EndpointError as error:
            return error
        on_done()
        return result

    failed: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except BaseExceptionGroup as errors:
        failed = errors.exceptions[0]
    if failed:  # raised here: IPython shows no error whose context is a group
        raise failed
    return [task.result() for task in tasks]


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end, also inside a notebook's running event loop.

    An interrupt (Ctrl-C, a kernel's stop button) cancels it and waits for its clean-up.
    """
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Result]]] = []
    loop_factory: Any = None
    with suppress(ImportError):  # on Windows
        import uvloop

        loop_factory = uvloop.new_event_loop  # it sends requests sooner (docs/experiments.md)

    def work() -> Result:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            loop = runner.get_loop()
            running.append((loop, loop.create_task(coroutine)))
            return loop.run_until_complete(running[0][1])

    with ThreadPoolExecutor(max_workers=1) as thread:
        outcome = thread.submit(work)
        try:
            return outcome.result()
        except KeyboardInterrupt:
            for loop, task in running:
                loop.call_soon_threadsafe(task.cancel)
            raise
