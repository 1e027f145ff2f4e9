"""Asking an endpoint: each chunk's questions, then their answers; every reply through the gates."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from lib import prompts
from lib.endpoint import Endpoint, EndpointError, gather_all
from lib.gen import gates
from lib.ledger import Ledger
from lib.progress import Progress
from lib.records import Chunk, Question, Rejected
from lib.settings import EndpointSettings, SetupError

# Reasoning models spend tokens before they write.
QUESTION_TOKENS, ANSWER_TOKENS, TEMPERATURE = 2048, 2048, 0.0


def sort_in(
    question: Question,
    chunk: Chunk,
    reply: str,
    finish_reason: str,
    questions: list[Question],
    rejected: list[Rejected],
) -> None:
    """Put one answered question where the gates say."""
    try:
        if refused := gates.refuse_question(question.text):
            raise gates.Refusal(*refused)
        questions.append(gates.judge_answer(question, chunk, reply, finish_reason))
    except gates.Refusal as refusal:
        rejected.append(refusal.of(question, reply))


async def ask_endpoint(
    chunks: Sequence[Chunk], settings: EndpointSettings, questions_per_chunk: int, concurrency: int
) -> tuple[list[Question], list[Rejected]]:
    """The answered questions and the refused ones, in the order of the chunks.

    Raises:
        SetupError: the endpoint cannot work, or some requests failed after all were tried.
    """
    # As many chunks at work as requests may be in flight: a chunk's answers are asked right after
    # its questions, while the endpoint still caches the document they share.
    at_work = asyncio.Semaphore(concurrency)
    with closing(Ledger()) as ledger:
        async with Endpoint(settings, ledger=ledger, concurrency=concurrency) as endpoint:
            progress = Progress(
                "requests", len(chunks) * (1 + questions_per_chunk), note=lambda: _note(endpoint)
            )

            async def work(chunk: Chunk) -> _ChunkResult:
                async with at_work:
                    return await _ask_about(chunk, endpoint, questions_per_chunk, progress)

            results = await gather_all(chunks, work)
            progress.close()
    failures = [result for result in results if isinstance(result, EndpointError)]
    done = [result for result in results if not isinstance(result, EndpointError)]
    failures += [failure for result in done for failure in result.failures]
    if failures:
        raise SetupError(
            f"{len(failures):,} of {progress.done:,} requests failed ({failures[0]}). The replies "
            "that came are in the ledger: run this again to ask only the missing ones."
        )
    questions = [question for result in done for question in result.questions]
    return questions, [rejected for result in done for rejected in result.rejected]


@dataclass(frozen=True)
class _ChunkResult:
    questions: list[Question]
    rejected: list[Rejected]
    failures: list[EndpointError]


async def _ask_about(
    chunk: Chunk, endpoint: Endpoint, questions_per_chunk: int, progress: Progress
) -> _ChunkResult:
    """One chunk's questions, then their answers all at once."""
    messages = prompts.question_messages(chunk.text, chunk.title, num_questions=questions_per_chunk)
    try:
        reply = await endpoint.ask(messages, max_tokens=QUESTION_TOKENS, temperature=TEMPERATURE)
    finally:
        progress.advance()
    result = _ChunkResult([], [], [])
    drafts = _drafts(chunk, reply.text, reply.finish_reason, questions_per_chunk, result.rejected)
    progress.total -= questions_per_chunk - len(drafts)

    async def answer(question: Question) -> Any:
        messages = prompts.answer_messages(chunk.text, chunk.title, question.text)
        return await endpoint.ask(messages, max_tokens=ANSWER_TOKENS, temperature=TEMPERATURE)

    replies = await gather_all(drafts, answer, on_done=progress.advance)
    for question, answered in zip(drafts, replies, strict=True):
        if isinstance(answered, EndpointError):
            result.failures.append(answered)
        else:
            sort_in(
                question,
                chunk,
                answered.text,
                answered.finish_reason,
                result.questions,
                result.rejected,
            )
    return result


def _drafts(
    chunk: Chunk, reply: str, finish_reason: str, wanted: int, rejected: list[Rejected]
) -> list[Question]:
    """The questions worth an answer; what is wrong with the reply or a question is recorded."""
    texts = prompts.parse_questions(reply)
    if not texts:
        gates_of = {"content_filter": "content_filter", "length": "complete"}
        gate = gates_of.get(finish_reason, "parsable" if reply.strip() else "empty")
        reason = f"the teacher's reply holds no questions ({finish_reason or 'no finish reason'})"
        rejected.append(Rejected("", chunk.id, gate, reason, cot_answer=reply))
    drafts: list[Question] = []
    seen: set[str] = set()
    for number, text in enumerate(texts[:wanted]):
        question = Question(f"{chunk.id}?{number}", chunk.id, text)
        refused = gates.refuse_question(text)
        if not refused and gates.folded_words(text) in seen:
            refused = "duplicate", "asked before on this chunk"
        if refused:
            rejected.append(gates.Refusal(*refused).of(question))
        else:
            seen.add(gates.folded_words(text))
            drafts.append(question)
    return drafts


def _note(endpoint: Endpoint) -> str:
    tokens = endpoint.prompt_tokens + endpoint.completion_tokens
    return f"{tokens:,} tokens · {endpoint.from_ledger:,} from the ledger"
