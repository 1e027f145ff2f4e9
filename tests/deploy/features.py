"""What of a request a running server heeds."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from lib.deploy.engines import FEATURES
from lib.deploy.processes import ServerRecord

MESSAGES = [{"role": "user", "content": "Who keeps lamp 3, and why?"}]
SCHEMA = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}


def heeded(server: ServerRecord) -> set[str]:
    """Those of FEATURES with which a reply is what the protocol says."""

    def ask(**more: Any) -> list[dict[str, Any]]:
        body = {"model": server.model, "messages": MESSAGES, "max_tokens": 24, "temperature": 1.5}
        request = urllib.request.Request(
            f"{server.base_url}/chat/completions",
            data=json.dumps(body | more).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {server.api_key}",
            },
        )
        with urllib.request.urlopen(request) as response:
            return list(json.load(response)["choices"])

    def text(**more: Any) -> str:
        return str(ask(**more)[0]["message"]["content"])

    def refuses(**more: Any) -> bool:
        try:
            ask(**more)
        except urllib.error.HTTPError as refused:
            return refused.code == 400
        return False

    greedy = text(temperature=0.0)
    seeded = [text(seed=seed) for seed in (1, 1, 2, 3, 4)]
    long = [{"role": "user", "content": "lamp " * 5000}]
    stop = greedy[len(greedy) // 2]
    found = {
        "temperature": len(set(seeded)) > 1,
        "seed": seeded[0] == seeded[1] and len(set(seeded)) > 1,
        "n": len(ask(n=2)) == 2,
        "stop": text(temperature=0.0, stop=[stop]) == greedy.partition(stop)[0],
        "logprobs": bool(ask(logprobs=True, top_logprobs=2)[0].get("logprobs") or {}),
        "response_format": text(response_format=FORMAT).lstrip().startswith("{"),
        "long prompts": refuses(messages=long, max_tokens=1),
    }
    assert list(found) == list(FEATURES)
    return {name for name, yes in found.items() if yes}
