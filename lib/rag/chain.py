"""The RAG chain: documents + prompt (the student's by default) → one reply."""

from __future__ import annotations

from collections.abc import Sequence

from lib.engine.endpoint import Endpoint, Reply
from lib.prompts.student import STUDENT_PROMPT, Prompt


async def answer_question(
    endpoint: Endpoint,
    question: str,
    documents: Sequence[str],
    *,
    max_answer_tokens: int,
    refusal: str = "",
    prompt: Prompt = STUDENT_PROMPT,
) -> Reply:
    """Ask a question about documents, in their order. Evaluation and playground both use this."""
    messages = prompt.messages(question, documents, refusal=refusal)
    return await endpoint.ask(messages, max_tokens=max_answer_tokens)
