"""Show which tokens are trained, and the loss curve."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import groupby
from typing import Any

from lib.finetune.watch import HistoryPoint
from lib.state import read_state, require_path
from lib.store import read_json

Piece = tuple[str, bool]  # decoded text, and whether the loss counts it
_PROMPT_CHARS = 600  # shown of a prompt


def trained_pieces(input_ids: Iterable[int], labels: Iterable[int], tokenizer: Any) -> list[Piece]:
    """Decode a collated row in runs of trained and untrained tokens, special tokens included."""
    pairs = [
        (int(token), int(label) != -100) for token, label in zip(input_ids, labels, strict=True)
    ]
    return [
        (tokenizer.decode([token for token, _ in run], skip_special_tokens=False), trained)
        for trained, run in groupby(pairs, key=lambda pair: pair[1])
    ]


def marked(pieces: list[Piece]) -> str:
    """The row as plain text: trained parts between ⟦ and ⟧."""
    return "".join(f"⟦{text}⟧" if trained else text for text, trained in pieces) + "\n"


def show_trained_tokens(rows: Any, *, row: int = 0) -> Any:
    """One training row as HTML; the tokens that TRL's collator labels as trained are highlighted.

    Of a long prompt only the end is shown.
    """
    from IPython.display import HTML
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    tokenizer, token_row = rows.tokenizer, rows.train[row]
    collate = DataCollatorForLanguageModeling(pad_token_id=tokenizer.pad_token_id or 0)
    batch = collate([{"input_ids": token_row.input_ids, "labels": token_row.labels}])
    spans = ""
    for text, trained in trained_pieces(batch["input_ids"][0], batch["labels"][0], tokenizer):
        if not trained and len(text) > _PROMPT_CHARS:
            text = f"… ({len(text) - _PROMPT_CHARS:,} characters) … {text[-_PROMPT_CHARS:]}"
        style = "background:#d7f5d0;color:#10320a" if trained else "color:#777"
        spans += f'<span style="{style}">{escape(text)}</span>'
    return HTML(f'<pre style="white-space:pre-wrap">{spans}</pre>')


def plot_loss(history: list[HistoryPoint]) -> Any:
    """The training loss over the steps, and the validation loss if there is one, as a figure."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for key, label, style in (("loss", "training", "-"), ("validation_loss", "validation", "o--")):
        points = [(point["step"], point[key]) for point in history if key in point]
        if points:
            axes.plot(*zip(*points, strict=True), style, label=label)
    axes.set_xlabel("step")
    axes.set_ylabel("loss, nats per completion token")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    plt.close(figure)  # the cell shows what it returns; an open figure would be shown twice
    return figure


def plot_training(*, run_name: str) -> Any:
    """The loss curve of the run's student, or a sentence when it was not trained here."""
    if "STUDENT_MODEL_DIR" not in read_state(run_name):
        return "The student was not trained in this run."
    history_path = require_path("STUDENT_MODEL_DIR", run_name).parent / "history.json"
    return plot_loss(read_json(history_path)["history"])
