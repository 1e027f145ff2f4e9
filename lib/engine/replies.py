"""Chat completions: a request as it is sent, and the reply as it is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.engine.faults import Fault, RequestRejected, short

_THOUGHTS = r"(?:think|thinking|thought|thoughts|reasoning)"
_OPENED = re.compile(rf"\s*<{_THOUGHTS}>", re.IGNORECASE)
_CLOSED = re.compile(rf"</{_THOUGHTS}>\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Reply:
    """One reply of a chat model, as it is in the ledger. What the model thought is not in it."""

    text: str
    finish_reason: str  # "stop", "length", "content_filter", "refused: <reason>", …
    prompt_tokens: int
    completion_tokens: int
    latency_s: float  # of the attempt that was answered
    cached_tokens: int = 0  # of the prompt tokens: from the provider's prefix cache

    def __post_init__(self) -> None:
        # Here, so that it holds for every role, for batches, and for replies of older ledgers.
        object.__setattr__(self, "text", without_thoughts(self.text))


def without_thoughts(text: str) -> str:
    """`<think>Let me see.</think> 3 days` → `3 days`; "" of thoughts that a limit cut.

    What follows the last closing tag counts: the prompt may have held the opening one.
    """
    if closed := list(_CLOSED.finditer(text)):
        return text[closed[-1].end() :]
    return "" if _OPENED.match(text) else text


class RequestForm:
    """The parameter names that an endpoint accepts, learnt from its error messages."""

    def __init__(self) -> None:
        self._max_tokens, self._temperature = "max_tokens", True

    def payload(self, request: Mapping[str, Any]) -> dict[str, Any]:
        settings = {self._max_tokens: request["max_tokens"]}
        if self._temperature:
            settings["temperature"] = request["temperature"]
        return {"model": request["model"], "messages": request["messages"], **settings}

    def learn(self, message: str) -> None:
        """Newer models accept only `max_completion_tokens`, and no temperature."""
        if "max_completion_tokens" in message:
            self._max_tokens = "max_completion_tokens"
        elif "temperature" in message:
            self._temperature = False


def read_reply(data: Mapping[str, Any], *, latency_s: float) -> Reply:
    """`{"choices": [{"message": {"content": "…"}, "finish_reason": "stop"}], "usage": {…}}`

    Raises:
        Fault: the reply has another form, or is empty without a reason.
    """
    try:
        choice = data["choices"][0]
        message, usage = choice["message"], data.get("usage") or {}
        text, refusal = message.get("content") or "", message.get("refusal")
        reason = choice.get("finish_reason") or ""
        details = usage.get("prompt_tokens_details") or {}
        reply = Reply(
            text=_whole(text),
            finish_reason=_whole(f"refused: {short(refusal)}" if refusal and not text else reason),
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
            latency_s=round(latency_s, 4),
            cached_tokens=int(details.get("cached_tokens") or 0),
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise Fault(f"not a chat completion: {short(data)}", kind="malformed") from error
    if not text and not reply.completion_tokens and reply.finish_reason in ("stop", ""):
        raise Fault("the reply is empty", kind="malformed")
    return reply


def _whole(text: str) -> str:
    """Half a surrogate pair (an emoji that was cut in two) becomes U+FFFD: no file can hold it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def rejected_reply(rejected: RequestRejected) -> Reply:
    """The reply to a request that is never answered (too long, filtered); it says the reason."""
    filtered = "content_filter" in rejected.code or "content_filter" in str(rejected)
    return Reply("", "content_filter" if filtered else f"refused: {rejected}", 0, 0, 0.0)


def read_vectors(data: Mapping[str, Any], *, count: int) -> tuple[list[list[float]], int]:
    """`{"data": [{"index": 0, "embedding": [0.1, …]}, …], "usage": {…}}` → vectors, tokens.

    Raises:
        Fault: the reply has another form, or another number of vectors than `count`.
    """
    try:
        rows = {int(row["index"]): row["embedding"] for row in data["data"]}
        vectors = [[float(value) for value in rows[index]] for index in range(count)]
        return vectors, int((data.get("usage") or {}).get("prompt_tokens") or 0)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Fault(
            f"the reply does not hold {count} vectors: {short(data)}", kind="malformed"
        ) from error
