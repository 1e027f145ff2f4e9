"""A judge on loopback that keeps the parser's contract: it grades by the reference alone.

It may quote the answer around its verdict, as real judges do.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.server import Body, Loopback

Fields = dict[str, Any]
_KEY = re.compile(r'\{"key": "([0-9a-f]{16})", (.*)\}')


def prompt_of(body: Body) -> str:
    return str(body["messages"][-1]["content"])


def key_of(prompt: str) -> str:
    """It stands behind the material: in the last line."""
    return _KEY.findall(prompt.splitlines()[-1])[0][0]


def block(prompt: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", prompt, re.DOTALL)
    assert found, f"{tag} is not in {prompt}"
    return found.group(1)


def is_right(prompt: str) -> bool:
    """The answer holds the reference."""
    reference, answer = block(prompt, "reference"), block(prompt, f"answer-{key_of(prompt)}")
    return reference.casefold() in answer.casefold()


def grade_fairly(prompt: str) -> Fields:
    """Every field that is asked for: yes and 5, or no and 2."""
    form = json.loads(f"{{{_KEY.findall(prompt.splitlines()[-1])[0][1]}}}")
    right = is_right(prompt)
    return {
        field: ("yes" if right else "no") if field == "correct" else (5 if right else 2)
        for field in form
    }


def verdict(prompt: str, grades: Fields) -> str:
    return json.dumps({"key": key_of(prompt), **grades}, ensure_ascii=False)


def honest(body: Body) -> str:
    prompt = prompt_of(body)
    return f"It was compared with the reference.\n{verdict(prompt, grade_fairly(prompt))}"


def use(monkeypatch: pytest.MonkeyPatch, server: Loopback, model: str = "the-judge") -> None:
    monkeypatch.setenv("JUDGE_OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("JUDGE_OPENAI_API_KEY", "loopback")
    monkeypatch.setenv("JUDGE_OPENAI_DEPLOYMENT", model)
