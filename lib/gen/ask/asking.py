"""Asking: live, chunks streaming in while requests go out; or in batches, stage by stage."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from functools import partial
from operator import itemgetter

from lib.engine.batch import BatchEndpoint, Batches
from lib.engine.endpoint import Budget, Endpoint, EndpointError, Reply, gather_all, run
from lib.engine.ledger import Ledger
from lib.gen.ask.flow import Flow, Start
from lib.gen.ask.requests import Request, in_stages
from lib.progress import Progress
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import EndpointSettings, SetupError, endpoint_settings

# Chunks at work beyond the requests in flight: enough that answers never lack questions.
_CHUNKS_PER_SLOT = 4
_AHEAD = 1000  # requests made before they can be sent
_BURST = 8  # requests begun at a time: of a hundred, all would go out when the last is ready


async def ask_live(
    chunks: Iterable[Chunk],
    flow: Flow,
    settings: EndpointSettings,
    recipe: Recipe,
    *,
    budget: Budget | None = None,
) -> list[Chunk]:
    """Ask all about the chunks as they come; returns them. The rows are in flow.outcome.

    A chunk whose questions are in the ledger waits until all others are under way: after a kill the
    first request that costs something goes out at once, however many do not.

    Raises:
        SetupError: the endpoint cannot work, or some requests failed after all were tried.
    """
    seen: list[Chunk] = []
    async with AsyncExitStack() as stack:
        stack.enter_context(_quick_turns())
        ledger = stack.enter_context(closing(Ledger()))
        endpoints = {
            role: await stack.enter_async_context(
                Endpoint(of_role, recipe, ledger=ledger, budget=budget)
            )
            for role, of_role in _roles(flow, settings).items()
        }
        live = _Live(ledger, endpoints, slots=_CHUNKS_PER_SLOT * recipe.concurrency)

        def starts() -> Iterator[Start]:
            for chunk in chunks:
                seen.append(chunk)
                yield from flow.add(chunk)
            yield from flow.end()

        try:
            async with asyncio.TaskGroup() as group:
                async for request in _from_thread(live.unanswered(starts())):
                    await live.send(request, group)
                await live.send_the_answered(group)
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        live.progress.close()
    _demand_all(live.failures, live.progress.done)
    return seen


def ask_in_batches(chunks: Sequence[Chunk], flow: Flow, settings: EndpointSettings) -> None:
    """Ask all about the chunks through the Batch API, stage by stage. The rows are in flow.outcome.

    Raises:
        SetupError: the endpoint takes no batches, or some requests failed in all of them.
    """
    failures: list[EndpointError] = []
    asked = 0
    with closing(Ledger()) as ledger:
        batches = {
            role: Batches(of_role, ledger) for role, of_role in _roles(flow, settings).items()
        }
        stages = in_stages(flow.first_requests(chunks))
        requests = next(stages)
        while requests:
            replies: dict[int, Reply] = {}
            for role, of_role in batches.items():
                mine = [place for place, request in enumerate(requests) if request.role == role]
                stage = partial(_ask_each, [requests[place] for place in mine])
                for place, reply in zip(mine, of_role.run(stage), strict=True):
                    if isinstance(reply, Reply):
                        replies[place] = reply
                    else:
                        failures.append(reply)
            asked += len(requests)
            requests = stages.send([replies.get(place) for place in range(len(requests))])
    _demand_all(failures, asked)


def _ask_each(requests: Sequence[Request], endpoint: BatchEndpoint) -> list[Reply | EndpointError]:
    async def ask(request: Request) -> Reply:
        return await endpoint.ask(
            request.messages, max_tokens=request.max_tokens, temperature=request.temperature
        )

    return run(gather_all(requests, ask))


def _demand_all(failures: Sequence[EndpointError], asked: int) -> None:
    if failures:
        raise SetupError(
            f"{len(failures):,} of {asked:,} requests failed ({failures[0]}). The replies that "
            "came are in the ledger: run this again to ask only the missing ones."
        )


class _Live:
    """Sends requests and what follows from them."""

    def __init__(self, ledger: Ledger, endpoints: dict[str, Endpoint], *, slots: int) -> None:
        self.failures: list[EndpointError] = []
        self._ledger, self._endpoints = ledger, endpoints
        self._answered: list[tuple[int, Start]] = []  # the reply's place in the ledger
        self.progress = Progress("requests", 0, note=endpoints["teacher"].note)
        self._slots, self._begun = asyncio.Semaphore(slots), 0

    def unanswered(self, starts: Iterable[Start]) -> Iterator[Request]:
        """The requests that the ledger does not answer; the others are put off."""
        for start in starts:
            request = start()
            settings = self._endpoints[request.role].settings
            place = self._ledger.position(Ledger.key(request.ledger_request(settings.deployment)))
            if place is None:
                yield request
            else:
                self._answered.append((place, start))

    async def send_the_answered(self, group: asyncio.TaskGroup) -> None:
        """What was put off: last asked, first, since what follows from it may not be answered."""
        self._answered.sort(key=itemgetter(0))
        while self._answered:
            _, start = self._answered.pop()
            await self.send(start(), group)

    async def send(self, request: Request, group: asyncio.TaskGroup) -> None:
        """Send it when there is room for another chunk."""
        await self._slots.acquire()
        task = group.create_task(self._send(request))
        task.add_done_callback(lambda _: self._slots.release())
        self._begun += 1
        if self._begun % _BURST == 0:
            await asyncio.sleep(0)

    async def _send(self, request: Request) -> None:
        self.progress.total += 1 + request.leads_to
        try:
            reply = await self._endpoints[request.role].ask(
                request.messages,
                max_tokens=request.max_tokens,
                temperature=request.temperature,
                priority=request.priority,
            )
        except EndpointError as error:
            self.failures.append(error)
            return
        finally:
            self.progress.total -= request.leads_to
            self.progress.advance()
        if following := request.on_reply(reply):
            await gather_all(following, self._send)


def _roles(flow: Flow, settings: EndpointSettings) -> dict[str, EndpointSettings]:
    roles = {"teacher": settings}
    if flow.judge_role == "judge" and (judge := endpoint_settings("judge")) is not None:
        roles["judge"] = judge
    return roles


@contextmanager
def _quick_turns() -> Iterator[None]:
    """Who sends waits 1 ms, not 5, for the thread that reads and cuts, after giving way to it."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(0.001)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)


async def _from_thread(requests: Iterator[Request]) -> AsyncIterator[Request]:
    """What a thread takes from the iterator, each as soon as it is there, some ahead of need.

    Reading, cutting and looking up stay in one thread: handed to and fro between two, each of
    100,000 chunks would wait for the other's turn.
    """
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[Request | None]()
    room, stopped = threading.Semaphore(_AHEAD), threading.Event()

    def take() -> None:
        try:
            for request in requests:
                room.acquire()
                if stopped.is_set():
                    return
                loop.call_soon_threadsafe(queue.put_nowait, request)
        finally:
            loop.call_soon_threadsafe(queue.put_nowait, None)

    taking = loop.run_in_executor(None, take)
    try:
        while (request := await queue.get()) is not None:
            room.release()
            yield request
        await taking
    finally:
        stopped.set()
        room.release()
