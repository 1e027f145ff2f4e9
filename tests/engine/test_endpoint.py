"""Asking an endpoint: through the ledger, with slots, retries, limits and a budget."""

from __future__ import annotations

import asyncio
import os
import random
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from lib.endpoints import EndpointSettings
from lib.engine.endpoint import (
    Budget,
    BudgetSpent,
    Endpoint,
    EndpointError,
    gather_all,
    run,
)
from lib.engine.ledger import Ledger
from lib.engine.ledger_writer import Writer
from lib.engine.replies import Reply, RequestForm
from lib.recipe import Recipe
from lib.settings import SetupError
from tests.ledger import replies_of
from tests.server import Body, Loopback, completion, error, serve


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
    server: Loopback, texts: list[str], *, budget: Budget | None = None, **sending: Any
) -> list[str | EndpointError]:
    recipe = Recipe(**{"concurrency": 8, "max_retries": 0} | sending)
    async with Endpoint(settings(server), recipe, ledger=Ledger(), budget=budget) as endpoint:

        async def one(text: str) -> str:
            return (await endpoint.ask(say(text), max_tokens=9)).text

        return await gather_all(texts, one)


@pytest.mark.parametrize("style", ["openai", "azure"])
def test_a_reply_comes_with_its_usage_and_is_asked_once(style: str) -> None:
    with serve(Loopback(reply=echo)) as server:

        async def twice() -> list[str]:
            async with Endpoint(
                settings(server, style=style), Recipe(), ledger=Ledger()
            ) as endpoint:
                replies = [await endpoint.ask(say("a b"), max_tokens=9) for _ in range(2)]
                assert (endpoint.meter.tokens, endpoint.from_ledger) == (2 + 3, 1)
                return [reply.text for reply in replies]

        assert run(twice()) == ["re: a b", "re: a b"]
        assert len(server.requests) == 1


def test_order_is_kept_and_slots_are_bounded() -> None:
    texts = [f"t{i}" for i in range(40)]
    with serve(Loopback(reply=echo)) as server:
        server.hold_until_in_flight(5)
        assert run(ask_each(server, texts, concurrency=5)) == [f"re: {text}" for text in texts]
        assert server.max_in_flight == 5


def test_equal_requests_at_one_time_are_sent_once() -> None:
    with serve(Loopback(reply=echo, delay_s=0.1)) as server:
        assert run(ask_each(server, ["same"] * 10)) == ["re: same"] * 10
        assert len(server.requests) == 1


def test_passing_faults_are_retried() -> None:
    def twice_busy(number: int, body: Body) -> object:
        return error(429, "slow down", Retry_After="0") if number <= 2 else None

    with serve(Loopback(reply=echo, fault=twice_busy)) as server:
        assert run(ask_each(server, ["a"], max_retries=3)) == ["re: a"]
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


def test_a_request_that_fails_in_two_runs_is_refused_and_blocks_no_third(no_back_off: None) -> None:
    def broken(number: int, body: Body) -> object:
        return error(500, "boom") if body["messages"][0]["content"] == "b" else None

    async def ask(server: Loopback) -> Reply:
        recipe = Recipe(max_retries=1)
        async with Endpoint(settings(server), recipe, ledger=Ledger()) as endpoint:
            await endpoint.ask(say("a"), max_tokens=10)
            return await endpoint.ask(say("b"), max_tokens=10)

    with serve(Loopback(reply=echo, fault=broken)) as server:
        with pytest.raises(EndpointError, match="boom"):
            run(ask(server))
        for _ in range(2):
            reply = run(ask(server))
            assert reply.is_refused
            assert "failed in an earlier run, too" in reply.finish_reason
            assert "boom" in reply.finish_reason
        server.fault = lambda number, body: None
        assert run(ask(server)).text == "re: b"  # nothing of it is kept as its reply


def test_a_hung_request_ends() -> None:
    fault = lambda number, body: "hang" if body["messages"][0]["content"] == "a" else None  # noqa: E731
    with serve(Loopback(reply=echo, fault=fault)) as server:
        (result,) = run(ask_each(server, ["a"], timeout_s=0.3))
        assert "did not answer" in str(result)


# --- the endpoint's fault, or the request's ------------------------------------------------------

STATUSES = [400, 401, 402, 403, 404, 405, 413, 418, 422, 429, 451, 498, 307]


def complaint(status: int) -> web.Response:
    code = "insufficient_quota" if status == 429 else ""
    return error(status, "API key not valid", code=code, Location="https://there.example/v1")


@pytest.mark.parametrize("status", STATUSES)
def test_a_wrong_key_ends_all_at_once_in_whatever_status_it_comes(status: int) -> None:
    with serve(Loopback(fault=lambda number, body: complaint(status))) as server:
        says = "redirects to" if status == 307 else f"{status}: API key not valid"
        with pytest.raises(SetupError, match=says) as caught:
            run(ask_each(server, [str(number) for number in range(200)], max_retries=8))
        assert len(server.requests) + server.pings <= 16
    assert "k-123" not in str(caught.value)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("status", sorted({*STATUSES} - {401, 402, 429}))
def test_the_refusal_of_one_request_is_its_own(status: int, first: bool) -> None:
    texts = ["bad", *"abcdef"] if first else [*"abcdef", "bad"]
    fault = lambda number, body: complaint(status) if "bad" in str(body) else None  # noqa: E731
    with serve(Loopback(reply=echo, fault=fault)) as server:

        async def ask() -> dict[str, str]:
            async with Endpoint(
                settings(server), Recipe(concurrency=1), ledger=Ledger()
            ) as endpoint:
                asked = [(text, await endpoint.ask(say(text), max_tokens=9)) for text in texts]
                return {text: reply.text or reply.finish_reason for text, reply in asked}

        found = run(ask())
        assert re.match(f"refused: {status}: (API key|it redirects)", found.pop("bad"))
        assert found == {text: f"re: {text}" for text in "abcdef"}
        assert server.pings == first


@pytest.mark.parametrize("fault", ["drop", lambda: error(500, "boom"), lambda: error(503, "")])
def test_a_dead_endpoint_is_no_progress(fault: Any, no_back_off: None) -> None:
    dead = lambda number, body: fault() if callable(fault) else fault  # noqa: E731
    with serve(Loopback(fault=dead)) as server:
        with pytest.raises(SetupError, match="Nothing was answered before"):
            run(ask_each(server, [str(number) for number in range(200)], max_retries=1))
        assert len(server.requests) <= 32


def test_no_more_than_some_failures_in_a_row_are_paid(no_back_off: None) -> None:
    fault = lambda number, body: web.json_response({"choices": []}) if number > 9 else None  # noqa: E731
    texts = [str(number) for number in range(200)]
    with serve(Loopback(reply=echo, fault=fault)) as server:
        with pytest.raises(SetupError, match="20th request in a row that failed"):
            run(ask_each(server, texts, max_retries=8))
        asked = Counter(body["messages"][0]["content"] for body in server.requests)
        assert max(asked.values()) == 2
        assert len(asked) <= 9 + 20 + 2 * 8


def test_a_reply_that_cannot_be_read_is_in_the_budget(no_back_off: None) -> None:
    usage = {"prompt_tokens": 30, "completion_tokens": 70}
    unreadable = lambda: web.json_response({"choices": [], "usage": usage})  # noqa: E731
    fault = first_time(unreadable)
    with serve(Loopback(reply=echo, fault=fault)) as server:
        budget = Budget(max_tokens_total=100_000)
        assert run(ask_each(server, [*"abc"], budget=budget, max_retries=8)) == [
            "re: a", "re: b", "re: c"
        ]  # fmt: skip
        assert budget.tokens == 3 * 100 + 3 * 3
        assert budget.requests == 6


def test_a_request_that_times_out_is_in_the_budget_and_shown_apart(
    no_back_off: None, home_dir: Path
) -> None:
    """A service may finish it and bill it: max_cost holds all the same."""
    prices = "models: {loopback: {prompt: 1000, cached: 1000, completion: 1000}}"
    (home_dir / "prices.yaml").write_text(f"as_of: 2026-01-02\ncurrency: EUR\n{prices}\n")
    budget = Budget(max_cost=1.0, currency="EUR")

    async def ask(server: Loopback, text: str) -> tuple[Any, str]:
        recipe = Recipe(max_retries=1, timeout_s=0.3)
        async with Endpoint(settings(server), recipe, ledger=Ledger(), budget=budget) as endpoint:
            (found,) = await gather_all([text], lambda t: endpoint.ask(say(t), max_tokens=100))
            return found, endpoint.note()

    with serve(Loopback(reply=echo, fault=lambda number, body: "hang")) as server:
        failed, note = run(ask(server, "abcd" * 10))
        assert "did not answer" in str(failed)
        each = 10 + 100  # prompt by its length, and a reply as long as it may be
        assert budget.tokens == 2 * each
        assert budget.cost == pytest.approx(2 * each / 1000)
        assert budget.requests == 0
        assert (
            note == "0 tokens · 0.00 EUR · 0 from the ledger · 1 failed · 2 timed out, perhaps "
            "billed (0.22 EUR)"
        )
        budget.max_cost = 0.3
        failed, _ = run(ask(server, "efgh"))
        assert isinstance(failed, BudgetSpent)
        assert "by 0 replies and, if they are billed, 2 requests that timed out" in str(failed)


PAID = ("whole", "filtered", "unreadable", "truncated", "cut")


@pytest.mark.parametrize("seed", range(2))
def test_whatever_comes_nothing_is_paid_more_than_three_times_and_all_is_counted(
    seed: int, no_back_off: None
) -> None:
    rng, sent, usages = random.Random(seed), defaultdict[str, list[str]](list), []
    kinds = (*PAID, "500", "drop", "429")

    def fault(number: int, body: Body) -> object:
        (kind,) = rng.choices(kinds, weights=(6, 1, 1, 1, 2, 2, 1, 0.4))
        sent[body["messages"][0]["content"]].append(kind)
        usage = {"prompt_tokens": 30, "completion_tokens": 70}
        if kind == "whole":
            usages.append(completion(body, echo(body))["usage"]["total_tokens"])
        if kind == "unreadable":
            usages.append(100)
            return web.json_response({"choices": [], "usage": usage})
        if kind == "filtered":
            usages.append(30)
            reply = completion(body, "", "content_filter")
            return web.json_response(reply | {"usage": usage | {"completion_tokens": 0}})
        if kind == "truncated":
            return web.Response(body=b'{"choices": [{"mess')
        if kind in ("500", "429"):
            return error(int(kind), "no", Retry_After="0")
        return None if kind == "whole" else kind

    budget = Budget(max_tokens_total=10**9)
    with serve(Loopback(reply=echo, fault=fault)) as server:
        texts = [str(number) for number in range(60)]
        run(ask_each(server, texts, budget=budget, max_retries=4))
    for kinds_sent in sent.values():
        paid = [kind for kind in kinds_sent if kind in PAID]
        assert len(paid) <= 3
        assert paid.count("unreadable") <= 2
        assert len(kinds_sent) - kinds_sent.count("429") <= 5
    counted = [kind for kinds_sent in sent.values() for kind in kinds_sent if kind in PAID]
    assert {*counted} == {*PAID}
    assert budget.requests == len(counted)
    cut = counted.count("truncated") + counted.count("cut")
    assert budget.tokens >= sum(usages) + 2 * cut


def test_a_reply_that_was_cut_on_its_way_is_asked_for_twice_more(no_back_off: None) -> None:
    async def ask(server: Loopback) -> tuple[Any, str]:
        recipe = Recipe(max_retries=8)
        async with Endpoint(settings(server), recipe, ledger=Ledger()) as endpoint:

            async def one(text: str) -> str:
                return (await endpoint.ask(say(text), max_tokens=9)).text

            found = await gather_all(["a", "b"], one)
            return found, endpoint.note()

    fault = lambda number, body: "cut" if body["messages"] == say("a") else None  # noqa: E731
    with serve(Loopback(reply=echo, fault=fault)) as server:
        (failed, answered), note = run(ask(server))
    assert (answered, len(server.requests)) == ("re: b", 3 + 1)
    assert re.search(r"cut its reply: .* \(3 attempts, 3 counted as paid\)", str(failed))
    assert "3 unreadable, counted as paid" in note


def test_a_reply_of_another_form_is_said_with_who_sent_it(no_back_off: None) -> None:
    fault = lambda number, body: web.json_response({"choices": []})  # noqa: E731
    with serve(Loopback(fault=fault)) as server:
        with pytest.raises(SetupError) as failed:
            run(ask_each(server, ["a"], max_retries=8))
        says = f"The teacher at {server.base_url} sent something else than a chat completion: "
    assert f"{says}{{'choices': []}} (2 attempts, 2 counted as paid). Nothing" in str(failed.value)


def test_vectors_that_cannot_be_read_are_in_the_budget(no_back_off: None) -> None:
    async def embed(server: Loopback) -> tuple[Any, int, int]:
        async with Endpoint(settings(server), Recipe(), ledger=Ledger()) as endpoint:
            vectors = await endpoint.embed(["abcd", "abcd" * 9])
            return vectors, endpoint.meter.unread, endpoint.meter.tokens

    class BrokenOnce(Loopback):
        async def embeddings(self, request: web.Request) -> web.Response:
            reply = await super().embeddings(request)
            return web.json_response({"data": []}) if len(self.requests) == 1 else reply

    with serve(BrokenOnce()) as server:
        vectors, unread, tokens = run(embed(server))
    assert (len(vectors), unread) == (2, 1)
    assert tokens == 40 // 4 + 40  # by estimate, and by the usage


@pytest.fixture
def no_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.engine.retries.random.uniform", lambda low, high: 0.0)


def test_nobody_listening_is_said_at_once(no_back_off: None) -> None:
    with serve(Loopback()) as server:
        pass
    with pytest.raises(SetupError, match=r"cannot be reached.*\(4 attempts\).*base URL"):
        run(ask_each(server, ["a"], max_retries=8))


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [("filtered", "content_filter", "content_filter"), ("too long", "", "refused: .*too long")],
)
def test_a_refused_request_fails_alone_and_is_not_kept(
    message: str, code: str, reason: str
) -> None:
    def refuse(number: int, body: Body) -> object:
        return error(400, message, code=code) if body["messages"] == say("a") else None

    with serve(Loopback(fault=refuse)) as server:

        async def finish_reasons() -> list[str]:
            async with Endpoint(settings(server), Recipe(), ledger=Ledger()) as endpoint:
                return [(await endpoint.ask(say("a"), max_tokens=9)).finish_reason for _ in "ab"]

        for found in run(finish_reasons()):
            assert re.match(reason, found)
        assert len(server.requests) == 2


def test_the_parameter_names_of_newer_models_are_learnt() -> None:
    def newer(number: int, body: Body) -> object:
        if "max_tokens" in body:
            return error(400, "Unsupported: 'max_tokens'. Use 'max_completion_tokens' instead.")
        if "temperature" in body:
            return error(400, "Unsupported value: 'temperature' does not support 0.")
        return None

    texts = [str(number) for number in range(12)]
    with serve(Loopback(reply=echo, fault=newer, delay_s=0.01)) as server:
        assert run(ask_each(server, texts, concurrency=6)) == [f"re: {text}" for text in texts]
        assert server.requests[-1]["max_completion_tokens"] == 9
        assert 12 + 2 <= len(server.requests) <= 12 + 2 * 6  # only those in flight ask again


def test_what_a_gateway_wraps_is_learnt_from() -> None:
    """LiteLLM before Bedrock: the parameter is named behind 200 characters of wrapping."""
    said = (
        'litellm.BadRequestError: BedrockException - {"message":"The model returned the following '
        'errors: {\\"type\\":\\"error\\",\\"request_id\\":\\"req_p2msrdcxdgpww2tqhgwewtvomrkhc2l2pe'
        '5xdananom42vw6tqja\\",\\"error\\":{\\"type\\":\\"invalid_request_error\\",\\"message\\":'
        '\\"`temperature` is deprecated for this model.\\"}}"}'
    )
    fault = lambda number, body: error(400, said) if "temperature" in body else None  # noqa: E731
    with serve(Loopback(reply=echo, fault=fault)) as server:
        assert run(ask_each(server, ["a"])) == ["re: a"]


def test_qwen_3_is_asked_not_to_think_where_it_thinks_in_streams_alone() -> None:
    said = "parameter.enable_thinking must be set to false for non-streaming calls"
    fault = lambda number, body: None if "enable_thinking" in body else error(400, said)  # noqa: E731
    with serve(Loopback(reply=echo, fault=fault)) as server:
        assert run(ask_each(server, ["a", "b"])) == ["re: a", "re: b"]
        assert server.requests[-1]["enable_thinking"] is False


STREAMS_ONLY = [
    ["This model only support stream mode, please enable the stream parameter to access it."],
    ["Stream must be set to true"],
    ["enable thinking can not be support when `stream=False`.", "Unknown: 'stream_options'"],
    [
        "parameter.enable_thinking must be set to false for non-streaming calls",
        "The value of the enable_thinking parameter is restricted to True.",
    ],
]


@pytest.mark.parametrize("streamed", [False, True])
def test_whatever_is_said_a_form_ends_to_change(*, streamed: bool) -> None:
    """Each change is a request more."""
    sayings = [one for several in STREAMS_ONLY for one in several]
    form, changes = RequestForm(streamed=streamed), 0
    request = {"model": "m", "messages": [], "max_tokens": 5, "temperature": 0.0}
    for said in random.Random(1).choices([*sayings, "max_completion_tokens"], k=200):
        before = form.payload(request)
        form.learn(said)
        changes += form.payload(request) != before
    assert changes <= 5


@pytest.mark.parametrize("sayings", STREAMS_ONLY)
def test_a_model_that_only_streams_is_asked_for_streams(sayings: list[str]) -> None:
    def fault(number: int, body: Body) -> object:
        if "enable_thinking" in body or ("stream_options" in body and "_options" in sayings[-1]):
            return error(400, sayings[-1])
        return None if body["stream"] else error(400, sayings[0])

    with serve(Loopback(reply=echo, fault=fault)) as server:
        assert run(ask_each(server, ["a", "b c"], concurrency=1)) == ["re: a", "re: b c"]
        assert len(server.requests) == len(sayings) + 2, "it is learnt once"
        [usage] = Ledger().usage_by_model().values()
        assert (usage.requests, usage.completion_tokens) == (2, 2 + 3)


@pytest.mark.parametrize(
    ("last", "reply"),
    [
        ('{"choices": [{"delta": {"content": "b"}, "finish_reason": "stop"}]}', "a b"),
        ('{"choices": [{"delta": {"content": "b [DONE]"}}]}⏎[DONE]', "a b [DONE]"),
        ('{"choices": [{"delta": {"content": "b"}}]}', "cut its reply: it has no end"),
        ('{"error": {"message": "no memory"}}⏎[DONE]', "cut its reply: no memory"),
        ('{"error": "no memory"}', "cut its reply: no memory"),
    ],
)
def test_a_stream_that_nobody_asked_for_is_read(last: str, reply: str, no_back_off: None) -> None:
    events = ['{"choices": [{"delta": {"content": "a "}}]}', *last.split("⏎")]
    body = ": ping\n\n" + "".join(f"data: {event}\n\n" for event in events)
    fault = lambda number, asked: web.Response(text=body, content_type="text/event-stream")  # noqa: E731
    with serve(Loopback(fault=fault)) as server:
        assert reply in str(run(ask_each(server, ["x"])))


NO_SYSTEM_ROLE = [
    "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    "System role not supported",
    "Conversation roles must alternate user/assistant/user/assistant/...",
    "Developer instruction is not enabled for models/gemma-3-27b-it",
    "Only user and assistant roles are supported!",
]


@pytest.mark.parametrize(
    ("status", "said"),
    [*((400, said) for said in NO_SYSTEM_ROLE), *((500, said) for said in NO_SYSTEM_ROLE[1:3])],
)
def test_a_model_without_a_system_role_is_learnt(status: int, said: str) -> None:
    def fault(number: int, body: Body) -> object:
        return error(status, said) if body["messages"][0]["role"] == "system" else None

    with serve(Loopback(reply=echo, fault=fault)) as server:

        async def ask() -> list[str]:
            async with Endpoint(settings(server), Recipe(), ledger=Ledger()) as endpoint:
                system = {"role": "system", "content": "Be brief."}
                asked = [[system, *say("a")], [system, *say("b")], say("c")]
                return [(await endpoint.ask(each, max_tokens=9)).text for each in asked]

        assert run(ask()) == ["re: Be brief.\n\na", "re: Be brief.\n\nb", "re: c"]
        assert len(server.requests) == 4


def test_embeddings_go_through_the_ledger() -> None:
    with serve(Loopback()) as server:

        async def embed(texts: list[str]) -> list[list[float]]:
            async with Endpoint(settings(server), Recipe(), ledger=Ledger()) as endpoint:
                return await endpoint.embed(texts)

        first = run(embed(["ab", "b", "c"]))
        assert [vector[:3] for vector in first] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
        assert run(embed(["c", "ab", "d"]))[:2] == [first[2], first[0]]
        assert run(embed(["ab", "f", "f"]))[1:] == run(embed(["f"])) * 2  # equal texts, once
        assert [request["input"] for request in server.requests] == [["ab", "b", "c"], ["d"], ["f"]]
    with serve(Loopback()) as server:  # it may have another model of that name
        run(embed(["ab"]))
        assert [request["input"] for request in server.requests] == [["ab"]]


def test_texts_of_which_too_many_are_refused_are_sent_in_smaller_requests() -> None:
    """text-embeddings-inference takes 32, DashScope 10; Voyage refuses "float" as a format."""

    class Few(Loopback):
        async def embeddings(self, request: web.Request) -> web.Response:
            body = await request.json()
            if len(body["input"]) > 3 or "encoding_format" in body:
                return error(413, "batch size 10 > maximum allowed batch size 3")
            return await super().embeddings(request)

    async def embed(server: Loopback, texts: str) -> list[list[float]]:
        async with Endpoint(settings(server), Recipe(), ledger=Ledger()) as endpoint:
            return await endpoint.embed(list(texts))

    with serve(Few()) as server:
        vectors = run(embed(server, "abcdefghij"))
        sent = [request["input"] for request in server.requests if request["input"] != ["Hello"]]
    assert [vector.index(1) for vector in vectors] == list(range(10))
    assert sent == [["a", "b"], ["c", "d", "e"], ["f", "g"], ["h", "i", "j"]]


def test_a_text_that_has_no_vector_is_named_and_the_others_are_kept() -> None:
    """Ollama's 500 for one of bge-m3's texts, which it gives each time."""

    class NoNumber(Loopback):
        async def embeddings(self, request: web.Request) -> web.Response:
            if "bad" in (await request.json())["input"]:
                return error(500, "failed to encode response: json: unsupported value: NaN")
            return await super().embeddings(request)

    async def embed(server: Loopback, texts: list[str]) -> list[list[float]]:
        async with Endpoint(settings(server), Recipe(), ledger=Ledger()) as endpoint:
            return await endpoint.embed(texts)

    with serve(NoNumber()) as server:
        with pytest.raises(EndpointError, match=r"“bad” is refused \(500: .*its document must be"):
            run(embed(server, ["a", "b", "bad", "c"]))
        paid = len(server.requests)
        assert len(run(embed(server, ["a", "b"]))) == 2
        assert len(server.requests) == paid


# --- what goes wrong -----------------------------------------------------------------------------


def first_time(outcome: object) -> Any:
    """A fault that meets each request once."""
    seen: set[str] = set()

    def fault(number: int, body: Body) -> object:
        text = body["messages"][0]["content"]
        if text in seen:
            return None
        seen.add(text)
        return outcome() if callable(outcome) else outcome

    return fault


BROKEN: dict[str, object] = {
    "500": lambda: error(500, "boom"),
    "503": lambda: error(503, "overloaded"),
    "408": lambda: error(408, "too late"),
    "dropped": "drop",
    "cut": lambda: web.Response(body=b'{"choices": [{"mess'),
    "a page": lambda: web.Response(body=b"<html>", content_type="text/html"),
    "no choices": lambda: web.json_response({"choices": []}),
    "no message": lambda: web.json_response({"choices": [{"index": 0}]}),
    "nothing": lambda: web.json_response(
        {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}
    ),
    "a number": lambda: web.json_response({"choices": [{"message": {"content": 7}}]}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_a_retry_can_save_is_saved(name: str, no_back_off: None) -> None:
    texts = [str(number) for number in range(10)]
    with serve(Loopback(reply=echo, fault=first_time(BROKEN[name]))) as server:
        assert run(ask_each(server, texts, max_retries=1)) == [f"re: {text}" for text in texts]
        assert len(server.answered) == 10


def test_who_waits_for_a_retry_holds_no_slot() -> None:
    def fault(number: int, body: Body) -> object:
        return error(500, "boom") if number == 1 else None

    with serve(Loopback(reply=echo, fault=fault)) as server:
        run(ask_each(server, ["a", "b", "c"], concurrency=1, max_retries=1))
        order = [body["messages"][0]["content"] for body in server.requests]
        assert order == ["a", "b", "c", "a"]


def test_an_endpoint_that_asks_for_too_long_a_wait_ends_the_run() -> None:
    fault = lambda number, body: error(429, "tomorrow", Retry_After="7200")  # noqa: E731
    with serve(Loopback(fault=fault)) as server:
        results = run(ask_each(server, ["a", "b", "c"], concurrency=1))
        assert all("asks to wait 120 minutes" in str(result) for result in results)
        assert len(server.requests) == 1


def test_no_credit_is_no_retry_storm() -> None:
    fault = lambda number, body: error(429, "exceeded", code="insufficient_quota")  # noqa: E731
    with serve(Loopback(fault=fault)) as server:
        with pytest.raises(SetupError, match="no credit"):
            run(ask_each(server, [str(number) for number in range(40)], max_retries=8))
        assert len(server.requests) <= 8


def test_hung_requests_end_the_first_ones_too(
    monkeypatch: pytest.MonkeyPatch, no_back_off: None
) -> None:
    monkeypatch.setattr("lib.engine.timeouts._SHORTEST_S", 0.5)
    fault = first_time("hang")
    texts = [str(number) for number in range(40)]
    with serve(Loopback(reply=echo, fault=lambda n, b: fault(n, b) if n < 4 else None)) as server:
        start = time.monotonic()
        given = run(ask_each(server, texts, max_retries=2, timeout_s=600.0))
        assert given == [f"re: {text}" for text in texts]
        assert time.monotonic() - start < 300  # far from timeout_s


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_a_reply_that_was_cut_or_filtered_is_kept_with_its_reason(reason: str) -> None:
    with serve(Loopback(reply=echo, finish_reason=reason)) as server:

        async def ask() -> list[tuple[str, str]]:
            async with Endpoint(settings(server), Recipe(), ledger=Ledger()) as endpoint:
                replies = [await endpoint.ask(say("a"), max_tokens=9) for _ in range(2)]
                return [(reply.text, reply.finish_reason) for reply in replies]

        assert run(ask()) == [("re: a", reason)] * 2
        assert len(server.requests) == 1


def test_half_an_emoji_is_no_reply_that_is_lost() -> None:
    with serve(Loopback(reply=lambda body: "cut \ud83d")) as server:
        for _ in range(2):
            assert run(ask_each(server, ["a"])) == ["cut \ufffd"]
        assert len(server.requests) == 1


def test_a_refusal_in_words_is_a_reply() -> None:
    said = {"choices": [{"message": {"content": None, "refusal": "I can not"}}]}
    with serve(Loopback(fault=lambda number, body: web.json_response(said))) as server:

        async def ask() -> str:
            async with Endpoint(settings(server), Recipe(), ledger=Ledger()) as endpoint:
                return (await endpoint.ask(say("a"), max_tokens=9)).finish_reason

        assert run(ask()) == "refused: I can not"


# --- order, limits, budget -----------------------------------------------------------------------


def test_priorities_and_limits_reach_the_slots() -> None:
    async def ask(server: Loopback) -> None:
        recipe = Recipe(concurrency=1, requests_per_minute=600)
        async with Endpoint(settings(server), recipe, ledger=Ledger()) as endpoint:
            asks = [
                endpoint.ask(say(str(place)), max_tokens=9, priority=-place) for place in range(20)
            ]
            await asyncio.gather(*asks)

    with serve(Loopback(reply=echo)) as server:
        began = time.monotonic()
        run(ask(server))
        order = [int(body["messages"][0]["content"]) for body in server.requests]
        assert order == [0, *range(19, 0, -1)]
        assert server.arrived[-1] - began > 0.4  # 10 at once, 10 at 10 a second


def test_a_spent_budget_keeps_everything_and_the_next_run_goes_on() -> None:
    texts = [f"{number} word" for number in range(30)]

    async def spend(server: Loopback, budget: Budget | None) -> tuple[list[Any], str]:
        async with Endpoint(settings(server), Recipe(), ledger=Ledger(), budget=budget) as endpoint:

            async def one(text: str) -> str:
                return (await endpoint.ask(say(text), max_tokens=20)).text

            return await gather_all(texts, one), endpoint.note()

    with serve(Loopback(reply=echo)) as server:
        results, _ = run(spend(server, Budget(max_tokens_total=100)))
        spent = [result for result in results if isinstance(result, BudgetSpent)]
        assert 10 <= len(spent) < 20  # a reply takes 5 tokens, and 23 at most
        assert "of max_tokens_total = 100" in str(spent[0])
        assert len(server.requests) == 30 - len(spent)
        results, note = run(spend(server, None))
        assert results == [f"re: {text}" for text in texts]
        assert f"{30 - len(spent)} from the ledger" in note
        assert len(server.requests) == 30


def test_a_budget_in_money_needs_a_price(home_dir: Path) -> None:
    with serve(Loopback(reply=echo)) as server:
        budget = Budget(max_cost=1)
        with pytest.raises(SetupError, match=r"no price for 'loopback'.*max_tokens_total"):
            run(ask_each(server, ["a"], budget=budget))
        prices = "models: {loopback: {prompt: 1000, cached: 0, completion: 1000}}"
        (home_dir / "prices.yaml").write_text(f"as_of: 2026-01-02\ncurrency: EUR\n{prices}\n")

        async def ask() -> str:
            async with Endpoint(
                settings(server), Recipe(), ledger=Ledger(), budget=budget
            ) as endpoint:
                await endpoint.ask(say("one two three four"), max_tokens=9)
                return endpoint.note()

        # 4 prompt tokens, half of them cached, and 5 written, at 1,000 a million
        assert run(ask()).startswith("9 tokens · 0.01 EUR")
        assert budget.cost == pytest.approx(0.007)


# --- nothing paid is lost ------------------------------------------------------------------------


@pytest.mark.parametrize("is_read", [True, False])  # False: as in `… | head`
def test_what_is_in_flight_when_a_run_is_stopped_is_kept(
    is_read: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise BrokenPipeError

    if not is_read:
        monkeypatch.setattr("builtins.print", broken)

    async def stopped(server: Loopback) -> None:
        async with Endpoint(settings(server), Recipe(concurrency=4), ledger=Ledger()) as endpoint:
            tasks = [
                asyncio.create_task(endpoint.ask(say(str(n)), max_tokens=9)) for n in range(20)
            ]
            while len(server.requests) < 4:
                await asyncio.sleep(0.005)
            for task in tasks:
                task.cancel()
            asyncio.get_running_loop().call_later(0.1, release.set)
            raise KeyError("stopped")

    release = threading.Event()
    with serve(Loopback(reply=echo, release=release)) as server:
        with pytest.raises(KeyError):
            run(stopped(server))
        assert len(server.requests) == len(server.answered) == 4
        ledger = Ledger()
        assert replies_of("teacher") == 4
        ledger.close()
    assert ("4 requests in flight are paid" in capsys.readouterr().out) == is_read


def test_a_full_disk_stops_the_asking_and_keeps_what_is_in_flight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    insert = Writer._insert

    def full(writer: Writer, rows: Any) -> None:
        if writer._reserve_path.exists():
            problem = sqlite3.OperationalError("database or disk is full")
            problem.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise problem
        insert(writer, rows)

    monkeypatch.setattr(Writer, "_insert", full)
    texts = [str(number) for number in range(120)]
    with serve(Loopback(reply=echo, delay_s=0.05)) as server:
        server.hold_until_in_flight(8)
        with pytest.raises(SetupError, match=r"is full.*still written.*run this again"):
            run(ask_each(server, texts))
        ledger = Ledger()
        assert 8 <= len(server.answered) == replies_of("teacher") < 120
        ledger.close()
        monkeypatch.setattr(Writer, "_insert", insert)  # space was freed
        server.delay_s = 0.0
        assert run(ask_each(server, texts)) == [f"re: {text}" for text in texts]
        assert len(server.requests) == 120


# A process of its own, which imports lib alone: those of tests take most of its time.
ASKING = """
import sys
from lib.endpoints import EndpointSettings
from lib.engine.endpoint import Endpoint, gather_all, run
from lib.engine.ledger import Ledger
from lib.recipe import Recipe

async def main(base_url, count):
    settings = EndpointSettings("teacher", "openai", base_url, "loopback", "k-123")
    recipe = Recipe(concurrency=8, max_retries=0)
    async with Endpoint(settings, recipe, ledger=Ledger()) as endpoint:
        async def one(text):
            reply = await endpoint.ask([{"role": "user", "content": text}], max_tokens=9)
            assert reply.text == "re: " + text
            print(text, flush=True)
        await gather_all([str(number) for number in range(int(count))], one)
run(main(*sys.argv[1:]))
"""


def asking(server: Loopback, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ASKING, server.base_url, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))


def test_what_was_seen_before_kill_9_is_never_asked_again() -> None:
    seen: set[str] = set()
    kills = 2
    with serve(Loopback(reply=echo, delay_s=0.05)) as server:
        for turn in range(kills + 1):
            process = asking(server, 100)
            before = len(server.requests)
            while turn < kills and len(server.requests) < before + 11 + 7 * turn:
                time.sleep(0.002)
            if turn < kills:
                process.kill()
            now_seen = set(process.communicate(timeout=300)[0].split())
            asked = {body["messages"][0]["content"] for body in server.requests[before:]}
            assert asked
            assert not asked & seen
            seen |= now_seen
        assert process.returncode == 0
        assert len(seen) == 100
    with sqlite3.connect(Ledger().path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_two_runs_at_once_pay_each_request_once() -> None:
    with serve(Loopback(reply=echo)) as server:
        server.hold_until_in_flight(9)  # one run alone has eight at most
        twins = [asking(server, 30) for _ in range(2)]
        for twin in twins:
            assert len(set(twin.communicate(timeout=300)[0].split())) == 30
        assert max(Counter(server.answered).values()) == 1
        assert len(server.answered) == 30
