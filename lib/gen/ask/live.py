"""How the teacher's requests are sent: live, chunks streaming in meanwhile; or as batches.

Both run the same coroutine (rows.py) for each chunk. What live sending adds is speed:

* Chunks come from a thread: reading documents never holds a reply up. It gives the interpreter back
  after 1 ms, not 5.
* Requests begin 8 at a time: of 100 begun at once, the first is sent when the last is ready.
* A chunk whose first request is in the ledger waits until all others are under way: after a kill
  the first request that costs something is sent at once.
* Only so many chunks are at work at a time: 100,000 fit.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, closing
from operator import itemgetter
from typing import Any, TypeVar

from lib.endpoints import EndpointSettings
from lib.engine.batch import BatchEndpoint, in_batches
from lib.engine.budget import budget_of
from lib.engine.endpoint import Endpoint, chat_request
from lib.engine.ledger import Ledger
from lib.engine.replies import Reply
from lib.gen.ask.rows import Ask, Candidate, OnQuestion, RowWriter, first_request
from lib.gen.ask.shares import Share
from lib.progress import Progress
from lib.prompts.student import Message
from lib.recipe import Recipe

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")

# Chunks at work for each request in flight: enough that answers never lack questions.
_CHUNKS_PER_REQUEST = 4
_AHEAD = 1000  # chunks prepared before they can be begun
_BURST = 8


def _sender(endpoints: Mapping[str, Endpoint | BatchEndpoint]) -> Ask:
    """Sends each request to the endpoint of its role; without a judge, the teacher is asked."""

    async def ask(messages: list[Message], *, role: str = "teacher", **options: Any) -> Reply:
        return await endpoints.get(role, endpoints["teacher"]).ask(messages, **options)

    return ask


def ask_in_batches(
    groups: Iterable[tuple[Share, ...]], recipe: Recipe, roles: Mapping[str, EndpointSettings]
) -> list[Candidate]:
    groups = list(groups)
    with closing(Ledger()) as ledger:
        endpoints = {role: BatchEndpoint(settings, ledger) for role, settings in roles.items()}

        async def attempt() -> tuple[RowWriter, list[Candidate]]:
            writer = RowWriter(recipe, _sender(endpoints))
            found = [await writer.rows_of(shares) for shares in groups]
            return writer, [candidate for candidates in found for candidate in candidates]

        writer, candidates = in_batches(list(endpoints.values()), attempt)
    writer.demand_all()
    return candidates


async def ask_live(
    groups: Iterator[tuple[Share, ...]],
    recipe: Recipe,
    roles: Mapping[str, EndpointSettings],
    on_question: OnQuestion,
) -> list[Candidate]:
    async with AsyncExitStack() as stack:
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(0.001)
        ledger, budget = stack.enter_context(closing(Ledger())), budget_of(recipe)
        endpoints = {}
        for role, settings in roles.items():
            endpoint = Endpoint(settings, recipe, ledger=ledger, budget=budget)
            endpoints[role] = await stack.enter_async_context(endpoint)
        writer = RowWriter(recipe, _sender(endpoints), on_question)
        progress = Progress("chunks", 0, note=endpoints["teacher"].note)
        room = asyncio.Semaphore(_CHUNKS_PER_REQUEST * recipe.concurrency)
        answered: list[tuple[int, tuple[Share, ...]]] = []  # the reply's position in the ledger
        candidates: list[Candidate] = []
        begun = 0

        def unanswered(shares: tuple[Share, ...]) -> tuple[Share, ...] | None:
            """In the thread: the shares; None, put off: the ledger answers their first request."""
            first = first_request(shares, recipe, writer.prompts)
            position = ledger.position(Ledger.key(chat_request(roles["teacher"], **first)))
            if position is None:
                return shares
            answered.append((position, shares))
            return None

        async def work_on(shares: tuple[Share, ...]) -> None:
            candidates.extend(await writer.rows_of(shares))
            progress.advance(len(shares))

        async def begin(shares: tuple[Share, ...], group: asyncio.TaskGroup) -> None:
            nonlocal begun
            await room.acquire()
            progress.total += len(shares)
            group.create_task(work_on(shares)).add_done_callback(lambda _: room.release())
            begun += 1
            if begun % _BURST == 0:
                await asyncio.sleep(0)

        failed: list[BaseException] = []
        try:
            # aclosing: the thread must have ended before the ledger that it reads is closed.
            from_thread = aclosing(_from_thread(groups, unanswered))
            async with from_thread as new, asyncio.TaskGroup() as group:
                async for shares in new:
                    await begin(shares, group)
                # The last asked first: requests that follow from its reply may not be answered.
                answered.sort(key=itemgetter(0))
                while answered:
                    await begin(answered.pop()[1], group)
        except BaseExceptionGroup as errors:
            failed += errors.exceptions
        if failed:  # not raised within `except`: IPython shows no error whose context is a group
            raise failed[0]
        progress.close()
    writer.demand_all()
    return candidates


async def _from_thread(
    items: Iterator[Item], prepare: Callable[[Item], Prepared | None]
) -> AsyncGenerator[Prepared, None]:
    """What `prepare` makes of the items; one thread takes them from the iterator, ahead of need.

    When this generator ends or is closed, the thread has ended.
    """
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[Prepared | None]()
    room, stopped = threading.Semaphore(_AHEAD), threading.Event()

    def take() -> None:
        for item in items:
            if stopped.is_set():
                return
            if (prepared := prepare(item)) is not None:
                room.acquire()
                loop.call_soon_threadsafe(queue.put_nowait, prepared)

    taking = loop.run_in_executor(None, take)
    taking.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while (prepared := await queue.get()) is not None:
            room.release()
            yield prepared
        taking.result()  # raises the thread's error
    finally:
        stopped.set()
        room.release()
        await asyncio.wait([taking])
        taking.exception()  # retrieved: who closes this has an error already
