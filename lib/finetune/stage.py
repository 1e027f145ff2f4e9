"""The verbs of 2_finetune.ipynb, for a student that is trained here or by a service."""

from pathlib import Path
from typing import Any

from lib.finetune import launch, rows, show
from lib.finetune.hosted import HostedRows, hosted_rows, train_hosted
from lib.finetune.rows import PreparedRows
from lib.recipe import Recipe


def prepare_rows(dataset_dir: Path, recipe: Recipe) -> Any:
    """The rows as token ids (PreparedRows), or as a service takes them (HostedRows)."""
    hosted = recipe.method == "hosted"
    return (hosted_rows if hosted else rows.prepare_rows)(dataset_dir, recipe)


def run_training(rows: PreparedRows | HostedRows, recipe: Recipe) -> Any:
    """Train the student in a process of its own, or as a job of a service; or find it.

    Returns a Trained or a HostedStudent.
    """
    if isinstance(rows, HostedRows):
        return train_hosted(rows, recipe)
    return launch.run_training(rows, recipe)


def show_trained_tokens(rows: PreparedRows | HostedRows, *, row: int = 0) -> Any:
    """One training row as HTML; what is learnt is in ⟦ ⟧. Of a long prompt only the end."""
    if isinstance(rows, HostedRows):
        *prompt, completion = (message["content"] for message in rows.train[row])
        return show.pieces_html([("\n\n".join(prompt) + "\n\n", False), (completion, True)])
    one = rows.train[row]
    return show.pieces_html(show.trained_pieces(one.input_ids, one.labels, rows.tokenizer))
