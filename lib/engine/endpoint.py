"""One async client for every model role, OpenAI or Azure style, behind the ledger."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Self

from lib.endpoints import EndpointSettings
from lib.engine.budget import Budget, Used, meter_of
from lib.engine.faults import (
    BudgetSpent,
    EndpointError,
    Fault,
    RequestFailed,
    RequestRejected,
    short,
)
from lib.engine.ledger import Ledger
from lib.engine.limits import limits_of
from lib.engine.prices import load_prices
from lib.engine.replies import (
    Reply,
    RequestForm,
    failed_reply,
    is_about_system_role,
    read_reply,
    read_vectors,
    rejected_reply,
)
from lib.engine.retries import RetryLoop
from lib.engine.tasks import gather_all, run
from lib.engine.transport import allow_connections
from lib.prompts.student import Message
from lib.recipe import Recipe

__all__ = ["Budget", "BudgetSpent", "Endpoint", "EndpointError", "Reply", "gather_all", "run"]

SHUTDOWN_S = 60.0  # for the requests in flight when a run is stopped
_PING = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 16, "temperature": 0.0}


class Endpoint:
    """The endpoint of a model role, behind the ledger: no request is paid twice.

    Use it as an async context manager, in one event loop. Several endpoints can share a budget. Two
    equal requests at one time are sent once, also by two processes. At the end the requests in
    flight are awaited: they are paid.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        recipe: Recipe,
        *,
        ledger: Ledger,
        budget: Budget | None = None,
    ) -> None:
        self.settings, self.ledger, self.from_ledger = settings, ledger, 0
        self.prices = load_prices()
        self.meter = meter_of(settings.deployment, self.prices, budget)
        limits = limits_of(recipe, ledger, settings.deployment)
        self._requests = RetryLoop(settings, recipe, limits=limits, budget=budget or Budget())
        self._form = RequestForm()
        self._asking: dict[str, asyncio.Task[Reply]] = {}
        self._commit: Future[None] | None = None  # the last that was waited for

    async def __aenter__(self) -> Self:
        allow_connections(self._requests.scheduler.slots)
        self.ledger.reserve_space()
        await self._requests.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        scheduler = self._requests.scheduler
        scheduler.stop(EndpointError("it was not sent: the run stopped"))
        if in_flight := scheduler.in_flight:
            with suppress(OSError):  # nobody reads it any more; what is paid is kept
                print(f"Stopping: {in_flight} requests in flight are paid: waiting for them.")
        if left := list(self._asking.values()):
            await asyncio.wait(left, timeout=SHUTDOWN_S)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        await self._requests.__aexit__()

    async def ask(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        priority: int = 0,
    ) -> Reply:
        """Answer from the ledger, else send, commit and return. `priority`: as in Scheduler.

        RequestFailed: it failed after its retries, for the first time; then its reply is a
        refusal. EndpointError, BudgetSpent: it was not sent.
        """
        request = chat_request(self.settings, messages, max_tokens, temperature)
        key = Ledger.key(request)
        if (saved := self.ledger.get(key)) is not None:
            self.from_ledger += 1
            return Reply(**saved)
        if (task := self._asking.get(key)) is None:
            task = self._asking[key] = asyncio.create_task(self._pay(key, request, priority))
            task.add_done_callback(partial(self._forget, key))
        return await asyncio.shield(task)  # the caller may be cancelled; a paid reply is written

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text, in order; those that the ledger does not know are one request."""
        keys = {text: Ledger.key(self._embedding_request(text)) for text in texts}
        missing = [text for text, key in keys.items() if self.ledger.position(key) is None]
        if missing:
            await self._pay_vectors(keys, missing)
        replies = (self.ledger.get(keys[text]) for text in texts)
        return [reply["embedding"] for reply in replies if reply is not None]

    def note(self) -> str:
        """`12,345 tokens · 0.02 USD · 30 from the ledger`, and the wait if there is one."""
        parts = [f"{self.meter.tokens:,} tokens"]
        if self.meter.price is not None:
            parts.append(f"{self.meter.cost:.2f} {self.prices.currency}")
        parts.append(f"{self.from_ledger:,} from the ledger")
        if self._requests.failed:
            parts.append(f"{self._requests.failed:,} failed")
        if self.meter.unread:
            parts.append(f"{self.meter.unread:,} unreadable, counted as paid")
        if late := self.meter.timed_out:
            cost = f" ({self.meter.timed_out_cost:.2f} {self.prices.currency})"
            parts.append(f"{late:,} timed out, perhaps billed{cost * bool(self.meter.price)}")
        if (pause_s := self._requests.scheduler.pause_s) >= 1:
            parts.append(f"waiting {pause_s:,.0f} s (rate limit)")
        return " · ".join(parts)

    async def _pay(self, key: str, request: dict[str, Any], priority: int) -> Reply:
        """Send one request and write its reply into the ledger."""
        try:
            reply, used = await self._requests.run(
                partial(self._attempt, key, request),
                ping=self._ping,
                estimate=self.meter.estimate(request),
                priority=priority,
            )
            if used is not None and (reply.text or reply.completion_tokens):
                # else refused before a word was written: it may be sent again
                await self._written(self.ledger.write(key, request, vars(reply)))
            return reply
        except RequestRejected as rejected:
            return rejected_reply(rejected)
        except RequestFailed as failed:
            if not self.ledger.failed_before(key):
                raise
            return failed_reply(str(failed))
        finally:
            self.ledger.unlock(key)

    async def _ping(self) -> None:
        data = await self._send({"model": self.settings.deployment, **_PING})
        if not data.get("choices"):
            read_reply(data, latency_s=0.0, where=self.settings.where)  # a Fault: it is none

    async def _attempt(
        self, key: str, request: dict[str, Any], timeouts: int
    ) -> tuple[Reply, Used | None]:
        """The reply, and its usage if it was paid now."""
        if not self.ledger.lock(key):
            raise Fault("another process is sending it", kind="other process")
        if (saved := self.ledger.get(key)) is not None:  # paid by another process meanwhile
            self.from_ledger += 1
            return Reply(**saved), None
        start, data = time.monotonic(), dict[str, Any]()
        try:
            data = await self._send(request, timeouts=timeouts)
            reply = read_reply(data, latency_s=time.monotonic() - start, where=self.settings.where)
        except Fault as fault:
            fault.used = self.meter.count_fault(fault, request, data)
            raise
        return reply, self.meter.count(request, reply)

    async def _send(self, request: dict[str, Any], *, timeouts: int = 0) -> dict[str, Any]:
        """One attempt, in a form that the endpoint accepts."""
        while True:
            payload = self._form.payload(request)
            body = {"stream": False} | payload  # without it Unsloth, RAGFlow and others stream
            try:
                return await self._requests.post(
                    "chat/completions", body, kind=request["max_tokens"], timeouts=timeouts
                )
            except (RequestRejected, Fault) as error:
                if isinstance(error, RequestRejected) or is_about_system_role(error):
                    self._form.learn(str(error))
                if self._form.payload(request) == payload:
                    raise

    async def _written(self, *writing: Future[None]) -> None:
        """Wait until replies are on the disk; when it is full, send nothing more."""
        try:
            for commit in writing:
                if commit is not self._commit:  # many wait for one: the loop is woken once
                    self._commit, self._on_disk = commit, asyncio.wrap_future(commit)
                await asyncio.shield(self._on_disk)
        finally:
            if self.ledger.write_error is not None:
                self._requests.scheduler.stop(self.ledger.write_error)

    def _forget(self, key: str, task: asyncio.Task[Reply]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # retrieved here: the caller may have been cancelled

    def _embedding_request(self, text: str) -> dict[str, Any]:
        # With the address: vectors of two models of one name must not meet in an index.
        place = {"model": self.settings.deployment, "address": self.settings.address}
        return {"role": self.settings.role, **place, "input": text}

    async def _pay_vectors(self, keys: dict[str, str], batch: list[str]) -> None:
        """Send texts as one request; as two if so many are refused (10 to 64 are allowed)."""
        try:
            replies, _ = await self._requests.run(
                partial(self._embed, batch),
                ping=partial(self._send_texts, ["Hello"]),
                estimate=self.meter.estimate({"input": batch}),
            )
        except RequestRejected as rejected:
            if len(batch) == 1:
                said = f"“{short(batch[0])}” is refused ({rejected}): its document must be left out"
                raise EndpointError(f"{said}, or another model taken") from rejected
            half = len(batch) // 2
            for part in (batch[:half], batch[half:]):
                await self._pay_vectors(keys, part)
            return
        await self._written(
            *(
                self.ledger.write(keys[text], self._embedding_request(text), reply)
                for text, reply in zip(batch, replies, strict=True)
            )
        )

    async def _send_texts(self, texts: list[str], timeouts: int = 0) -> dict[str, Any]:
        payload = {"model": self.settings.deployment, "input": texts}
        return await self._requests.post("embeddings", payload, kind="texts", timeouts=timeouts)

    async def _embed(self, batch: list[str], timeouts: int) -> tuple[list[dict[str, Any]], Used]:
        data: dict[str, Any] = {}
        try:
            data = await self._send_texts(batch, timeouts)
            vectors, tokens = read_vectors(data, count=len(batch), where=self.settings.where)
        except Fault as fault:
            fault.used = self.meter.count_fault(fault, {"input": batch}, data)
            raise
        replies: list[dict[str, Any]] = [{"embedding": vector} for vector in vectors]
        replies[0]["prompt_tokens"] = tokens  # of the whole batch
        return replies, self.meter.count({"input": batch}, Reply("", "stop", tokens, 0, 0.0))


def chat_request(
    settings: EndpointSettings, messages: Sequence[Message], max_tokens: int, temperature: float
) -> dict[str, Any]:
    """As the ledger's key hashes it: without the address, with the engine that we started there."""
    served = {"engine": settings.engine} if settings.engine else {}
    return served | {
        "role": settings.role,
        "model": settings.deployment,
        "messages": list(messages),
        "max_tokens": max_tokens,
        "temperature": temperature,
    }
