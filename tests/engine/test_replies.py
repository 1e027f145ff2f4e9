"""What a model thinks is in no reply."""

from __future__ import annotations

import math
import random
import time
from typing import Any

import pytest

from lib.engine.faults import Fault
from lib.engine.replies import Reply, RequestForm, read_reply, read_vectors, usage_of

DRAFT = '{"key": "5f1c", "correct": "yes"}'


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("<think>Let me see.\nAnswer: 4?</think>\n\n3 days", "3 days"),
        ("Perhaps 4.\nAnswer: 4\n</think>\n\n3 days", "3 days"),  # opened by the prompt
        (f"\n<Thinking>Perhaps {DRAFT}</thinking> <think>No.</think>\nNo.", "No."),
        ("<think>I was cut", ""),
        ("I think of <b>3</b> days", "I think of <b>3</b> days"),
        (" 3 days ", " 3 days "),
        ("", ""),
        ("3 days <think>or 4? I was cut", "3 days"),
        ("[THINK]4?[/THINK]3 days", "3 days"),
        ("[think] of it: [reasoning] is 3 days", "[think] of it: [reasoning] is 3 days"),
        ("◁think▷4?◁/think▷3 days", "3 days"),
        ("<seed:think>4?</seed:think>3 days", "3 days"),
        ("<|begin_of_thought|>4?<|end_of_thought|>\n3 days", "3 days"),
        ("<|START_THINKING|>4?<|END_THINKING|><|START_RESPONSE|>3 days<|END_RESPONSE|>", "3 days"),
        (
            "<|channel|>analysis<|message|>4?<|end|><|start|>assistant<|channel|>final<|message|>"
            "3 days<|return|>",
            "3 days",
        ),
        ("<|channel|>analysis<|message|>4? I was cut", ""),
        ("<|channel>thought\n4?<channel|>3 days", "3 days"),
        ("analysisPerhaps 4.assistantfinal3 days", "3 days"),
        ('<think duration="3 s">4?</think>3 days', "3 days"),
        ("< think >4?</ think >3 days", "3 days"),
        ("<antThinking>4?</antThinking>3 days", "3 days"),
        ("<thinking_process>4?</thinking_process>3 days", "3 days"),
        ("<｜begin▁of▁thinking｜>4?<｜end▁of▁thinking｜>3 days", "3 days"),
        ("Here is my thought process:\n4?\nHere is my response:\n3 days", "3 days"),
        ("Thinking...\n4?\n...done thinking.\n\n3 days", "3 days"),
        ("<scratchpad>4?</scratchpad>\n3 days", "3 days"),
        ("<inner_monologue>4? I was cut", ""),
        ("It has a <reason>lamp</reason> of 3 days", "It has a <reason>lamp</reason> of 3 days"),
        ("<think>4?</think><response>3 days</response>", "3 days"),
        ("<|begin_of_solution|>3 days<|end_of_solution|>", "3 days"),
        ("3 days</s>", "3 days"),
        ("3 days<|im_end|>\n<|endoftext|>", "3 days"),
        ("<response>3</response> days", "<response>3</response> days"),
        ("<mm:think>4?</mm:think>3 days", "3 days"),
        (
            '<details type="reasoning" done="true">\n<summary>Thought for 3 s</summary>4?\n'
            "</details>\n3 days",
            "3 days",
        ),
        ("<details><summary>3</summary>days</details>",) * 2,
        ("3 days: <|im_end|> ends a turn",) * 2,
    ],
)
def test_thoughts_are_removed(text: str, reply: str) -> None:
    assert Reply(text, "length", 1, 1, 0.0).text == reply
    body = {"choices": [{"message": {"content": text}, "finish_reason": "length"}]}
    read = read_reply(body, latency_s=0.0)
    assert read.text == reply
    assert Reply(**vars(read)) == read  # as the ledger gives it back


OPENINGS = ["<think>", "<Thinking>", "[THINK]", "<|channel|>analysis<|message|>", "◁think▷", ""]
CLOSINGS = ["</think>", "</THINKING>", "[/THINK]", "<|channel|>final<|message|>", "◁/think▷"]


@pytest.mark.parametrize("seed", range(50))
def test_no_reply_holds_a_thought(seed: int) -> None:
    rng = random.Random(seed)
    said = ""
    for _ in range(rng.randint(1, 4)):
        said += (
            rng.choice(OPENINGS) + f"\nthought {DRAFT}" * rng.randint(0, 3) + rng.choice(CLOSINGS)
        )
    answer = rng.choice(["", "3 days", "It says: ##begin_quote## a ##end_quote## <ANSWER>: 13"])
    cut = rng.choice(["", rng.choice(OPENINGS[:-1]) + "thought, and cut"])
    ended = "length" if cut else "stop"
    assert Reply(said + answer + cut, ended, 1, 1, 0.0).text == answer


def test_a_whole_reply_may_speak_of_tags() -> None:
    said = "It opens with <think>, as the manual says. <ANSWER>: <think>"
    assert Reply(said, "stop", 1, 1, 0.0).text == said


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("FinishReason.MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("SAFETY", "content_filter"),
        ("sensitive", "content_filter"),
        ("STOP", "STOP"),
        ("eos_token", "eos_token"),
        (None, ""),
    ],
)
def test_an_end_is_named_as_openai_does(said: str | None, reason: str) -> None:
    body = {"choices": [{"message": {"content": "3 days"}, "finish_reason": said}]}
    assert read_reply(body, latency_s=0.0).finish_reason == reason


@pytest.mark.parametrize("reason", ["error", "insufficient_system_resource", "abort"])
def test_a_service_that_broke_off_has_not_answered(reason: str) -> None:
    body = {"choices": [{"message": {"content": "3 da"}, "finish_reason": reason}]}
    with pytest.raises(Fault, match="cut its reply"):
        read_reply(body, latency_s=0.0)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize(
    ("ended", "reason"), [("stop", "all of it is in {}"), ("length", "length")]
)
def test_a_reply_of_thoughts_alone_is_empty_and_says_so(name: str, ended: str, reason: str) -> None:
    message = {"content": None, name: "4? 3 days"}
    body = {"choices": [{"message": message, "finish_reason": ended}]}
    reply = read_reply(body, latency_s=0.0)
    assert (reply.text, reply.finish_reason) == ("", reason.format(name))


def test_content_in_parts_is_its_texts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "4?"}]}
    parts = [thinking, {"type": "text", "text": None}, {"type": "text", "text": "3 "}, "days"]
    body = {"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]}
    assert read_reply(body, latency_s=0.0).text == "3 days"


@pytest.mark.parametrize(
    "body", [{}, {"choices": []}, {"choices": [{"message": {"content": [7]}}]}, {"choices": [None]}]
)
@pytest.mark.parametrize("usage", [None, {}, 7, {"prompt_tokens": "x"}, {"prompt_tokens": 5}])
def test_a_reply_of_another_form_is_unreadable(body: dict[str, Any], usage: Any) -> None:
    with pytest.raises(Fault) as caught:
        read_reply({**body, "usage": usage}, latency_s=0.0)
    assert caught.value.kind == "unreadable"
    assert usage_of({"usage": usage}).prompt_tokens == (5 if usage == {"prompt_tokens": 5} else 0)


@pytest.mark.parametrize(
    "usage",
    [[1], 7, {"prompt_tokens": math.inf, "completion_tokens": -5}, {"prompt_tokens_details": []}],
)
def test_a_reply_is_not_lost_for_its_usage(usage: Any) -> None:
    body = {"choices": [{"message": {"content": "3 days"}}], "usage": usage}
    reply = read_reply(body, latency_s=1.23456)
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("3 days", 0, 0)
    assert reply.latency_s == 1.2346


@pytest.mark.parametrize(
    ("message", "role"),
    [
        ("Your request was rejected as a result of our safety system.", "system"),
        ("Blocked by the content management system.", "system"),
        ("System role not supported", "user"),
        ("'messages[0].role' does not support 'system' with this model.", "user"),
        ("Only user and assistant roles are supported!", "user"),
        ("Developer instruction is not enabled for this model", "user"),
    ],
)
def test_the_system_message_moves_only_where_the_endpoint_speaks_of_it(
    message: str, role: str
) -> None:
    form = RequestForm()
    form.learn(message)
    messages = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    request = {"model": "m", "messages": messages, "max_tokens": 1, "temperature": 0.0}
    assert form.payload(request)["messages"][0]["role"] == role


def test_what_a_model_repeats_for_ever_is_read_at_once() -> None:
    start = time.process_time()
    for part in (
        "<think>",
        "</think>",
        "</think> ",
        "<",
        "analysis",
        "<|channel|> ",
        "[THINK]",
        "<reason>",
    ):
        Reply(part * 20_000, "length", 1, 1, 0.0)
    assert time.process_time() - start < 30


@pytest.mark.parametrize("text", ["", "The keeper lit"])
def test_a_provider_that_breaks_off_has_not_answered(text: str) -> None:
    """OpenRouter's form: 200, half a reply, and why."""
    why = {"code": 502, "message": "Upstream died"}
    choice = {"message": {"content": text}, "finish_reason": "error", "error": why}
    with pytest.raises(Fault, match="cut its reply: Upstream died") as raised:
        read_reply({"choices": [choice], "usage": {"completion_tokens": 3}}, latency_s=0)
    assert raised.value.kind == "cut"


@pytest.mark.parametrize("tokens", [-1, 1e30, 1 << 70, "12 tokens", math.nan, math.inf, [3]])
def test_a_count_that_is_none_is_zero(tokens: Any) -> None:
    reply = usage_of({"usage": {"prompt_tokens": tokens, "completion_tokens": 7}})
    assert (reply.prompt_tokens, reply.completion_tokens) == (0, 7)


@pytest.mark.parametrize(
    "first",
    [[], [0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0], [1.0], [None, 1.0], "AACAPw==", None],
)
def test_vectors_that_are_none_are_asked_for_again(first: Any) -> None:
    """Else they lie in the ledger for ever, and what they stand for is never found."""
    rows = [{"index": 0, "embedding": first}, {"index": 1, "embedding": [0.6, 0.8]}]
    with pytest.raises(Fault, match="something else than 2 vectors"):
        read_vectors({"data": rows}, count=2)


def test_vectors_without_numbers_are_in_their_order() -> None:
    rows = [{"embedding": [1, 0]}, {"embedding": [0, 1]}]
    assert read_vectors({"data": rows}, count=2) == ([[1.0, 0.0], [0.0, 1.0]], 0)
