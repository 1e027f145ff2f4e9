"""A loopback teacher in a process of its own: 0.3 s + 2 ms an output token, faults on demand.

    with teacher(Behaviour(hangs=0.02)) as running:
        …  # ask running.base_url
        print(running.figures())

What goes wrong is drawn from the request's content and how often it came: so runs compare. The
limit on requests is a bucket that refills steadily, like those of hosted services.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import ceil
from random import Random
from typing import Any
from urllib.request import urlopen

from lib.settings import PROJECT_DIR
from tests.server import Body, completion
from tests.server import reader as reader_model

# What was answered so shortly before a kill may be on its way: the client could not keep it.
GRACE_S = 0.05

Answer = tuple[int, bytes, str]  # status, body, one more header


@dataclass(frozen=True)
class Behaviour:
    """How the teacher answers."""

    first_token_s: float = 0.3
    token_s: float = 0.002
    requests_per_minute: int = 0  # beyond: 429 with Retry-After; 0 = no limit
    burst: int = 0  # what the bucket holds; 0 = a minute's worth
    refusals: float = 0.0  # share of attempts, 0–1: 429 without Retry-After
    storm_s: float = 0.0  # all attempts of so many seconds are refused in the same way: the last
    storm_every_s: float = 9.0  # of every so many
    errors: float = 0.0  # shares of attempts, 0–1: 500 at once
    hangs: float = 0.0  # never answered
    drops: float = 0.0  # the connection breaks halfway
    malformed: float = 0.0  # a body cut in half
    seed: int = 0


@dataclass(frozen=True)
class Figures:
    """What the teacher saw. Times are in seconds since 1970."""

    outcomes: dict[str, int]  # "answered", "429", "500", "hang", "drop", "malformed", "left"
    service_s: float  # of all that were answered, as planned: the lower bound is this / slots
    first_s: float  # when the first request came
    last_s: float  # when the last answer went
    max_in_flight: int
    answers: dict[str, list[float]] = field(repr=False)  # hash of a request → when it was answered

    def paid_twice(self, *, grace_s: float = 0.0, kills: tuple[float, ...] = ()) -> int:
        """Answers beyond the first of a request. A first answer within grace_s of a kill counts as
        still on its way: the client could not keep it."""
        return sum(
            not any(abs(kill - first) < grace_s for kill in kills)
            for first, *others in self.answers.values()
            for _ in others
        )


class TeacherServer:
    """The server's side: a small HTTP/1.1 loop for each connection, cheap beside the client."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._came: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._answers: dict[str, list[float]] = {}
        self._service_s = self._first_s = self._last_s = 0.0
        self._in_flight = self._max_in_flight = 0
        self._level = float(behaviour.burst or behaviour.requests_per_minute)
        self._level_at = time.monotonic()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0].strip()
                body = await reader.readexactly(int(length or 0))
                if head.startswith(b"GET /figures"):
                    answer: Answer | None = (200, json.dumps(asdict(self.figures())).encode(), "")
                else:
                    answer = await self._answer(json.loads(body), reader, writer)
                if answer is None:
                    break
                status, content, header = answer
                lines = [f"HTTP/1.1 {status} -", "Content-Type: application/json", header]
                lines.append(f"Content-Length: {len(content)}")
                writer.write("\r\n".join(filter(None, lines)).encode() + b"\r\n\r\n" + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def figures(self) -> Figures:
        return Figures(
            dict(self._outcomes),
            self._service_s,
            self._first_s,
            self._last_s,
            self._max_in_flight,
            self._answers,
        )

    async def _answer(
        self, body: Body, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Answer | None:
        """What goes back; None: nothing, and the connection closes."""
        self._first_s = self._first_s or time.time()
        self._in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)
        try:
            return await self._outcome(body, reader, writer)
        finally:
            self._in_flight -= 1

    async def _outcome(
        self, body: Body, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Answer | None:
        name = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        if (wait_s := self._over_limit_s()) > 0:
            return self._fail("429", 429, f"Retry-After: {ceil(wait_s)}")
        fault = self._draw(name)
        since_s = (time.time() - self._first_s) % self._behaviour.storm_every_s
        if fault == "429" or since_s >= self._behaviour.storm_every_s - self._behaviour.storm_s:
            return self._fail("429", 429, "")
        if fault == "500":
            return self._fail("500", 500, "")
        if fault == "hang":
            self._outcomes["hang"] += 1
            await reader.read(1)  # until the client gives up
            return None
        text = reader_model(body)
        reply, tokens = completion(body, text), ceil(len(text) / 4)
        reply["usage"]["completion_tokens"] = tokens
        service_s = self._behaviour.first_token_s + self._behaviour.token_s * tokens
        content = json.dumps(reply).encode()
        if fault == "drop":
            await asyncio.sleep(service_s / 2)
            self._outcomes["drop"] += 1
            return None
        await asyncio.sleep(service_s)
        if reader.at_eof() or writer.transport.is_closing():
            self._outcomes["left"] += 1
            return None
        if fault == "malformed":
            self._outcomes["malformed"] += 1
            return 200, content[: len(content) // 2], ""
        self._outcomes["answered"] += 1
        self._service_s += service_s
        self._last_s = time.time()
        self._answers.setdefault(name, []).append(self._last_s)
        return 200, content, ""

    def _draw(self, name: str) -> str:
        self._came[name] += 1
        drawn = Random(f"{self._behaviour.seed}:{name}:{self._came[name]}").random()
        shares = {
            "429": self._behaviour.refusals,
            "500": self._behaviour.errors,
            "hang": self._behaviour.hangs,
            "drop": self._behaviour.drops,
            "malformed": self._behaviour.malformed,
        }
        for fault, share in shares.items():
            if drawn < share:
                return fault
            drawn -= share
        return ""

    def _over_limit_s(self) -> float:
        """Seconds until the bucket holds a request again; 0 = it holds one, and gives it."""
        if not self._behaviour.requests_per_minute:
            return 0.0
        per_s, now = self._behaviour.requests_per_minute / 60, time.monotonic()
        most = self._behaviour.burst or self._behaviour.requests_per_minute
        self._level = min(most, self._level + (now - self._level_at) * per_s)
        self._level_at = now
        if self._level < 1:
            return (1 - self._level) / per_s
        self._level -= 1
        return 0.0

    def _fail(self, outcome: str, status: int, header: str) -> Answer:
        self._outcomes[outcome] += 1
        return status, json.dumps({"error": {"message": "loopback fault"}}).encode(), header


@dataclass(frozen=True)
class Teacher:
    """A running teacher."""

    base_url: str

    def figures(self) -> Figures:
        with urlopen(self.base_url.removesuffix("/v1") + "/figures") as response:
            data: dict[str, Any] = json.load(response)
        return Figures(**data)


@contextmanager
def teacher(behaviour: Behaviour | None = None) -> Iterator[Teacher]:
    """Run a teacher while the block lasts."""
    command = [sys.executable, "-m", __name__, json.dumps(asdict(behaviour or Behaviour()))]
    with subprocess.Popen(
        command, cwd=PROJECT_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield Teacher(f"http://127.0.0.1:{int(process.stdout.readline())}/v1")
        finally:
            process.stdin.close()  # it ends with us, however we end


async def _serve(behaviour: Behaviour) -> None:
    server = await asyncio.start_server(
        TeacherServer(behaviour).connection, "127.0.0.1", 0, limit=2**24, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(Behaviour(**json.loads(sys.argv[1]))))
