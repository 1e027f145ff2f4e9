"""The RAG chain: retrieved documents, the one student prompt, one reply."""

from __future__ import annotations

from collections.abc import Sequence

from lib.endpoint import Endpoint, Reply
from lib.prompts import student_messages
from lib.records import Chunk


async def answer_question(
    endpoint: Endpoint, question: str, chunks: Sequence[Chunk], *, max_answer_tokens: int
) -> Reply:
    """Ask a question over the chunks in their order: evaluation and playground both come here."""
    messages = student_messages(question, [chunk.text for chunk in chunks])
    return await endpoint.ask(messages, max_tokens=max_answer_tokens)
