"""A streamed reply: paid once, whole in the ledger before its end is shown, or an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web

from lib.endpoints import EndpointSettings
from lib.engine.budget import Budget, Estimate
from lib.engine.endpoint import BudgetSpent, Endpoint, EndpointError, run
from lib.engine.ledger import Ledger
from lib.engine.replies import Reply, text_so_far
from lib.engine.stream import stream_reply
from lib.prompts.student import Message
from lib.recipe import Recipe
from lib.settings import SetupError
from tests.server import Body, Loopback, completion, cut_reply, error, serve

MESSAGES: list[Message] = [{"role": "user", "content": "Who lit the lamp?"}]
TEXT = "The keeper lit it, every evening at six."


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serve(Loopback(reply=lambda body: TEXT)) as running:
        yield running


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(tmp_path / "ledger.sqlite")) as opened:
        yield opened


def streamed(
    server: Loopback,
    ledger: Ledger,
    shown: list[str] | None = None,
    budget: Budget | None = None,
    timeout_s: float = 60.0,
) -> Reply:
    settings = EndpointSettings("student", "openai", server.base_url, "m", "key")
    on_text = shown.append if shown is not None else lambda text: None
    recipe = Recipe(timeout_s=timeout_s)
    return stream_reply(
        settings, recipe, ledger, MESSAGES, max_tokens=50, budget=budget, on_text=on_text
    )


def test_its_end_is_shown_when_the_ledger_has_it(server: Loopback, ledger: Ledger) -> None:
    shown: list[str] = []
    reply = streamed(server, ledger, shown)
    assert reply.text == TEXT
    assert all(TEXT.startswith(text) for text in shown)
    assert len(shown) == len(TEXT.split())
    assert shown[-1] != TEXT, "the last piece was shown before it was committed"
    [usage] = ledger.usage_by_model().values()
    assert (usage.requests, usage.completion_tokens) == (1, len(TEXT.split()))
    assert reply.prompt_tokens == usage.prompt_tokens > 0


def test_a_stream_asks_for_what_every_request_asks_for(ledger: Ledger) -> None:
    said = "enable_thinking must be set to false"
    fault = lambda number, body: None if "enable_thinking" in body else error(400, said)  # noqa: E731
    with serve(Loopback(reply=lambda body: TEXT, fault=fault)) as server:
        assert streamed(server, ledger).text == TEXT
        asked = server.requests[-1]
    assert (asked["max_tokens"], asked["enable_thinking"], asked["stream"]) == (50, False, True)


def test_it_is_paid_once_streamed_or_not(server: Loopback, ledger: Ledger) -> None:
    first, shown = streamed(server, ledger), list[str]()
    assert streamed(server, ledger, shown) == first
    assert shown == []

    async def ask() -> Reply:
        settings = EndpointSettings("student", "openai", server.base_url, "m", "key")
        async with Endpoint(settings, Recipe(), ledger=ledger) as endpoint:
            return await endpoint.ask(MESSAGES, max_tokens=50)

    assert run(ask()) == first
    assert len(server.requests) == 1


def test_a_budget_is_kept(server: Loopback, ledger: Ledger) -> None:
    small, large = Budget(max_tokens_total=50), Budget(max_tokens_total=1000)
    with pytest.raises(BudgetSpent, match="max_tokens_total = 50 is spent"):
        streamed(server, ledger, budget=small)
    assert server.requests == []
    reply = streamed(server, ledger, budget=large)
    assert large.tokens == reply.prompt_tokens + reply.completion_tokens
    assert large.fits(Estimate(most_tokens=1000 - large.tokens)), "nothing is reserved any more"
    assert streamed(server, ledger, budget=small) == reply  # of the ledger


@pytest.mark.parametrize(("fault", "is_paid"), [("cut", True), ("hang", True), ("drop", False)])
def test_a_reply_that_is_cut_or_late_counts_as_paid(
    server: Loopback, ledger: Ledger, fault: str, is_paid: bool
) -> None:
    server.fault = lambda number, body: fault
    budget = Budget(max_tokens_total=1000)
    with pytest.raises(EndpointError):
        streamed(server, ledger, budget=budget, timeout_s=0.3 if fault == "hang" else 60.0)
    assert (budget.tokens > 0) is is_paid
    assert budget.fits(Estimate(most_tokens=1000 - budget.tokens))


def test_two_at_one_time_are_sent_once(server: Loopback, ledger: Ledger) -> None:
    server.half = threading.Event()
    replies: list[Reply] = []
    threads = [
        threading.Thread(target=lambda: replies.append(streamed(server, ledger))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    while not server.requests:
        time.sleep(0.01)
    server.half.set()
    for thread in threads:
        thread.join(300)
    assert [reply.text for reply in replies] == [TEXT] * 3
    assert len(server.requests) == 1


def test_a_stream_that_is_cut_is_an_error_and_not_kept(server: Loopback, ledger: Ledger) -> None:
    server.fault = lambda number, body: "cut" if number == 1 else None
    shown: list[str] = []
    with pytest.raises(EndpointError, match=r"student at .* cut its reply") as caught:
        streamed(server, ledger, shown)
    assert shown
    assert "\n" not in str(caught.value)
    assert ledger.usage_by_model() == {}
    assert streamed(server, ledger).text == TEXT


def test_a_stream_without_an_end_is_not_kept(server: Loopback, ledger: Ledger) -> None:
    server.finish_reason = ""
    with pytest.raises(EndpointError, match="no end"):
        streamed(server, ledger)
    assert ledger.usage_by_model() == {}


def test_what_it_thinks_is_neither_shown_nor_given(server: Loopback, ledger: Ledger) -> None:
    server.reply = lambda body: f"<think>It may be the cook. Or not.</think> {TEXT}"
    shown: list[str] = []
    assert streamed(server, ledger, shown).text == TEXT
    assert not any("cook" in text or "<" in text for text in shown)


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("<think>Let me", ""),
        ("It is 3 <ANSW", "It is 3 "),
        ("<ANSWER>: 3", "<ANSWER>: 3"),
        ("a < b", "a < b"),
    ],
)
def test_what_may_become_a_tag_waits(text: str, visible: str) -> None:
    assert text_so_far(text) == visible


def test_a_form_that_the_endpoint_asks_for_is_learnt(server: Loopback, ledger: Ledger) -> None:
    def fault(number: int, body: dict[str, object]) -> object:
        if "stream_options" in body:
            return error(400, "Unrecognized request argument: stream_options")
        return error(400, "use max_completion_tokens") if "max_tokens" in body else None

    server.fault = fault
    assert streamed(server, ledger).text == TEXT


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (404, EndpointError, "refuses it .404: no such thing"),
        (401, SetupError, "refuses the key"),
        (500, EndpointError, "failed .500: no such thing"),
    ],
)
def test_a_refusal_is_one_line(
    status: int, kind: type[Exception], says: str, server: Loopback, ledger: Ledger
) -> None:
    server.fault = lambda number, body: error(status, "no such thing")
    with pytest.raises(kind, match=says) as caught:
        streamed(server, ledger)
    assert "\n" not in str(caught.value)


def test_an_endpoint_that_is_not_there_is_one_line(ledger: Ledger) -> None:
    with serve() as server:
        pass
    with pytest.raises(EndpointError, match="cannot be reached") as yours:
        streamed(server, ledger)
    ours = EndpointSettings("student", "openai", server.base_url, "m", "key", engine="vllm")
    with pytest.raises(EndpointError, match=r"cannot be reached.*; run 3_deploy\.ipynb, which"):
        stream_reply(ours, Recipe(), ledger, MESSAGES, max_tokens=50)
    assert "3_deploy" not in str(yours.value)


@pytest.mark.parametrize(
    "odd",
    [
        '{"choices": [{"delta": null}]}',
        '{"choices": [{"index": 0}]}',
        '{"choices": null}',
        '{"choices": [{"delta": {"content": null, "reasoning_content": "Hm."}}], "usage": "many"}',
        '{"choices": [{"delta": {"content": [{"type": "text", "text": ""}]}}]}',
    ],
)
def test_odd_pieces_of_a_stream_end_no_reply(server: Loopback, ledger: Ledger, odd: str) -> None:
    events = [
        '{"choices": [{"delta": {"content": "The keeper "}}]}',
        odd,
        '{"choices": [{"delta": {"content": "lit it."}, "finish_reason": "stop"}]}',
        "[DONE]",
    ]
    body = "".join(f"data: {event}\n\n" for event in events)
    server.fault = lambda number, asked: web.Response(text=body, content_type="text/event-stream")
    assert streamed(server, ledger).text == "The keeper lit it."


@pytest.mark.parametrize("said", ['"no memory"', '{"message": "no memory", "code": 500}'])
def test_an_error_inside_a_stream_is_said(server: Loopback, ledger: Ledger, said: str) -> None:
    body = f'data: {{"error": {said}}}\n\n'
    server.fault = lambda number, asked: web.Response(text=body, content_type="text/event-stream")
    with pytest.raises(EndpointError, match=r"cut its reply: .*no memory"):
        streamed(server, ledger)


def test_a_server_that_does_not_stream_is_read_whole(server: Loopback, ledger: Ledger) -> None:
    server.fault = lambda number, asked: web.json_response(completion(asked, TEXT))
    assert streamed(server, ledger).text == TEXT
    assert streamed(server, ledger).text == TEXT
    assert len(server.requests) == 1


def test_a_whole_reply_that_is_cut_is_an_error(
    server: Loopback, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def half(request: web.Request, body: Body, text: str) -> web.StreamResponse:
        return await cut_reply(request, completion(body, text))

    monkeypatch.setattr(server, "stream", half)
    with pytest.raises(EndpointError, match="cut its reply"):
        streamed(server, ledger)


def test_a_page_in_the_place_of_a_stream_is_shown(server: Loopback, ledger: Ledger) -> None:
    page = "<html><body><h1>Sign in</h1></body></html>"
    server.fault = lambda number, asked: web.Response(text=page, content_type="text/html")
    with pytest.raises(EndpointError, match="sent a broken reply: Sign in"):
        streamed(server, ledger)
