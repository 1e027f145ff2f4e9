"""A loopback server that speaks the OpenAI protocol, with faults on demand.

It is a real HTTP server: a notebook's kernel is another process, which no mock would reach.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from aiohttp import web

from lib.prompts.student import REFUSAL, cot_label

Body = dict[str, Any]


@dataclass
class Loopback:
    """What the server is told to do, and what it saw. Change it while it runs."""

    reply: Callable[[Body], str] | None = None  # the assistant's text; None = `reader`
    delay_s: float = 0.0
    delays: random.Random | None = None  # draws each delay between 0 and delay_s
    # An error reply, or "hang" (answer never), "drop" or "cut" (break the connection before the
    # reply, or in the middle of it).
    fault: Callable[[int, Body], web.Response | str | None] = lambda number, body: None
    hold_from: int = 0  # from this request on, answer never (0 = no)
    release: threading.Event | None = None  # replies wait until it is set
    half: threading.Event | None = None  # the second half of a streamed reply waits until it is set
    finish_reason: str = "stop"
    requests: list[Body] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    api_keys: list[str] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)  # when, by time.monotonic()
    pings: int = 0  # short requests that ask whether it answers at all: in no other figure
    answered: list[str] = field(default_factory=list)  # one canonical body per reply sent
    in_flight: int = 0
    max_in_flight: int = 0
    port: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def hold_until_in_flight(self, count: int) -> None:
        """Send no reply until `count` requests are in flight at once."""
        release = self.release = threading.Event()
        self.fault = lambda number, body: release.set() if self.in_flight == count else None

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_post("/v1/embeddings", self.embeddings)
        app.router.add_post("/openai/deployments/{deployment}/chat/completions", self.chat)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if [message["content"] for message in body["messages"]] == ["Hello"]:
            self.pings += 1
            broken = self.fault(len(self.requests), body)
            if broken == "drop" and request.transport is not None:
                request.transport.abort()
            said = broken if isinstance(broken, web.Response) else None
            return said or web.json_response(completion(body, "Hello."))
        self.requests.append(body)
        self.authorizations.append(request.headers.get("Authorization", ""))
        self.api_keys.append(request.headers.get("api-key", ""))
        self.arrived.append(time.monotonic())
        number = len(self.requests)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            broken = self.fault(number, body)
            if broken == "hang" or (self.hold_from and number >= self.hold_from):
                await asyncio.sleep(3600)
            if broken == "drop" and request.transport is not None:
                request.transport.abort()
            if broken == "cut" and body.get("stream"):
                return await self.stream(request, body, (self.reply or reader)(body), cut=True)
            if broken == "cut":
                return await cut_reply(request, completion(body, (self.reply or reader)(body)))
            if broken is not None:
                return broken if isinstance(broken, web.Response) else web.Response()
            delay_s = self.delay_s * (self.delays.random() if self.delays else 1.0)
            await asyncio.sleep(delay_s)
            while self.release is not None and not self.release.is_set():
                await asyncio.sleep(0.005)
            text = (self.reply or reader)(body)
        finally:
            self.in_flight -= 1
        self.answered.append(json.dumps(body, sort_keys=True))
        if body.get("stream"):
            return await self.stream(request, body, text)
        return web.json_response(completion(body, text, self.finish_reason))

    async def stream(
        self, request: web.Request, body: Body, text: str, *, cut: bool = False
    ) -> web.StreamResponse:
        """Server-sent events, a word each, then the usage; cut: the connection breaks half-way."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        whole = completion(body, text, self.finish_reason)
        words = re.findall(r"\S+\s*|\s+", text)

        async def send(delta: Body, reason: str | None = None, **more: Any) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            event = {**whole, "object": "chat.completion.chunk", "choices": [choice], "usage": None}
            await response.write(f"data: {json.dumps(event | more)}\n\n".encode())

        for place, word in enumerate(words):
            if place == (len(words) + 1) // 2:
                while self.half is not None and not self.half.is_set():
                    await asyncio.sleep(0.005)
                if cut and request.transport is not None:
                    request.transport.close()
                    return response
            await send({"content": word})
        await send({}, self.finish_reason)
        await send({}, choices=[], usage=whole["usage"])
        await response.write(b"data: [DONE]\n\n")
        return response

    async def embeddings(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.requests.append(body)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        data = [
            {"object": "embedding", "index": i, "embedding": letter_vector(text)}
            for i, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": sum(map(len, texts)), "total_tokens": sum(map(len, texts))}
        return web.json_response(
            {"object": "list", "data": data, "model": body["model"], "usage": usage}
        )


def completion(body: Body, text: str, finish_reason: str = "stop") -> Body:
    """A chat completion object as the protocol has it."""
    prompt_tokens = sum(len(m["content"].split()) for m in body["messages"])
    tokens = len(text.split())
    return {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": prompt_tokens + tokens,
            "prompt_tokens_details": {"cached_tokens": prompt_tokens // 2},
        },
    }


async def cut_reply(request: web.Request, reply: Body) -> web.StreamResponse:
    """The first half of a reply with the length of all of it; then the connection breaks."""
    content = json.dumps(reply).encode()
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(content)
    await response.prepare(request)
    await response.write(content[: len(content) // 2])
    if request.transport is not None:
        request.transport.close()  # after what is written is sent
    return response


def error(status: int, message: str, *, code: str = "", **headers: str) -> web.Response:
    """An error reply as the protocol has it; `Retry_After="1"` becomes a header."""
    body = {"error": {"message": message, "type": "loopback", "code": code or None}}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response(body, status=status, headers=sent)


# --- a model that reads: it asks for, and finds, the last word of a sentence ---------------------

_DOCUMENT = re.compile(r"<DOCUMENT>(.*?)</DOCUMENT>", re.DOTALL)
_ASKED = re.compile(r"Which word ends the sentence that begins with “(.+?)”\?")


def reader(body: Body) -> str:
    """As teacher: questions about a document, and answers with a quote. As student: the same."""
    prompt = body["messages"][-1]["content"]
    sentences = [s for text in _DOCUMENT.findall(prompt) for s in sentences_of(text)]
    if wanted := re.search(r"Write (\d+) questions", prompt):
        openings = [opening(sentence) for sentence in sentences[: int(wanted.group(1))]]
        questions = [f"Which word ends the sentence that begins with “{o}”?" for o in openings]
        return json.dumps({"questions": questions}, ensure_ascii=False)
    if asked := _ASKED.search(prompt):
        for sentence in sentences:
            if opening(sentence) == asked.group(1):
                return cot_label("The document says:", sentence, last_word(sentence))
    return REFUSAL


def sentences_of(text: str) -> list[str]:
    """Whole sentences of at least eight words whose last word stands in them once."""
    found = re.findall(r"(?<=[.!?] )[A-Z][^.!?\n“”]+[.!?]", ". " + " ".join(text.split()))
    return [s for s in found if len(s.split()) >= 8 and s.count(last_word(s)) == 1 and s in text]


def opening(sentence: str) -> str:
    return " ".join(sentence.split()[:5])


def last_word(sentence: str) -> str:
    return re.findall(r"\w+", sentence)[-1]


def letter_vector(text: str) -> list[float]:
    """A toy embedding: how often each letter stands in the text."""
    return [float(text.lower().count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"]


# --- running it ----------------------------------------------------------------------------------


class Server(Protocol):
    """What `serving` runs."""

    port: int

    def add_routes(self, app: web.Application) -> None: ...


Running = TypeVar("Running", bound=Server)


@contextmanager
def serve(loopback: Loopback | None = None, *, port: int = 0) -> Iterator[Loopback]:
    """Run the server on 127.0.0.1, in a thread of its own, while the block lasts."""
    with serving(loopback or Loopback(), port=port) as running:
        yield running


@contextmanager
def serving(state: Running, *, port: int = 0) -> Iterator[Running]:
    """As serve, for a server of any routes."""
    loop = asyncio.new_event_loop()
    app = web.Application(client_max_size=64 * 2**20)
    state.add_routes(app)
    runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        state.port = site._server.sockets[0].getsockname()[1]

    async def stop() -> None:
        await runner.cleanup()
        held = asyncio.all_tasks() - {asyncio.current_task()}
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        # There, as a test of a browser runs inside of Playwright's own loop.
        asyncio.run_coroutine_threadsafe(start(), loop).result(300)
        yield state
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(300)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(300)
        loop.close()
