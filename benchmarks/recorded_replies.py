"""A model's recorded replies in the place of an endpoint: figures without a key, the same again."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lib.endpoints import endpoint_settings
from lib.engine.ledger import LEDGER
from lib.prompts.student import DOCUMENT_BEGIN, DOCUMENT_END, Message
from lib.rag.chat_model import EndpointChat
from lib.settings import SetupError
from lib.store import fingerprint, read_jsonl
from lib.text import one_line
from tests.server import Body, Loopback, serve

ROLE = "retrieval"
_NUMBERED = re.compile(rf"(\d+) {DOCUMENT_BEGIN}(.*?){DOCUMENT_END}\n", re.DOTALL)


@dataclass(frozen=True)
class Recorded:
    """Replies of a model by the request's messages, one a line:

        {"key": "07c9a2f4b1de", "reply": "Who made the pier?⏎The pier's builder"}
        {"key": "9f2b60c87a31", "reply": "a1b2c3 > 0d9f11", "read": "0d9f11 77e0a2 a1b2c3"}

    Numbered documents are named by the hash of their texts, and are not in the key: so an order
    holds where rounding on another machine has swapped two, or where a few of them are asked about.
    """

    rows: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, path: Path) -> Recorded:
        return cls({row["key"]: row for row in read_jsonl(path)})

    def has(self, messages: Sequence[Message]) -> bool:
        row, shown = self.rows.get(key_of(messages)), numbered(messages)
        return row is not None and shown.keys() <= set(row.get("read", "").split())

    def reply(self, body: Body) -> str:
        reply, shown = self.rows[key_of(body["messages"])]["reply"], numbered(body["messages"])
        if not shown:
            return reply
        return " > ".join(shown[name] for name in reply.split(" > ") if name in shown) or "0"

    def check(self, messages: Sequence[Message]) -> None:
        """SetupError: no reply is recorded."""
        if not self.has(messages):
            asked = one_line(messages[-1]["content"])[-100:]
            raise SetupError(
                f"No reply is recorded for the prompt that ends with '{asked}': its wording or its "
                "documents have changed since. Set RETRIEVAL_OPENAI_BASE_URL, …_API_KEY and "
                "…_DEPLOYMENT to ask a model."
            )


def key_of(messages: Sequence[Message]) -> str:
    return fingerprint([_NUMBERED.sub("", message["content"]) for message in messages])


def numbered(messages: Sequence[Message]) -> dict[str, str]:
    """Hash of each numbered document's text → its number."""
    found = _NUMBERED.findall(messages[-1]["content"])
    return {fingerprint(text, length=6): number for number, text in found}


@contextmanager
def answering(path: Path) -> Iterator[Recorded]:
    """ROLE has an endpoint while the block lasts: the one that is set, or the recorded replies."""
    recorded = Recorded.read(path)
    if endpoint_settings(ROLE) is not None:
        yield recorded
        return
    ask_all = EndpointChat.ask_all

    def checked(
        model: EndpointChat, prompts: Sequence[Sequence[Message]], *about: Any
    ) -> list[str]:
        for prompt in prompts:
            recorded.check(prompt)
        return ask_all(model, prompts, *about)

    with (
        serve(Loopback(reply=recorded.reply)) as server,
        tempfile.TemporaryDirectory(prefix="openbook-bench-") as folder,
    ):
        names = {"BASE_URL": server.base_url, "API_KEY": "none", "DEPLOYMENT": "recorded"}
        endpoint = {f"{ROLE.upper()}_OPENAI_{name}": value for name, value in names.items()}
        with (
            patch.dict(os.environ, endpoint | {LEDGER: str(Path(folder, "ledger.sqlite"))}),
            patch.object(EndpointChat, "ask_all", checked),
        ):
            yield recorded
