"""Replies that are kept: nothing is asked twice, and a kill loses a few batches at most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import kept_replies
from benchmarks.kept_replies import answer
from lib.eval.conditions import Case
from lib.prompts.student import PLAIN_PROMPT, STUDENT_PROMPT, Message, Prompt
from lib.settings import home

CASES = {"oracle": [Case(f"q{n}", f"Who is {n}?", "oracle", (), None) for n in range(10)]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The questions that reach the model, which replies with them."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    seen: list[str] = []

    def replies(*_: Any, max_new_tokens: int) -> list[str]:
        prompts: Sequence[list[Message]] = _[-1]
        texts = [prompt[-1]["content"] for prompt in prompts]
        seen.extend(texts)
        return [f"to {text}\n" for text in texts]

    monkeypatch.setattr(kept_replies, "greedy_replies", replies)
    monkeypatch.setattr(kept_replies, "load_reader", lambda *_, **__: (None, None))
    return seen


def ask(tmp_path: Path, prompt: Prompt = STUDENT_PROMPT) -> tuple[list[str], bool]:
    replies, new = answer(tmp_path / "model", CASES, run_name="t", max_new_tokens=8, prompt=prompt)
    return replies["oracle"], new


def test_nothing_is_asked_twice_and_another_prompt_is_another_question(
    asked: list[str], tmp_path: Path
) -> None:
    replies, new = ask(tmp_path)
    assert new
    assert replies == [f"to Who is {n}?\n" for n in range(10)]
    assert ask(tmp_path) == (replies, False)
    assert len(asked) == 10
    assert ask(tmp_path, PLAIN_PROMPT)[1]
    assert len(asked) == 20


def test_a_kill_loses_what_was_in_flight_alone(asked: list[str], tmp_path: Path) -> None:
    replies, _ = ask(tmp_path)
    (path,) = (home() / "artefacts" / "t").glob("*.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:6]) + lines[6][:9])  # cut off in the seventh
    asked.clear()
    assert ask(tmp_path) == (replies, True)
    assert asked == [f"Who is {n}?" for n in range(6, 10)]
