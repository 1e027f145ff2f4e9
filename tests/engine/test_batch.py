"""Batches against a loopback server of the Batch API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.endpoints import EndpointSettings
from lib.engine import batch as batch_module
from lib.engine.batch import BatchEndpoint, in_batches
from lib.engine.endpoint import EndpointError, Reply
from lib.engine.ledger import Ledger
from lib.settings import SetupError, home
from lib.store import read_json, write_json
from tests.batch_server import BatchServer
from tests.ledger import replies_of
from tests.server import serving

QUESTIONS = [[{"role": "user", "content": f"{number} Which?"}] for number in range(5)]


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with closing(Ledger()) as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with serving(BatchServer()) as running:
        yield running


def settings_of(server: BatchServer) -> EndpointSettings:
    return EndpointSettings("teacher", "openai", server.base_url, "big", api_key="secret")


def ask_all(server: BatchServer, ledger: Ledger) -> list[Reply | EndpointError]:
    """In batches: all questions; and about each reply one more."""
    endpoint = BatchEndpoint(settings_of(server), ledger, poll_s=0.01)

    async def work() -> list[Reply | EndpointError]:
        found: list[Reply | EndpointError] = []
        for messages in QUESTIONS:
            try:
                first = await endpoint.ask(messages, max_tokens=10)
                again = [*messages, {"role": "user", "content": f"Sure? {first.finish_reason}"}]
                found.append(await endpoint.ask(again, max_tokens=10))
            except EndpointError as error:
                found.append(error)
        return found

    return in_batches([endpoint], work)


def test_each_round_is_one_batch(server: BatchServer, ledger: Ledger) -> None:
    replies = ask_all(server, ledger)
    assert {getattr(reply, "finish_reason", None) for reply in replies} == {"stop"}
    assert [len(lines) for lines in server.submitted] == [5, 5]
    assert replies_of("teacher") == 10
    assert not list((home() / "artefacts" / "batches").iterdir())
    assert ask_all(server, ledger) == replies
    assert len(server.batches) == 2


def test_the_file_has_the_published_form(server: BatchServer, ledger: Ledger) -> None:
    ask_all(server, ledger)
    line = server.submitted[0][0]
    assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
    assert line["body"]["model"] == "big"
    assert line["body"]["messages"] == QUESTIONS[0]
    assert len({line["custom_id"] for line in server.submitted[0]}) == 5


@pytest.mark.parametrize("kept", [True, False], ids=["id kept", "killed before the id was kept"])
def test_a_killed_run_waits_on(
    server: BatchServer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    server.polls, server.lose_reply = 3, not kept

    def killed(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(batch_module.time, "sleep", killed)
        with pytest.raises(KeyboardInterrupt):
            ask_all(server, ledger)
    (state,) = (home() / "artefacts" / "batches").glob("*/batch.json")
    assert ("id" in read_json(state)) is kept
    state.parent.rename(state.parent.with_name("of another form of requests"))
    ask_all(server, ledger)
    assert [len(lines) for lines in server.submitted] == [5, 5]


def test_what_fails_is_asked_again_and_the_rest_is_not(server: BatchServer, ledger: Ledger) -> None:
    server.fault = lambda number, body: (
        (500, "overloaded") if "0 Which?" in str(body) and len(server.batches) == 1 else None
    )
    server.leave_out = lambda body: "1 Which?" in str(body) and len(server.batches) == 1
    replies = ask_all(server, ledger)
    assert all(isinstance(reply, Reply) for reply in replies)
    assert sum(map(len, server.submitted)) == 12  # 10 and the two that failed once


def test_three_failures_are_enough(server: BatchServer, ledger: Ledger) -> None:
    server.fault = lambda number, body: (500, "overloaded") if "0 Which?" in str(body) else None
    replies = ask_all(server, ledger)
    assert isinstance(replies[0], EndpointError)
    assert "overloaded" in str(replies[0])
    assert "in 3 batches" in str(replies[0])
    assert all(isinstance(reply, Reply) for reply in replies[1:])
    assert sum("0 Which?" in str(line) for lines in server.submitted for line in lines) == 3
    assert "(in 3 batches)" in str(ask_all(server, ledger)[0])  # the question that follows from it
    again = ask_all(server, ledger)[0]  # each ends one run only
    assert isinstance(again, Reply)
    assert "failed in an earlier run, too: " in again.finish_reason


def test_a_refusal_is_a_reply_and_not_asked_again(server: BatchServer, ledger: Ledger) -> None:
    server.fault = lambda number, body: (
        (400, "content_filter: no") if body["messages"] == QUESTIONS[2] else None
    )
    replies = ask_all(server, ledger)
    assert isinstance(replies[2], Reply)  # its second question was asked in the third round
    lines = [line for lines in server.submitted for line in lines]
    assert sum(line["body"]["messages"] == QUESTIONS[2] for line in lines) == 1
    assert any("Sure? content_filter" in str(line) for line in lines)


def test_newer_models_are_asked_in_their_words(server: BatchServer, ledger: Ledger) -> None:
    server.fault = lambda number, body: (
        (400, "use 'max_completion_tokens'") if "max_tokens" in body else None
    )
    replies = ask_all(server, ledger)
    assert all(isinstance(reply, Reply) and reply.text for reply in replies)
    assert all("max_completion_tokens" in line["body"] for line in server.submitted[-1])


def test_a_batch_without_replies_says_why_and_is_submitted_anew(
    server: BatchServer, ledger: Ledger
) -> None:
    server.status = "failed"
    with pytest.raises(SetupError, match=r"failed without a reply \(quota of batches is used\)"):
        ask_all(server, ledger)
    server.status = "completed"
    ask_all(server, ledger)
    assert [len(lines) for lines in server.submitted] == [5, 5, 5]


def test_what_was_never_submitted_and_is_not_asked_any_more_is_not_paid(
    server: BatchServer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.status = "failed"
    with pytest.raises(SetupError, match="failed without a reply"):
        ask_all(server, ledger)
    server.status = "completed"
    monkeypatch.setattr(f"{__name__}.QUESTIONS", QUESTIONS[:3])
    ask_all(server, ledger)
    assert [len(lines) for lines in server.submitted] == [5, 3, 3]


def test_no_credit_ends_it_and_keeps_what_came(server: BatchServer, ledger: Ledger) -> None:
    server.fault = lambda number, body: (402, "pay first") if number == 3 else None
    with pytest.raises(SetupError, match="no credit"):
        ask_all(server, ledger)
    assert replies_of("teacher") == 4
    server.fault = lambda number, body: None
    ask_all(server, ledger)
    assert [len(lines) for lines in server.submitted] == [5, 5, 1]


@pytest.mark.parametrize("asked", [5, 4])  # of the five that the file holds
def test_without_a_batch_api_the_file_can_be_answered_by_hand(
    server: BatchServer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    server.refuses_submission = True
    said = r"not paid twice\..* vllm run-batch -i requests\.jsonl -o replies\.jsonl"
    with pytest.raises(SetupError, match=said):
        ask_all(server, ledger)
    (path,) = (home() / "artefacts" / "batches").glob("*/requests.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    body = {"choices": [{"message": {"content": "by hand"}, "finish_reason": "stop"}]}
    answers = [
        {"custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}}
        for line in lines
    ]
    text = "".join(json.dumps(answer) + "\n" for answer in answers)
    path.with_name("replies.jsonl").write_text("{broken\n" + text)
    monkeypatch.setattr(f"{__name__}.QUESTIONS", QUESTIONS[:asked])
    with pytest.raises(SetupError, match="vllm"):  # the second round has a file of its own
        ask_all(server, ledger)
    assert replies_of("teacher") == asked


def test_a_large_stage_is_cut_into_files(
    server: BatchServer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_module, "MAX_REQUESTS", 2)
    ask_all(server, ledger)
    assert [len(lines) for lines in server.submitted] == [2, 2, 1, 2, 2, 1]


def test_the_key_is_not_in_the_files(server: BatchServer, ledger: Ledger) -> None:
    server.refuses_submission = True
    with pytest.raises(SetupError):
        ask_all(server, ledger)
    files = [p for p in (home() / "artefacts" / "batches").rglob("*") if p.is_file()]
    assert files
    assert not any("secret" in path.read_text() for path in files)


def test_a_lost_reply_to_a_submission_submits_no_second_batch(
    server: BatchServer, ledger: Ledger
) -> None:
    server.lose_reply = True
    assert all(isinstance(reply, Reply) for reply in ask_all(server, ledger))
    assert [len(lines) for lines in server.submitted] == [5, 5]


def test_a_server_that_does_not_answer_for_a_while_is_waited_for(
    server: BatchServer, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    server.look_faults = [503] * 7  # the SDK itself looks three times
    assert all(isinstance(reply, Reply) for reply in ask_all(server, ledger))
    assert "no answer: " in capsys.readouterr().out


def test_a_batch_that_is_cancelled_keeps_its_replies_and_no_other_is_submitted(
    server: BatchServer, ledger: Ledger
) -> None:
    server.status, server.leave_out = "cancelled", lambda body: "1 Which?" in str(body)
    with pytest.raises(SetupError, match="was cancelled: its replies are kept"):
        ask_all(server, ledger)
    assert replies_of("teacher") == 4
    server.status, server.leave_out = "completed", lambda body: False
    ask_all(server, ledger)
    assert sum(map(len, server.submitted)) == 5 + 5 + 1


@pytest.mark.parametrize("most", [1, 2, 3])
def test_more_tokens_than_are_taken_at_a_time_go_in_several_batches(
    server: BatchServer, ledger: Ledger, most: int
) -> None:
    server.most_lines = most
    assert all(isinstance(reply, Reply) for reply in ask_all(server, ledger))
    taken = [len(lines) for lines in server.submitted if len(lines) <= most]
    assert sum(taken) == 10


def test_a_single_request_that_is_not_taken_is_said(server: BatchServer, ledger: Ledger) -> None:
    server.most_lines = 0
    with pytest.raises(SetupError, match=r"even one request \(Enqueued token limit reached"):
        ask_all(server, ledger)


def test_replies_that_cannot_be_written_are_fetched_again_and_not_paid_again(
    server: BatchServer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Future[None]:
        done: Future[None] = Future()
        done.set_exception(SetupError("The disk is full."))
        return done

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "write", full)
        with pytest.raises(SetupError, match="disk is full"):
            ask_all(server, ledger)
    ask_all(server, ledger)
    assert [len(lines) for lines in server.submitted] == [5, 5]


def test_a_killed_run_that_then_misses_more_pays_nothing_twice(
    server: BatchServer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_module, "MAX_REQUESTS", 3)

    def killed(_: float) -> None:
        if len(server.batches) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(batch_module.time, "sleep", killed)
        with pytest.raises(KeyboardInterrupt):  # the first three have further questions by then
            ask_all(server, ledger)
    ask_all(server, ledger)
    assert sum(map(len, server.submitted)) == 10


def test_replies_that_the_next_run_does_not_ask_for_are_kept(
    server: BatchServer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: float) -> None:
        if server.batches:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(batch_module.time, "sleep", killed)
        with pytest.raises(KeyboardInterrupt):
            ask_all(server, ledger)
    with monkeypatch.context() as patched:
        patched.setattr(f"{__name__}.QUESTIONS", QUESTIONS[:3])
        ask_all(server, ledger)
    ask_all(server, ledger)
    assert sum(map(len, server.submitted)) == 10
    assert not list((home() / "artefacts" / "batches").iterdir())


def test_a_run_that_was_killed_as_it_submitted_and_then_misses_more_pays_nothing_twice(
    server: BatchServer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path, state: dict[str, str]) -> None:
        if "id" in state:
            raise KeyboardInterrupt
        write_json(path, state)

    with monkeypatch.context() as patched:
        patched.setattr(batch_module, "write_json", killed)
        patched.setattr(f"{__name__}.QUESTIONS", QUESTIONS[:3])
        with pytest.raises(KeyboardInterrupt):
            ask_all(server, ledger)
    ask_all(server, ledger)
    assert sum(map(len, server.submitted)) == 10


def test_a_file_of_requests_that_was_cut_off_is_written_anew(
    server: BatchServer, ledger: Ledger
) -> None:
    server.refuses_submission = True
    with pytest.raises(SetupError):
        ask_all(server, ledger)
    [path] = (home() / "artefacts" / "batches").glob("*/requests.jsonl")
    path.write_text(path.read_text()[:-20])
    server.refuses_submission = False
    assert all(isinstance(reply, Reply) for reply in ask_all(server, ledger))


def test_what_is_not_there_any_more_is_said_with_its_remedy(
    server: BatchServer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(batch: dict[str, Any]) -> None:
        batch |= {"status": "completed", "output_file_id": "gone"}

    monkeypatch.setattr(server, "_end", end)
    with pytest.raises(SetupError, match=r"not give batch_0 or its replies .* delete artefacts/"):
        ask_all(server, ledger)
    assert len(server.batches) == 1


def test_a_file_is_waited_for_until_the_endpoint_has_looked_at_it(
    server: BatchServer, ledger: Ledger
) -> None:
    server.file_statuses = ["pending", "running", "processed"]
    assert all(isinstance(reply, Reply) for reply in ask_all(server, ledger))


def test_lines_that_are_no_replies_are_passed_over(
    server: BatchServer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = server._end

    def end(batch: dict[str, Any]) -> None:
        whole(batch)
        good = server.files[batch["output_file_id"]]
        odd = ['{"custom_id": ["x"]}', '{"custom_id": "else", "response": {}}', "null", '{"cust']
        server.files[batch["output_file_id"]] = "\n".join([good + good, *odd])

    monkeypatch.setattr(server, "_end", end)
    assert all(isinstance(reply, Reply) for reply in ask_all(server, ledger))
    assert replies_of("teacher") == 10
