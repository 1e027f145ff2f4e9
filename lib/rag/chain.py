"""The RAG chain: documents, the one student prompt, one reply."""

from __future__ import annotations

from collections.abc import Sequence

from lib.endpoint import Endpoint, Reply
from lib.prompts import student_messages


async def answer_question(
    endpoint: Endpoint,
    question: str,
    documents: Sequence[str],
    *,
    max_answer_tokens: int,
    refusal: str = "",
) -> Reply:
    """Ask a question over texts in their order: evaluation and playground both come here."""
    messages = student_messages(question, documents, refusal=refusal)
    return await endpoint.ask(messages, max_tokens=max_answer_tokens)
