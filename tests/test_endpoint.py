from __future__ import annotations

import asyncio
import re

import pytest

from lib.endpoint import Endpoint, EndpointError, gather_all, run
from lib.ledger import Ledger
from lib.settings import EndpointSettings, SetupError
from tests.server import Body, Loopback, error, serve


def settings(server: Loopback, *, style: str = "openai") -> EndpointSettings:
    return EndpointSettings(
        role="teacher",
        style=style,
        base_url=server.base_url.removesuffix("/v1") if style == "azure" else server.base_url,
        deployment="loopback",
        api_key="k-123",
        api_version="2024-10-21",
    )


def say(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def echo(body: Body) -> str:
    return "re: " + body["messages"][-1]["content"]


async def ask_each(
    server: Loopback, texts: list[str], *, concurrency: int = 8, retries: int = 0, **options: float
) -> list[str | EndpointError]:
    async with Endpoint(
        settings(server),
        ledger=Ledger(),
        concurrency=concurrency,
        max_retries=retries,
        **options,
    ) as endpoint:

        async def one(text: str) -> str:
            return (await endpoint.ask(say(text), max_tokens=9)).text

        return await gather_all(texts, one)


@pytest.mark.parametrize("style", ["openai", "azure"])
def test_a_reply_comes_with_its_usage_and_is_asked_once(style: str) -> None:
    with serve(Loopback(reply=echo)) as server:

        async def twice() -> list[str]:
            async with Endpoint(settings(server, style=style), ledger=Ledger()) as endpoint:
                replies = [await endpoint.ask(say("a b"), max_tokens=9) for _ in range(2)]
                assert (endpoint.asked, endpoint.from_ledger) == (1, 1)
                assert (endpoint.prompt_tokens, endpoint.completion_tokens) == (2, 3)
                return [reply.text for reply in replies]

        assert run(twice()) == ["re: a b", "re: a b"]
        assert len(server.requests) == 1


def test_order_is_kept_and_slots_are_bounded() -> None:
    texts = [f"t{i}" for i in range(40)]
    with serve(Loopback(reply=echo, delay_s=0.02)) as server:
        assert run(ask_each(server, texts, concurrency=5)) == [f"re: {text}" for text in texts]
        assert 1 < server.max_in_flight <= 5


def test_equal_requests_at_one_time_are_sent_once() -> None:
    with serve(Loopback(reply=echo, delay_s=0.1)) as server:
        assert run(ask_each(server, ["same"] * 10)) == ["re: same"] * 10
        assert len(server.requests) == 1


def test_passing_faults_are_retried() -> None:
    def twice_busy(number: int, body: Body) -> object:
        return error(429, "slow down", Retry_After="0") if number <= 2 else None

    with serve(Loopback(reply=echo, fault=twice_busy)) as server:
        assert run(ask_each(server, ["a"], retries=3)) == ["re: a"]
        assert len(server.requests) == 3


def test_a_failed_request_leaves_the_others_alone_and_is_asked_again() -> None:
    def broken(number: int, body: Body) -> object:
        return error(500, "boom") if body["messages"][0]["content"] == "b" else None

    with serve(Loopback(reply=echo, fault=broken)) as server:
        first = run(ask_each(server, ["a", "b", "c"]))
        assert first[::2] == ["re: a", "re: c"]
        assert isinstance(first[1], EndpointError)
        server.fault = lambda number, body: None
        assert run(ask_each(server, ["a", "b", "c"])) == ["re: a", "re: b", "re: c"]
        assert len(server.requests) == 4


def test_a_hung_request_ends() -> None:
    with serve(Loopback(reply=echo, hold_from=1)) as server:
        (result,) = run(ask_each(server, ["a"], timeout_s=0.3))
        assert "did not answer" in str(result)


@pytest.mark.parametrize(
    ("status", "says"), [(401, "refuses the key"), (403, "refuses the key"), (404, "no model")]
)
def test_what_can_never_work_stops_at_once(status: int, says: str) -> None:
    refuse = lambda number, body: error(status, "no")  # noqa: E731
    with serve(Loopback(fault=refuse)) as server, pytest.raises(SetupError, match=says) as caught:
        run(ask_each(server, ["a", "b"]))
    assert "k-123" not in str(caught.value)


def test_nobody_listening_is_an_endpoint_error() -> None:
    with serve(Loopback()) as server:
        pass
    (result,) = run(ask_each(server, ["a"]))
    assert "cannot be reached" in str(result)


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [("filtered", "content_filter", "content_filter"), ("too long", "", "refused: .*too long")],
)
def test_a_refused_request_fails_alone_and_is_not_kept(
    message: str, code: str, reason: str
) -> None:
    refuse = lambda number, body: error(400, message, code=code)  # noqa: E731
    with serve(Loopback(fault=refuse)) as server:

        async def finish_reasons() -> list[str]:
            async with Endpoint(settings(server), ledger=Ledger()) as endpoint:
                return [(await endpoint.ask(say("a"), max_tokens=9)).finish_reason for _ in "ab"]

        for found in run(finish_reasons()):
            assert re.match(reason, found)
        assert len(server.requests) == 2


def test_newer_models_dialect_is_learnt() -> None:
    def newer(number: int, body: Body) -> object:
        if "max_tokens" in body:
            return error(400, "Unsupported: 'max_tokens'. Use 'max_completion_tokens' instead.")
        if "temperature" in body:
            return error(400, "Unsupported value: 'temperature' does not support 0.")
        return None

    with serve(Loopback(reply=echo, fault=newer)) as server:
        assert run(ask_each(server, ["a", "b"], concurrency=1)) == ["re: a", "re: b"]
        assert server.requests[-1]["max_completion_tokens"] == 9


def test_embeddings_go_through_the_ledger() -> None:
    with serve(Loopback()) as server:

        async def embed(texts: list[str]) -> list[list[float]]:
            async with Endpoint(settings(server), ledger=Ledger()) as endpoint:
                return await endpoint.embed(texts, batch_size=2)

        first = run(embed(["ab", "b", "c"]))
        assert [vector[:3] for vector in first] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
        assert run(embed(["c", "ab", "d"]))[:2] == [first[2], first[0]]
        assert [len(request["input"]) for request in server.requests] == [2, 1, 1]


def test_run_works_inside_a_running_loop() -> None:
    async def notebook() -> str:
        return run(asyncio.sleep(0, "done"))

    assert asyncio.run(notebook()) == "done"
