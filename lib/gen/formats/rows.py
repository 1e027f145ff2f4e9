"""The formats that have one row for each row of a dataset.

All are made from the `hf` row: from ours, or from the published RAFT layout of another tool, which
lacks our fields.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lib.dataset import SPLITS, Row, chat_row, prompt_messages
from lib.prompts.student import parse_answer, plain_prompt
from lib.settings import SetupError

OURS = ("kind", "answer", "oracle_position", "oracle", "context_chunks")
SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}


@dataclass(frozen=True)
class LeftOut:
    """A row, or a part of one, that does not fit the format."""

    split: str
    row_id: str
    reason: str


@dataclass(frozen=True)
class Converted:
    """A dataset's rows in another format."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    left_out: list[LeftOut] = field(default_factory=list)
    # Where each row comes from, for formats whose rows may have no more columns.
    sources: list[Row] = field(default_factory=list)

    def leave_out(self, split: str, row: Row, reason: str) -> None:
        self.left_out.append(LeftOut(split, str(row["id"]), reason))


# --- what an hf row says -------------------------------------------------------------------------


def is_ours(row: Row) -> bool:
    """Whether it has our fields behind the published layout."""
    return all(name in row for name in OURS)


def context_texts(row: Row) -> list[str]:
    return row["context"]["sentences"][0]


def kind_of(row: Row) -> str:
    """ "oracle", "memorise" or "refuse"; found out where the row does not say it."""
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


# --- the formats ---------------------------------------------------------------------------------


def completion_row(
    row: Row,
    *,
    prompt_column: str = "prompt",
    completion_column: str = "completion",
    stop: str = "",
) -> Row:
    """The student's prompt as plain text, for base models; `stop` ends the completion.

    Raises:
        SetupError: the two columns need other names.
    """
    if not prompt_column or not completion_column or prompt_column == completion_column:
        raise SetupError(
            f"prompt column '{prompt_column}', completion column '{completion_column}': expected "
            "two names. Change them."
        )
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
    """instruction, input and output (tatsu-lab/stanford_alpaca): the prompt's two messages and the
    label."""
    system, user = prompt_messages(row)
    return {
        "instruction": system["content"],
        "input": user["content"],
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
