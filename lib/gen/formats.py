"""One row of a dataset in each published format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lib.prompts import Message, student_messages, student_question
from lib.records import Chunk, RaftExample

SPLITS = ("train", "valid", "eval")


def place_of(chunk: Chunk) -> dict[str, Any]:
    """Where a chunk comes from, without its text."""
    return {
        "chunk_id": chunk.id,
        "document": chunk.document_id,
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
    }


def hf_row(example: RaftExample) -> dict[str, Any]:
    """The row that the published RAFT tools read, then our fields."""
    texts = [chunk.text for chunk in example.context]
    return {
        "id": example.id,
        "type": "general",
        "question": example.question.text,
        "context": {"title": [[chunk.title for chunk in example.context]], "sentences": [texts]},
        "oracle_context": example.oracle.text,
        "cot_answer": example.label,
        "instruction": student_question(example.question.text, texts),
        "kind": example.kind,
        "split": example.split,
        "answer": example.question.answer,
        "oracle_position": example.oracle_position,
        "oracle": place_of(example.oracle),
        "context_chunks": [place_of(chunk) for chunk in example.context],
    }


def chat_row(example: RaftExample) -> dict[str, Any]:
    """The student's prompt and its label as chat messages."""
    messages = student_messages(example.question.text, [chunk.text for chunk in example.context])
    return {"messages": [*messages, {"role": "assistant", "content": example.label}]}


def completion_row(example: RaftExample) -> dict[str, Any]:
    """The same prompt as plain text, for base models."""
    messages = student_messages(example.question.text, [chunk.text for chunk in example.context])
    return {"prompt": plain_prompt(messages), "completion": example.label}


def plain_prompt(messages: Sequence[Message]) -> str:
    """What prompts.PLAIN_CHAT_TEMPLATE makes of a prompt's messages, without special tokens."""
    return "".join(f"{message['content']}\n\n" for message in messages)


def eval_row(example: RaftExample) -> dict[str, Any]:
    """What an evaluation asks and compares with."""
    return {
        "id": example.id,
        "question": example.question.text,
        "gold_final_answer": example.question.answer,
        "cot_answer": example.question.cot_answer,
        "oracle_chunk_ids": [example.oracle.id],
        "context_chunk_ids": [chunk.id for chunk in example.context],
        "context": [chunk.text for chunk in example.context],
    }
