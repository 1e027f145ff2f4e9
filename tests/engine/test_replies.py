"""What a model thinks is in no reply."""

from __future__ import annotations

import time

import pytest

from lib.engine.replies import Reply, read_reply

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
    ],
)
def test_thoughts_are_removed(text: str, reply: str) -> None:
    assert Reply(text, "stop", 1, 1, 0.0).text == reply
    body = {"choices": [{"message": {"content": text}, "finish_reason": "length"}]}
    read = read_reply(body, latency_s=0.0)
    assert read.text == reply
    assert Reply(**vars(read)) == read  # as the ledger gives it back


def test_what_a_model_repeats_for_ever_is_read_at_once() -> None:
    start = time.process_time()
    for part in ("<think>", "</think>", "</think> ", "<"):
        Reply(part * 20_000, "length", 1, 1, 0.0)
    assert time.process_time() - start < 30
