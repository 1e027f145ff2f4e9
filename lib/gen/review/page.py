"""The page of a review: one row at a time, its documents, and what can be decided on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from lib.dataset import SPLITS
from lib.gen import show
from lib.gen.review.review import STATUSES, Review
from lib.settings import SetupError, portable

CSS = Path(__file__).parent / "assets" / "page.css"
_SCRIPT = Path(__file__).parent / "assets" / "keys.js"
ACTIONS = {  # name → its key, its button, and what it does
    "accept": ("a", "Accept", "accept the row; the next one is shown"),
    "reject": ("r", "Reject", "reject it: it is removed from every split"),
    "pick": ("v", "Pick for eval", "use it for the evaluation; accept or reject takes that back"),
    "undo": ("u", "Undo", "undo the last decision, then the one before"),
    "previous": ("k", "← Previous", "previous row; also ←"),
    "next": ("j", "Next →", "next row; also →"),
    "write": (
        "w",
        "Write dataset",
        "write a dataset with the decisions applied, for the next notebooks",
    ),
}
_DONE = {"accept": "Accepted", "reject": "Rejected", "pick": "Picked for the evaluation"}


def build_page(review: Review) -> Any:
    """The page's parts, and what they do (gradio.Blocks)."""
    import gradio as gr

    def html(elem_id: str, value: str = "") -> Any:
        return gr.HTML(value, js_on_load=None, elem_id=elem_id)

    with gr.Blocks(title=f"Review of {review.dataset.name}", analytics_enabled=False) as page:
        shown = gr.State("")  # the id of the row on the page
        warned = gr.State("")  # the id of the row that is picked when v is pressed again
        with gr.Column(elem_id="bar"):
            progress = html("progress")
            with gr.Row(elem_id="actions"):
                buttons = {
                    name: gr.Button(f"{text} ({key})", elem_id=name, size="sm", min_width=60)
                    for name, (key, text, _) in ACTIONS.items()
                }
            message = html("message")
        with gr.Row(elem_id="filters"):
            filters = [
                gr.Radio(["all", *choices], value="all", label=label, scale=len(choices))
                for label, choices in (
                    ("Split", SPLITS),
                    ("Kind", show.KINDS),
                    ("Status", STATUSES),
                )
            ]
        card = html("card")
        html("help", help_html())

        def respond(name: str, row_id: str, warned_row: str, *chosen: str) -> list[Any]:
            wanted = dict(zip(("split", "kind", "status"), chosen, strict=True))
            done = act(review, name, row_id, warned=warned_row, wanted=wanted)
            return [
                done.row_id,
                done.warned,
                progress_html(review, done.row_id, wanted),
                message_html(done),
                card_html(review, done.row_id),
            ]

        def listen(events: Any, name: str) -> None:
            gr.on(
                events,
                partial(respond, name),
                [shown, warned, *filters],
                [shown, warned, progress, message, card],
                api_name=name,
                show_progress="hidden",
                # One after the other, as the keys were pressed.
                concurrency_limit=1,
                concurrency_id="review",
            )

        for name, button in buttons.items():
            listen(button.click, name)
        listen([radio.change for radio in filters], "show")
        listen(page.load, "start")
    return page


@dataclass(frozen=True)
class Shown:
    """What an action leaves on the page."""

    row_id: str  # "" = no row passes the filters
    message: str = ""
    refused: bool = False  # the message says why nothing was done
    warned: str = ""  # the row that is picked when v is pressed again


def act(
    review: Review,
    action: str,
    row_id: str,
    *,
    warned: str = "",
    wanted: Mapping[str, str] | None = None,
) -> Shown:
    """What a button does to the row on the page; `wanted` are the filters of Review.find."""
    wanted = wanted or {}
    try:
        match action:
            case "start":
                found = review.find(status="undecided") or review.find()
                return Shown(found[0])
            case "write":
                folder = portable(review.write())
                return Shown(
                    row_id, f"{folder} has the rows after review: {review.outcome.summary()}."
                )
            case "undo":
                undone = review.undo()
                return Shown(undone, f"Undone: the last decision on {undone}.")
            case "next" | "previous":
                by = 1 if action == "next" else -1
                return Shown(review.step(row_id, review.find(**wanted), by))
        if not row_id or action == "show":
            found = review.find(**wanted)
            return Shown(row_id if row_id in found else review.step(row_id, found, 1))
        if action == "pick" and (cost := review.cost_of_picking(row_id)) and warned != row_id:
            counted = " and ".join(f"{count} {split}" for split, count in sorted(cost.items()))
            rows = "row" if cost.total() == 1 else "rows"
            message = f"Leaves out {counted} {rows} with its oracle. Press v again to pick it."
            return Shown(row_id, message, warned=row_id)
        review.decide(row_id, action)
        return Shown(review.step(row_id, review.find(**wanted), 1), f"{_DONE[action]}: {row_id}.")
    except SetupError as error:
        return Shown(row_id, str(error), refused=True)


# --- its parts as HTML: everything that comes from a dataset is escaped --------------------------


def progress_html(review: Review, row_id: str, wanted: Mapping[str, str]) -> str:
    """How much is decided, and the place of this row among those that pass the filters."""
    decided, count = len(review.outcome.decided), len(review.rows.by_id)
    found = review.find(**wanted)
    place = f"row {found.index(row_id) + 1} of {len(found)}" if row_id in found else ""
    return (
        f'<progress value="{decided}" max="{count}"></progress> '
        f"<b>{decided} of {count} decided</b> · {place or f'{len(found)} rows'} in these filters"
    )


def message_html(shown: Shown) -> str:
    css = ' class="refused"' if shown.refused else ""
    return f'<p{css} role="status">{escape(shown.message)}</p>' if shown.message else ""


def card_html(review: Review, row_id: str) -> str:
    """A row: question, label, documents; its quotes marked in the oracle."""
    if not row_id:
        return f'{show.STYLE}<div class="raft">No row passes these filters.</div>'
    row, statuses = review.rows.by_id[row_id], review.statuses(row_id)
    chips = "".join(
        f'<span class="status {status.split()[0]}">{status}</span> '
        for status in STATUSES
        if status in statuses
    )
    parts = [
        f'<div class="where">{escape(row.id)} · {row.split} · kind <b>{row.kind}</b></div>{chips}',
        f"<h2>{escape(row.question.text)}</h2>",
        f'<h3>Label</h3><div class="label">{show.label_html(row.label)}</div>',
    ]
    if row.kind == "refuse":
        answer = show.label_html(row.question.cot_answer)
        parts.append(f'<h3>Answer that it declines to give</h3><div class="label">{answer}</div>')
    parts.append(f"<h3>Documents ({len(row.context)})</h3>")
    parts += [show.document_html(row, index) for index in range(len(row.context))]
    if row.oracle_position is None:
        alone = replace(row, context=(row.oracle,), oracle_position=0)
        parts.append("<h3>Its oracle, which this row does not show</h3>")
        parts.append(show.document_html(alone, 0))
    return f'{show.STYLE}<div class="raft">{"".join(parts)}</div>'


def help_html() -> str:
    keys = [(key, does) for key, _, does in ACTIONS.values()]
    rows = "".join(f"<tr><td><kbd>{key}</kbd></td><td>{does}</td></tr>" for key, does in keys)
    return (
        f"<details><summary>Keys (? shows or hides them)</summary><table>{rows}</table></details>"
    )


def head_html() -> str:
    """The script that makes a key click its button."""
    keys = {key: name for name, (key, _, _) in ACTIONS.items()}
    keys |= {"ArrowLeft": "previous", "ArrowRight": "next"}
    return f"<script>const keys = {json.dumps(keys)};\n{_SCRIPT.read_text('utf-8')}</script>"
