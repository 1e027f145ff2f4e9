"""What is asked, without who sends it: a request says what becomes of its reply."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from lib.engine.replies import Reply
from lib.prompts.student import Message

# Reasoning models spend tokens before they write.
MAX_TOKENS = 2048
ANSWERS, LEADS_ON = 0, 1  # priorities: see lib.engine.scheduler


@dataclass(frozen=True)
class Request:
    """One thing to ask. `on_reply` takes the reply in and returns what is to be asked next.

    Requests of different rows do not depend on each other: they may be answered in any order, live
    or from a batch, and the rows are the same.
    """

    messages: list[Message]
    on_reply: Callable[[Reply], list[Request]]
    max_tokens: int = MAX_TOKENS
    temperature: float = 0.0
    priority: int = ANSWERS
    role: str = "teacher"  # or "judge"
    leads_to: int = 0  # how many more requests are expected to follow from it

    def ledger_request(self, model: str) -> dict[str, Any]:
        """What the ledger's key is made of, as Endpoint.ask has it."""
        return {
            "role": self.role,
            "model": model,
            "messages": self.messages,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
        }

    def body(self, model: str) -> dict[str, Any]:
        """The body of a chat completion, as a batch file has it."""
        return {key: value for key, value in self.ledger_request(model).items() if key != "role"}


Stages = Generator[list[Request], Sequence[Reply | None], None]


def in_stages(first: Sequence[Request]) -> Stages:
    """Yield what can be asked at once, take the replies in the same order, and go on until all is.

    A None among the replies is a request that failed: what would follow from it is not asked.

        stages = in_stages(requests)
        asked = next(stages)
        while asked:
            asked = stages.send(batch(asked))  # [] at the end
    """
    requests = list(first)
    while requests:
        replies = yield requests
        pairs = zip(requests, replies, strict=True)
        requests = [more for asked, reply in pairs if reply for more in asked.on_reply(reply)]
    yield []
