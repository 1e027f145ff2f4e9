"""One async client for every model role, OpenAI or Azure style, behind the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from lib.engine.budget import Budget, Meter, Used
from lib.engine.faults import BudgetSpent, EndpointError, Fault, Refused
from lib.engine.ledger import Ledger
from lib.engine.limits import Limits
from lib.engine.prices import load_prices
from lib.engine.replies import Dialect, Reply, read_reply, read_vectors, refused_reply
from lib.engine.retries import Sender
from lib.engine.tasks import gather_all, run
from lib.prompts.student import Message
from lib.settings import EndpointSettings, SetupError

__all__ = ["Budget", "BudgetSpent", "Endpoint", "EndpointError", "Limits", "Reply"]
__all__ += ["gather_all", "run"]

_FAREWELL_S = 60.0  # for the requests in flight when a run is stopped


class Endpoint:
    """A model role's endpoint. The ledger stands in front: what was answered is never asked again.

    Use it as an async context manager, in one event loop. At most `concurrency` requests are in
    flight. Two equal questions at one time are sent once, also by two processes. On leaving, the
    requests in flight are waited for: they are paid.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        *,
        ledger: Ledger,
        concurrency: int = 16,
        timeout_s: float = 600.0,
        max_retries: int = 8,
        limits: Limits | None = None,
        budget: Budget | None = None,
    ) -> None:
        if concurrency < 1:
            raise SetupError(f"concurrency = {concurrency}: expected 1 or more. Change it.")
        self.settings, self.ledger, self.from_ledger = settings, ledger, 0
        self.prices = load_prices()
        self.meter = Meter(self.prices.of(settings.deployment))
        if budget and budget.max_cost and self.meter.price is None:
            raise SetupError(
                f"max_cost is set, but prices.yaml has no price for '{settings.deployment}'. Add "
                "it there, or set max_tokens_total instead."
            )
        self._sender = Sender(
            settings,
            concurrency=concurrency,
            timeout_s=timeout_s,
            max_retries=max_retries,
            limits=(limits or Limits()).start(ledger, settings.deployment),
            budget=budget,
        )
        self._dialect = Dialect()
        self._asking: dict[str, asyncio.Task[Reply]] = {}

    async def __aenter__(self) -> Endpoint:
        self.ledger.reserve_space()
        await self._sender.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        if in_flight := self._sender.stop(EndpointError("it was not sent: the run stopped")):
            print(f"Stopping: {in_flight} requests in flight are paid, so they may end.")
        if left := list(self._asking.values()):
            await asyncio.wait(left, timeout=_FAREWELL_S)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        await self._sender.__aexit__()

    @property
    def asked(self) -> int:
        """Requests that were answered in this run; `meter` has what they took."""
        return self.meter.requests

    @property
    def prompt_tokens(self) -> int:
        return self.meter.prompt_tokens

    @property
    def completion_tokens(self) -> int:
        return self.meter.completion_tokens

    async def ask(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        priority: int = 0,
    ) -> Reply:
        """Answer from the ledger, else send, commit and return. `priority`: as in Turns.

        Raises:
            SetupError: the endpoint is not there, refuses the key, has no such model or no credit,
                or the reply cannot be kept.
            EndpointError: this request failed after its retries; BudgetSpent: it was not sent.
        """
        request = chat_request(
            self.settings, messages, max_tokens=max_tokens, temperature=temperature
        )
        key = Ledger.key(request)
        if (kept := self.ledger.get(key)) is not None:
            self.from_ledger += 1
            return Reply(**kept)
        if (task := self._asking.get(key)) is None:
            task = self._asking[key] = asyncio.create_task(self._pay(key, request, priority))
            task.add_done_callback(partial(self._forget, key))
        return await asyncio.shield(task)  # who asked may be cancelled: what is paid is kept

    async def embed(self, texts: Sequence[str], *, batch_size: int = 64) -> list[list[float]]:
        """One vector a text, in order; only texts that the ledger does not know are sent.

        Raises:
            SetupError, EndpointError: as ask; the vectors that came are kept.
        """
        keys = {text: Ledger.key(self._embedding_request(text)) for text in texts}
        missing = [text for text, key in keys.items() if not self.ledger.has(key)]
        batches = [missing[i : i + batch_size] for i in range(0, len(missing), batch_size)]
        for result in await gather_all(batches, partial(self._pay_vectors, keys)):
            if isinstance(result, EndpointError):
                raise result
        kept = (self.ledger.get(keys[text]) for text in texts)
        return [reply["embedding"] for reply in kept if reply is not None]

    def note(self) -> str:
        """`12,345 tokens · 0.02 USD · 30 from the ledger`, and the pause if there is one."""
        parts = [f"{self.meter.prompt_tokens + self.meter.completion_tokens:,} tokens"]
        if self.meter.price is not None:
            parts.append(f"{self.meter.cost:.2f} {self.prices.currency}")
        parts.append(f"{self.from_ledger:,} from the ledger")
        if (pause_s := self._sender.pause_s) >= 1:
            parts.append(f"waiting {pause_s:,.0f} s, as the endpoint or a limit has it")
        return " · ".join(parts)

    async def _pay(self, key: str, request: dict[str, Any], priority: int) -> Reply:
        """Send one request and keep its reply."""
        try:
            reply, used = await self._sender.send(
                partial(self._attempt, key, request),
                load=self.meter.load(request),
                priority=priority,
            )
            if used is not None:
                await self._keep([self.ledger.keep(key, request, vars(reply))])
        finally:
            self.ledger.release(key)
        if used is not None:
            self.meter.count(
                used,
                prompt=reply.prompt_tokens,
                completion=reply.completion_tokens,
                cached=reply.cached_tokens,
            )
        return reply

    async def _attempt(
        self, key: str, request: dict[str, Any], timeouts: int
    ) -> tuple[Reply, Used | None]:
        """The reply, and what it took if it was paid now."""
        if not self.ledger.claim(key):
            raise Fault("another process is asking it", kind="elsewhere")
        if (kept := self.ledger.get(key)) is not None:  # another process has asked it meanwhile
            self.from_ledger += 1
            return Reply(**kept), None
        while True:
            payload, start = self._dialect.payload(request), time.monotonic()
            try:
                data = await self._sender.exchange(
                    "chat/completions", payload, kind=request["max_tokens"], timeouts=timeouts
                )
            except Refused as refused:
                self._dialect.learn(str(refused))
                if self._dialect.payload(request) != payload:
                    continue
                return refused_reply(refused), None
            reply = read_reply(data, latency_s=time.monotonic() - start)
            if not reply.text and not reply.completion_tokens:
                return reply, None  # refused before a word was written: it may be asked again
            return reply, self.meter.used(request, reply)

    async def _keep(self, writing: list[Future[None]]) -> None:
        """Wait until replies are on the disk; when it is full, nothing more is sent."""
        try:
            for future in writing:
                await asyncio.wrap_future(future)
        finally:
            if self.ledger.full is not None:
                self._sender.stop(self.ledger.full)

    def _forget(self, key: str, task: asyncio.Task[Reply]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # seen: who asked may have left

    def _embedding_request(self, text: str) -> dict[str, Any]:
        return {"role": self.settings.role, "model": self.settings.deployment, "input": text}

    async def _pay_vectors(self, keys: dict[str, str], batch: list[str]) -> None:
        vectors, used = await self._sender.send(
            partial(self._embed, batch), load=self.meter.load_of_texts(batch)
        )
        used = used or Used(0)
        replies: list[dict[str, Any]] = [{"embedding": vector} for vector in vectors]
        replies[0]["prompt_tokens"] = used.tokens  # of the whole batch
        requests = map(self._embedding_request, batch)
        rows = zip((keys[text] for text in batch), requests, replies, strict=True)
        await self._keep([self.ledger.keep(*row) for row in rows])
        self.meter.count(used, prompt=used.tokens)

    async def _embed(self, batch: list[str], timeouts: int) -> tuple[list[list[float]], Used]:
        payload = {"model": self.settings.deployment, "input": batch, "encoding_format": "float"}
        try:
            data = await self._sender.exchange(
                "embeddings", payload, kind="embeddings", timeouts=timeouts
            )
        except Refused as refused:
            raise EndpointError(f"the texts were refused: {refused}") from refused
        vectors, tokens = read_vectors(data, count=len(batch))
        return vectors, self.meter.used_by_texts(tokens)


def chat_request(
    settings: EndpointSettings,
    messages: Sequence[Message],
    *,
    max_tokens: int,
    temperature: float,
) -> dict[str, Any]:
    """What a chat request is in the ledger: what is sent, not where."""
    return {
        "role": settings.role,
        "model": settings.deployment,
        "messages": list(messages),
        "max_tokens": max_tokens,
        "temperature": temperature,
    }
