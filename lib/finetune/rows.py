"""A dataset as one student's tokens, and how long its rows are: no row is ever cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.dataset import read_dataset
from lib.finetune.model_files import text_config
from lib.finetune.students import Base, fetch_student
from lib.finetune.tokens import TokenRow, end_token_ids, load_tokenizer, tokenise
from lib.prompts.student import Message
from lib.recipe import Recipe
from lib.settings import SetupError, portable
from lib.store import file_sha256
from lib.threads import tune_threads


@dataclass(frozen=True)
class PreparedRows:
    dataset_dir: Path
    base: Base
    tokenizer: Any
    train: list[TokenRow]
    valid: list[TokenRow]  # may be empty: then no validation loss is measured
    lengths: "Lengths"  # of both splits
    model_limit_tokens: int  # the longest input of the model; 0 = its config does not say


def prepare_rows(dataset_dir: Path, recipe: Recipe) -> PreparedRows:
    """Tokenise the train and valid splits for the student."""
    tune_threads()  # before torch is loaded
    base = fetch_student(recipe.student_model)
    tokenizer = load_tokenizer(base.folder, recipe.dataset_format, recipe.chat_template_path)
    end_ids = end_token_ids(base.folder, tokenizer)

    def tokens(split: str) -> list[TokenRow]:
        rows = training_messages(dataset_dir, split)
        return [tokenise(row_id, said, tokenizer, end_ids) for row_id, said in rows.items()]

    train, valid = tokens("train"), tokens("valid")
    lengths = measure_lengths([*train, *valid])
    config = text_config(base.folder)
    vocab_size = int(config.get("vocab_size") or 0)
    for row in (*train, *valid):  # of a token without an embedding a GPU says only that it failed
        if vocab_size and (last := max(row.input_ids)) >= vocab_size:
            raise SetupError(
                f"{row.id} has token {last:,} ({tokenizer.convert_ids_to_tokens(last)}), and the "
                f"model has {vocab_size:,} (vocab_size in config.json): tokens were added to the "
                "tokenizer alone. Take the model's own tokenizer, or resize its embeddings."
            )
    limit_tokens = int(config.get("max_position_embeddings") or 0)
    return PreparedRows(Path(dataset_dir), base, tokenizer, train, valid, lengths, limit_tokens)


def training_messages(dataset_dir: Path, split: str) -> dict[str, list[Message]]:
    """ "train row 17" → its messages: a prompt, then the completion to learn."""
    dataset = read_dataset(dataset_dir)
    path = dataset.folder / "chat" / f"{split}.jsonl"
    written = dataset.manifest.get("files", {}).get(f"chat/{path.name}")
    if written and path.is_file() and file_sha256(path) != written:
        raise SetupError(
            f"{portable(path)} has changed since it was written. Delete the dataset's folder and "
            "run 1_gen.ipynb again: replies are kept."
        )
    rows = {f"{split} row {n}": messages for n, messages in enumerate(dataset.chat(split), start=1)}
    for row_id, messages in rows.items():
        texts = [str(it["content"]) for it in messages if isinstance(it.get("content"), str)]
        answers = len(texts) > 1 and messages[-1].get("role") == "assistant" and texts[-1].strip()
        if len(texts) < len(messages) or not answers:
            raise SetupError(
                f"{row_id} of {portable(dataset.folder)}/chat is not a prompt and its completion. "
                "Run 1_gen.ipynb again."
            )
    if not rows and split == "train":
        raise SetupError(
            f"{portable(dataset.folder)} has no training rows. Give 1_gen more documents."
        )
    return rows


@dataclass(frozen=True)
class Lengths:
    """Token counts of the rows, each with its template and end token."""

    rows: int
    total_tokens: int
    max_completion_tokens: int
    max_total_tokens: int
    p50_tokens: int
    p95_tokens: int
    longest_row: str

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows, {self.total_tokens:,} tokens: half have at most "
            f"{self.p50_tokens:,}, 95% at most {self.p95_tokens:,}, the longest "
            f"{self.max_total_tokens:,} ({self.longest_row}); the longest completion "
            f"{self.max_completion_tokens:,}"
        )


def measure_lengths(rows: Sequence[TokenRow]) -> Lengths:
    totals = sorted(len(row.input_ids) for row in rows)
    longest = max(rows, key=lambda row: len(row.input_ids))
    return Lengths(
        rows=len(rows),
        total_tokens=sum(totals),
        max_completion_tokens=max(len(row.input_ids) - row.prompt_tokens for row in rows),
        max_total_tokens=totals[-1],
        p50_tokens=totals[(len(totals) - 1) // 2],
        p95_tokens=totals[round(0.95 * (len(totals) - 1))],
        longest_row=longest.id,
    )


def check_lengths(rows: PreparedRows, max_length_tokens: int) -> int:
    """The length budget of training, tokens; max_length_tokens 0 = the longest row's length.

    A row that is cut loses its completion, which is at its end, and teaches nothing.
    """
    longest = rows.lengths.max_total_tokens
    for limit, what, remedy in (
        (rows.model_limit_tokens, "the model reads", "take a model that reads more"),
        (max_length_tokens, "max_length_tokens is", "raise max_length_tokens"),
    ):
        if 0 < limit < longest:
            raise SetupError(
                f"{rows.lengths.longest_row} has {longest:,} tokens and {what} {limit:,}, so its "
                f"completion would be cut. Lower num_distractors or chunk_chars in 1_gen, or "
                f"{remedy}."
            )
    return max_length_tokens or longest
