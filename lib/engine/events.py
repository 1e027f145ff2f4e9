"""A reply that comes in pieces: server-sent events."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any


def events_of(body: bytes) -> list[dict[str, Any]]:
    """`data: {…}⏎⏎data: [DONE]` → `[{…}, {"done": True}]`; what is no object is left out."""
    events = []
    for line in body.splitlines():
        said = line.removeprefix(b"data:").strip()
        if line.startswith(b"data:"):
            with suppress(ValueError, RecursionError):
                events.append({"done": True} if said == b"[DONE]" else json.loads(said))
    return [event for event in events if isinstance(event, dict)]


def joined(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The chat completion that they are pieces of; without an end its finish_reason is "error"."""
    data, message, reason = dict[str, Any](), dict[str, str](), ""
    for event in events:
        data |= {name: event[name] for name in ("usage", "error", "done") if event.get(name)}
        for choice in (event.get("choices") or [])[:1]:
            for name, piece in (choice.get("delta") or {}).items():
                message[name] = message.get(name, "") + str(text_of(piece))
            reason = choice.get("finish_reason") or reason
    if data.get("error") and not message:
        return data
    error = data.pop("error", "" if data.get("done") else "it has no end")
    choice = {"message": message, "finish_reason": reason or ("error" if error else "stop")}
    choice["error"] = error if isinstance(error, Mapping) else {"message": error}
    return {**data, "choices": [choice]}


def text_of(content: Any) -> str:
    """Of `"3 days"`, or of `[{"type": "thinking", …}, {"type": "text", "text": "3 days"}]`."""
    if isinstance(content, list):
        parts = [{"text": part} if isinstance(part, str) else part for part in content]
        parts = [part for part in parts if isinstance(part, Mapping)]
        texts = [part for part in parts if part.get("type", "text") in ("text", "output_text")]
        return "".join(part.get("text") or "" for part in texts)
    return content or ""
