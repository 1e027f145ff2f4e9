"""One row of a dataset in each published format.

The `hf` row is the published RAFT layout, and every other format is made from it: from ours, which
has fields of our own behind, or from any other tool's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lib.prompts.student import Message, parse_answer, student_instruction, student_question
from lib.reading.files.api import API_TYPE, is_api_record
from lib.records import Chunk, RaftExample

SPLITS = ("train", "valid", "eval")
OURS = ("kind", "answer", "oracle_position", "oracle", "context_chunks")
SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]  # by split


@dataclass(frozen=True)
class LeftOut:
    """What a format has no place for, and why: a row, or a part of what could be made of it."""

    split: str
    row_id: str
    reason: str


@dataclass(frozen=True)
class Converted:
    """A dataset's rows in another format."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    left_out: list[LeftOut] = field(default_factory=list)
    # Of formats whose rows have no room for it: where each written row comes from.
    sources: list[Row] = field(default_factory=list)

    def leave_out(self, split: str, row: Row, reason: str) -> None:
        self.left_out.append(LeftOut(split, str(row["id"]), reason))


def place_of(chunk: Chunk) -> Row:
    """Where a chunk comes from, without its text."""
    return {
        "chunk_id": chunk.id,
        "document": chunk.document_id,
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
    }


def hf_row(example: RaftExample) -> Row:
    """The row that the published RAFT tools read, then our fields."""
    texts = [chunk.text for chunk in example.context]
    row = {
        "id": example.id,
        "type": API_TYPE if is_api_record(example.oracle.text) else "general",
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
    return row | {"refusal": example.refusal} if example.refusal else row


# --- what an hf row says -------------------------------------------------------------------------


def is_ours(row: Row) -> bool:
    """Whether it says more than the published layout: its kind, and where its chunks come from."""
    return all(name in row for name in OURS)


def context_texts(row: Row) -> list[str]:
    return row["context"]["sentences"][0]


def kind_of(row: Row) -> str:
    """Whether its label comes from an oracle in view ("oracle"), from an absent one ("memorise"),
    or declines ("refuse"); found out where the row does not say it."""
    if is_ours(row):
        return row["kind"]
    if row["oracle_context"] in context_texts(row):
        return "oracle"
    return "refuse" if parse_answer(row["cot_answer"]).refused else "memorise"


def final_answer(row: Row) -> str:
    """The question's short answer; "" = the row does not say it."""
    if is_ours(row):
        return row["answer"]
    return parse_answer(row["cot_answer"]).final_answer or ""


def provenance(row: Row) -> Row:
    """The columns that say what a row is and where it comes from, as far as it has them."""
    return {name: row[name] for name in ("id", "type", *OURS) if name in row and name != "answer"}


def prompt_messages(row: Row) -> list[Message]:
    """The student's prompt: what it is trained on, evaluated with and served by."""
    return [
        {"role": "system", "content": student_instruction(row.get("refusal", ""))},
        {"role": "user", "content": row["instruction"]},
    ]


def plain_prompt(messages: Sequence[Message]) -> str:
    """What prompts.PLAIN_CHAT_TEMPLATE makes of a prompt's messages, without special tokens."""
    return "".join(f"{message['content']}\n\n" for message in messages)


# --- the formats of one row each -----------------------------------------------------------------


def chat_row(row: Row) -> Row:
    """The student's prompt and its label as chat messages."""
    return {
        "messages": [*prompt_messages(row), {"role": "assistant", "content": row["cot_answer"]}]
    }


def completion_row(
    row: Row,
    *,
    prompt_column: str = "prompt",
    completion_column: str = "completion",
    stop: str = "",
) -> Row:
    """The same prompt as plain text, for base models; `stop` ends the completion."""
    return {
        prompt_column: plain_prompt(prompt_messages(row)),
        completion_column: row["cot_answer"] + stop,
    }


def eval_row(row: Row) -> Row:
    """What an evaluation asks and compares with."""
    found: Row = {
        "id": row["id"],
        "question": row["question"],
        "gold_final_answer": final_answer(row),
        "cot_answer": row["cot_answer"],
    }
    if is_ours(row):
        found["oracle_chunk_ids"] = [row["oracle"]["chunk_id"]]
        found["context_chunk_ids"] = [place["chunk_id"] for place in row["context_chunks"]]
    return {**found, "context": context_texts(row)}


def alpaca_row(row: Row) -> Row:
    """instruction, input, output (tatsu-lab/stanford_alpaca): the task, what it is done on, the
    label. Both together are the student's prompt."""
    task, asked = prompt_messages(row)
    return {
        "instruction": task["content"],
        "input": asked["content"],
        "output": row["cot_answer"],
        **provenance(row),
    }


def sharegpt_row(row: Row) -> Row:
    """The chat row's messages as conversations of "from" (system, human, gpt) and "value"."""
    turns = [
        {"from": SPEAKERS[message["role"]], "value": message["content"]}
        for message in chat_row(row)["messages"]
    ]
    return {"conversations": turns, **provenance(row)}
