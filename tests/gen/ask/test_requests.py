"""The same rows, live or by batches through the ledger."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from lib.engine.ledger import Ledger
from lib.engine.replies import Reply
from lib.gen.ask.flow import Flow
from lib.gen.ask.options import AskOptions
from lib.gen.ask.questions import ask_teacher
from lib.gen.ask.requests import Request, in_stages
from lib.recipe import Recipe
from tests.gen.scripted import ask, good, reply, words_chunk
from tests.server import serve

CHUNKS = [words_chunk(name) for name in "abcdef"]


@pytest.mark.parametrize("ask_mode", ["separate", "joint"])
def test_replies_of_a_batch_are_what_is_read_live(
    monkeypatch: pytest.MonkeyPatch, ask_mode: str
) -> None:
    options = AskOptions(ask_mode=ask_mode, round_trip=True)
    flow, stages_asked = Flow(options), 0
    stages = in_stages(flow.first_requests(CHUNKS))
    with closing(Ledger()) as ledger:
        requests = next(stages)
        while requests:
            stages_asked += 1
            replies = [reply(good(request.messages)) for request in requests]
            for request, said in zip(requests, replies, strict=True):
                sent = request.ledger_request("reader-1")
                ledger.write(Ledger.key(sent), sent, vars(said)).result()
            requests = stages.send(replies)
    assert stages_asked == (3 if ask_mode == "separate" else 2)
    with serve() as loopback:
        monkeypatch.setenv("COMPLETION_OPENAI_BASE_URL", loopback.base_url)
        monkeypatch.setenv("COMPLETION_OPENAI_API_KEY", "k")
        monkeypatch.setenv("COMPLETION_OPENAI_DEPLOYMENT", "reader-1")
        asked = ask_teacher(CHUNKS, options=options, recipe=Recipe(), run_name="t")
        assert loopback.requests == []
    assert asked.questions == flow.outcome.questions
    assert len(asked.questions) == 4 * len(CHUNKS)


def test_a_body_has_what_an_endpoint_reads() -> None:
    (request,) = Flow(AskOptions(temperature=0.5)).first_requests(CHUNKS[:1])
    body = request.body("reader-1")
    assert body.keys() == {"model", "messages", "max_tokens", "temperature"}
    assert (body["model"], body["temperature"]) == ("reader-1", 0.5)


def test_what_would_follow_a_failed_request_is_not_asked() -> None:
    taken: list[str] = []

    def request(name: str, *follow: Request) -> Request:
        def take(said: Reply) -> list[Request]:
            taken.append(name)
            return list(follow)

        return Request([{"role": "user", "content": name}], take)

    stages = in_stages([request("a", request("b")), request("c", request("d"))])
    asked: Any = next(stages)
    assert len(asked) == 2
    asked = stages.send([None, reply("x")])
    assert [item.messages[0]["content"] for item in asked] == ["d"]
    assert stages.send([reply("x")]) == []
    assert taken == ["c", "d"]


def test_a_rerun_with_more_repairs_asks_only_the_repairs() -> None:
    def says(messages: list[dict[str, str]]) -> str:
        return "?" if "aword0?" in messages[-1]["content"] else good(messages)

    _, few = ask(CHUNKS, says, max_repairs=0)
    _, more = ask(CHUNKS, says, max_repairs=1)
    bodies = [[str(request.messages) for request in sent] for sent in (few, more)]
    assert bodies[0] == bodies[1][: len(bodies[0])]
    assert len(bodies[1]) == len(bodies[0]) + 1
