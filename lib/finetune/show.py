"""Show which tokens are trained, and the loss curve."""

from collections.abc import Iterable
from html import escape
from itertools import groupby
from typing import Any

from lib.drawing import COLOURS, Figure, Picture, drawn, new_figure
from lib.finetune.hosted import HostedRows
from lib.finetune.rows import PreparedRows
from lib.finetune.watch import HistoryPoint, validation_said
from lib.progress import minutes, show_points
from lib.state import read_state, require_path
from lib.store import read_jsonl

Piece = tuple[str, bool]  # decoded text, and whether the loss counts it
_PROMPT_CHARS = 600  # shown of a prompt


def trained_pieces(input_ids: Iterable[int], labels: Iterable[int], tokenizer: Any) -> list[Piece]:
    """Decode a row in runs of trained and untrained tokens, special tokens included."""
    pairs = zip(map(int, input_ids), map(int, labels), strict=True)
    return [
        (tokenizer.decode([token for token, _ in run], skip_special_tokens=False), trained)
        for trained, run in groupby(pairs, key=lambda pair: pair[1] != -100)
    ]


def marked(pieces: list[Piece]) -> str:
    """The row as plain text: trained parts between ⟦ and ⟧."""
    return "".join(f"⟦{text}⟧" if trained else text for text, trained in pieces) + "\n"


def show_trained_tokens(rows: PreparedRows | HostedRows, *, row: int = 0) -> Any:
    """One training row as HTML; what is learnt is in ⟦ ⟧. Of a long prompt only the end."""
    from IPython.display import HTML

    if isinstance(rows, HostedRows):
        *prompt, completion = (message["content"] for message in rows.train[row])
        pieces = [("\n\n".join(prompt) + "\n\n", False), (completion, True)]
    else:
        one = rows.train[row]
        pieces = trained_pieces(one.input_ids, one.labels, rows.tokenizer)
    parts = ""
    for text, trained in pieces:
        if not trained and len(text) > _PROMPT_CHARS:
            text = f"… ({len(text) - _PROMPT_CHARS:,} characters) … {text[-_PROMPT_CHARS:]}"
        parts += f"<mark>⟦{escape(text)}⟧</mark>" if trained else escape(text)
    return HTML(f'<pre style="white-space: pre-wrap">{parts}</pre>')


@drawn
def plot_loss(history: list[HistoryPoint]) -> tuple[Figure, str, str]:
    """The training loss over the steps, and the validation loss if there is one."""
    figure, axes = new_figure(3.2, width=7)
    styles = (("loss", "training", "-"), ("validation_loss", "validation", "o--"))
    for (key, name, style), colour in zip(styles, COLOURS, strict=False):
        if points := [(point["step"], point[key]) for point in history if key in point]:
            axes.plot(*zip(*points, strict=True), style, color=colour, label=name)
    axes.set_xlabel("step")
    axes.set_ylabel("loss, nats per completion token")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure, "Lines of the loss over the steps of training.", _reading(history)


def _reading(history: list[HistoryPoint]) -> str:
    """Whether the loss on rows that were not trained fell, and whether it rose again."""
    points = [(it["validation_loss"], it["step"]) for it in history if "validation_loss" in it]
    if len(points) < 2:
        return "There are no validation rows, so nothing is known of rows that were not trained."
    said, (best, at) = f"The validation loss {validation_said(history)}", min(points)
    if at == points[-1][1]:
        said += ", and was never lower: what was learnt helps with rows that were not trained"
    elif at:
        said += f"; it was lowest, {best:.3f}, at step {at:g}: later steps memorise answers"
    return f"{said}."


def show_learned(trained: Any) -> Any:
    """A training in two or three sentences: its length, its losses, and what is served."""
    rows = trained.rows
    said = [
        f"{len(rows.train):,} rows were trained in {minutes(trained.seconds)} (minutes:seconds).",
        f"In both splits: {rows.lengths}.",
    ]
    if losses := validation_said(trained.history):
        said.append(f"The loss on {len(rows.valid):,} rows that were not trained {losses}.")
    card = f"The model card beside {trained.state['STUDENT_MODEL_DIR']} says what made it."
    return show_points(*said, card)


def plot_training(*, run_name: str) -> Picture:
    """The loss curve of the run's student, or a sentence when it was not trained here."""
    if "STUDENT_MODEL_DIR" not in read_state(run_name):
        return Picture("", "The student was not trained in this run.")
    student_dir = require_path("STUDENT_MODEL_DIR", run_name).parent
    return plot_loss(read_jsonl(student_dir / "metrics.jsonl"))
