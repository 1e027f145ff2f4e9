"""One async client for every model role, OpenAI or Azure style, behind the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from lib.ledger import Ledger
from lib.prompts import Message
from lib.settings import EndpointSettings, SetupError

Item = TypeVar("Item")
Result = TypeVar("Result")


class EndpointError(Exception):
    """One request failed after its retries. The rest can go on; asking again may succeed."""


@dataclass(frozen=True)
class Reply:
    """One reply of a chat model, as the ledger keeps it."""

    text: str
    finish_reason: str  # "stop", "length", "content_filter", "refused: <reason>", …
    prompt_tokens: int
    completion_tokens: int
    latency_s: float  # of the request that was answered, retries included


class Endpoint:
    """A model role's endpoint. The ledger stands in front: what was answered is never asked again.

    Use it as an async context manager, in one event loop. At most `concurrency` requests are in
    flight. Two equal requests at one time are sent once.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        *,
        ledger: Ledger,
        concurrency: int = 16,
        timeout_s: float = 600.0,
        max_retries: int = 5,
    ) -> None:
        self.settings, self.ledger = settings, ledger
        self.asked = self.from_ledger = self.prompt_tokens = self.completion_tokens = 0
        self._timeout_s, self._max_retries = timeout_s, max_retries
        self._slots = asyncio.Semaphore(concurrency)
        self._in_flight: dict[str, asyncio.Future[Reply]] = {}
        self._dialect: dict[str, Any] = {"max_tokens": "max_tokens", "temperature": True}

    async def __aenter__(self) -> Endpoint:
        self._client = _client(self.settings, self._timeout_s, self._max_retries)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def ask(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float = 0.0
    ) -> Reply:
        """Answer from the ledger, else send, commit and return.

        Raises:
            SetupError: the endpoint does not exist, refuses the key or has no such model.
            EndpointError: this request failed after its retries.
        """
        request = {
            "role": self.settings.role,
            "model": self.settings.deployment,
            "messages": list(messages),
            "max_tokens": max_tokens,
            "temperature": temperature,
        }
        key = Ledger.key(request)
        if (kept := self.ledger.get(key)) is not None:
            self.from_ledger += 1
            return Reply(**kept)
        if key in self._in_flight:
            return await asyncio.shield(self._in_flight[key])
        future = self._in_flight[key] = asyncio.get_running_loop().create_future()
        try:
            async with self._slots:
                reply = await self._send(request)
            if reply.text or reply.completion_tokens:  # what was refused may be asked again
                self.ledger.put(key, request, asdict(reply))
        except BaseException as error:
            future.set_exception(error)
            future.exception()  # seen: nobody else may be waiting for it
            raise
        else:
            future.set_result(reply)
        finally:
            del self._in_flight[key]
        self.asked += 1
        self.prompt_tokens += reply.prompt_tokens
        self.completion_tokens += reply.completion_tokens
        return reply

    async def embed(self, texts: Sequence[str], *, batch_size: int = 64) -> list[list[float]]:
        """One vector a text, in order; only texts that the ledger does not know are sent."""
        from openai import BadRequestError

        requests = [
            {"role": self.settings.role, "model": self.settings.deployment, "input": text}
            for text in texts
        ]
        keys = [Ledger.key(request) for request in requests]
        missing = [i for i, key in enumerate(keys) if self.ledger.get(key) is None]
        for start in range(0, len(missing), batch_size):
            batch = missing[start : start + batch_size]
            create = self._client.embeddings.create(
                model=self.settings.deployment, input=[texts[i] for i in batch]
            )
            try:
                response = await self._guarded(create)
            except BadRequestError as error:
                raise EndpointError(f"the texts were refused: {_short(error)}") from error
            self.asked += 1
            for i, item in zip(batch, response.data, strict=True):
                self.ledger.put(keys[i], requests[i], {"embedding": item.embedding})
        kept = (self.ledger.get(key) for key in keys)
        return [reply["embedding"] for reply in kept if reply is not None]

    async def _send(self, request: dict[str, Any]) -> Reply:
        from openai import BadRequestError

        start = time.monotonic()
        for _ in range(3):
            options: dict[str, Any] = {self._dialect["max_tokens"]: request["max_tokens"]}
            if self._dialect["temperature"]:
                options["temperature"] = request["temperature"]
            create = self._client.chat.completions.create(
                model=request["model"], messages=request["messages"], **options
            )
            try:
                response = await self._guarded(create)
                break
            except BadRequestError as error:
                if not self._learn_dialect(str(error)):
                    return _refused(error)
        else:
            raise EndpointError("the request was refused in every dialect that was tried")
        if not response.choices:
            raise EndpointError("the reply holds no choices")
        choice, usage = response.choices[0], response.usage
        return Reply(
            text=choice.message.content or "",
            finish_reason=choice.finish_reason or "",
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
            latency_s=round(time.monotonic() - start, 4),
        )

    def _learn_dialect(self, complaint: str) -> bool:
        """Newer models want `max_completion_tokens` and their own temperature; True if it helps."""
        if "max_completion_tokens" in complaint and self._dialect["max_tokens"] == "max_tokens":
            self._dialect["max_tokens"] = "max_completion_tokens"
            return True
        if "temperature" in complaint and self._dialect["temperature"]:
            self._dialect["temperature"] = False
            return True
        return False

    async def _guarded(self, call: Awaitable[Any]) -> Any:
        """Turn what the SDK raises into a SetupError (nothing can work) or an EndpointError."""
        import openai

        where = f"{self.settings.role} at {self.settings.base_url}"
        prefix = self.settings.role.upper()
        try:
            return await call
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise SetupError(
                f"The {where} refuses the key ({error.status_code}). Check it."
            ) from error
        except openai.NotFoundError as error:
            raise SetupError(
                f"The {where} knows no model '{self.settings.deployment}' (404). Check the "
                f"{prefix} deployment and base URL in .env."
            ) from error
        except openai.BadRequestError:
            raise
        except openai.APIConnectionError as error:
            # The aiohttp transport reports a refused connection as a (connect) time-out.
            cause = error.__cause__ or error
            if isinstance(error, openai.APITimeoutError) and "Connect" not in type(cause).__name__:
                late = f"the {where} did not answer in {self._timeout_s:g} s"
                raise EndpointError(late) from error
            raise EndpointError(f"the {where} cannot be reached: {_short(cause)}") from error
        except openai.OpenAIError as error:
            raise EndpointError(f"the {where} failed: {_short(error)}") from error


def _client(settings: EndpointSettings, timeout_s: float, max_retries: int) -> Any:
    from openai import AsyncAzureOpenAI, AsyncOpenAI, DefaultAioHttpClient

    # The aiohttp transport: a fifth of the default's CPU per request at 64 in flight.
    common: dict[str, Any] = {
        "api_key": settings.api_key,
        "timeout": timeout_s,
        "max_retries": max_retries,
        "http_client": DefaultAioHttpClient(timeout=timeout_s),
    }
    if settings.style == "azure":
        return AsyncAzureOpenAI(
            azure_endpoint=settings.base_url, api_version=settings.api_version, **common
        )
    return AsyncOpenAI(base_url=settings.base_url, **common)


def _refused(error: Any) -> Reply:
    """A request that can never be answered (too long, filtered) is a reply of its own kind.

    It fails alone: its row is refused or its answer unscored, with this reason.
    """
    filtered = getattr(error, "code", None) == "content_filter" or "content_filter" in str(error)
    return Reply("", "content_filter" if filtered else f"refused: {_short(error)}", 0, 0, 0.0)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


async def gather_all(
    items: Sequence[Item],
    work: Callable[[Item], Awaitable[Result]],
    *,
    on_done: Callable[[], None] = lambda: None,
) -> list[Result | EndpointError]:
    """Run `work` on every item at once; results in the items' order.

    An EndpointError stands in its item's place; anything else cancels the rest and is raised.
    """

    async def one(item: Item) -> Result | EndpointError:
        try:
            return await work(item)
        except EndpointError as error:
            return error
        finally:
            on_done()

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def run(coroutine: Awaitable[Result]) -> Result:
    """Run a coroutine to its end from plain code, also inside a notebook's running event loop."""

    async def main() -> Result:
        return await coroutine

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, main()).result()
