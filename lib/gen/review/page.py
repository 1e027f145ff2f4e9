"""The page of a review: one row at a time, its documents, and the decisions that it takes."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lib.gen import show
from lib.gen.review.review import STATES, Review
from lib.settings import SetupError, portable

CSS = Path(__file__).parent / "assets" / "page.css"
_SCRIPT = Path(__file__).parent / "assets" / "keys.js"
_BLOCK = Markup('<div class="raft"><h3>{}</h3><div class="{}">{}</div></div>')
ACTIONS = {  # name → its key and its button
    "accept": ("a", "Accept"),
    "reject": ("r", "Reject"),
    "pick": ("v", "Pick for evaluation"),
    "undo": ("u", "Undo"),
    "previous": ("k", "← Previous"),
    "next": ("j", "Next →"),
    "write": ("w", "Write dataset"),
}


def build_page(review: Review) -> Any:
    """The page's parts and their actions (gradio.Blocks)."""
    import gradio as gr

    def html(elem_id: str) -> Any:
        return gr.HTML("", js_on_load=None, elem_id=elem_id)

    with gr.Blocks(title=f"Review of {review.dataset.name}", analytics_enabled=False) as page:
        shown = gr.State("")  # the id of the row on the page
        with gr.Column(elem_id="bar"):
            progress = html("progress")
            with gr.Row(elem_id="actions"):
                buttons = {
                    name: gr.Button(f"{text} ({key})", elem_id=name, size="sm", min_width=60)
                    for name, (key, text) in ACTIONS.items()
                }
            message = html("message")
        with gr.Row(elem_id="filters"):
            kind = gr.Radio(["all", *show.KINDS], value="all", label="Kind")
            state = gr.Radio(["all", *STATES], value="all", label="State")
        card = html("card")

        def respond(action: str, row_id: str, kind: str, state: str) -> list[str]:
            row_id, said = act(review, action, row_id, kind=kind, state=state)
            found = review.find(kind=kind, state=state)
            return [
                row_id,
                progress_html(review, row_id, found),
                message_html(said),
                card_html(review, row_id),
            ]

        def listen(events: Any, action: str) -> None:
            gr.on(
                events,
                partial(respond, action),
                [shown, kind, state],
                [shown, progress, message, card],
                api_name=action,
                show_progress="hidden",
                # One after the other, as the keys were pressed.
                concurrency_limit=1,
                concurrency_id="review",
            )

        for name, button in buttons.items():
            listen(button.click, name)
        listen([kind.change, state.change], "show")
        listen(page.load, "start")
    return page


def act(
    review: Review, action: str, row_id: str, *, kind: str = "all", state: str = "all"
) -> tuple[str, str]:
    """Do what a button says to the row on the page; returns the row to show, and a message.

    Only rows of this kind and state are shown; "" = there is none.
    """
    try:
        if action == "start":
            return (review.find(state="undecided") or review.find())[0], ""
        if action == "write":
            folder = portable(review.write())
            return row_id, f"{folder} has the rows after review: {review.summary()}."
        if action == "undo":
            row_id = review.undo()
            return row_id, f"Undone: the last decision on {row_id}."
        said = ""
        if row_id and action in ("accept", "reject", "pick"):
            review.decide(row_id, action)
            said = f"{row_id} is {review.states[row_id]}. All decisions: {review.summary() or '–'}."
    except SetupError as error:
        return row_id, str(error)
    found = review.find(kind=kind, state=state)
    if action == "show" and row_id in found:
        return row_id, said
    return review.step(row_id, found, -1 if action == "previous" else 1), said


# --- its parts as HTML: everything that comes from a dataset is escaped --------------------------


def progress_html(review: Review, row_id: str, found: list[str]) -> Markup:
    """How much is decided, and the place of this row among the rows found."""
    count = len(review.rows)
    decided = count - len(review.find(state="undecided"))
    place = f"row {found.index(row_id) + 1} of {len(found)}" if row_id in found else "no row"
    return Markup(
        '<progress value="{0}" max="{1}"></progress> <b>{0} of {1} decided</b> · {2} of this kind '
        "and state"
    ).format(decided, count, place)


def message_html(message: str) -> Markup:
    return Markup('<p role="status">{}</p>').format(message) if message else Markup()


def card_html(review: Review, row_id: str) -> Markup:
    """The row as the notebook shows it; then its answer and its oracle, if it hides them."""
    if not row_id:
        return show.STYLE + Markup('<div class="raft">No row is of this kind and state.</div>')
    row = review.rows[row_id]
    state = Markup('<p class="state {0}">{0}</p>').format(review.states[row_id])
    parts = [show.STYLE, state, show.example_html(row)]
    if row.kind == "refuse":
        answer = show.label_html(row.question.cot_answer)
        parts.append(_BLOCK.format("The answer that it refuses", "label", answer))
    if row.oracle_position is None:
        alone = replace(row, context=(row.oracle,), oracle_position=0)
        oracle = show.document_html(alone, 0)
        parts.append(_BLOCK.format("Its oracle, which the student does not see", "", oracle))
    return Markup().join(parts)


def head_html() -> str:
    """The script that makes a key click its button."""
    keys = {key: name for name, (key, _) in ACTIONS.items()}
    keys |= {"ArrowLeft": "previous", "ArrowRight": "next"}
    return f"<script>const keys = {json.dumps(keys)};\n{_SCRIPT.read_text('utf-8')}</script>"
