"""The page of a review: one row at a time, its documents, and what can be decided on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from lib.gen import show
from lib.gen.formats.row import SPLITS
from lib.gen.review.rows import STATUSES, Review
from lib.prompts.student import ANSWER_TAG
from lib.settings import SetupError

CSS = Path(__file__).parent / "assets" / "page.css"
HEAD = Path(__file__).parent / "assets" / "keys.js"
BUTTONS = {
    "accept": "Accept (a)",
    "reject": "Reject (r)",
    "edit": "Edit (e)",
    "pick": "Pick for eval (v)",
    "undo": "Undo (u)",
    "previous": "← Previous (k)",
    "next": "Next (j) →",
}
KEYS = {
    "a": "accept the row; the next one is shown",
    "r": "reject it: it vanishes from every split",
    "e": "edit its question, reasoning and answer (Ctrl+Enter saves, Esc does not)",
    "v": "pick it for the evaluation; accepting or rejecting it takes that back",
    "u": "undo the last decision, then the one before",
    "j, →": "next row",
    "k, ←": "previous row",
    "?": "show these keys, or hide them",
}

_DONE = {"accept": "Accepted", "reject": "Rejected", "pick": "Picked for the evaluation"}


def build_page(review: Review) -> Any:
    """The page's parts, and what they do (gradio.Blocks)."""
    import gradio as gr

    def html(elem_id: str, value: str = "") -> Any:
        return gr.HTML(value, js_on_load=None, elem_id=elem_id)

    with gr.Blocks(title=f"Review of {review.dataset_dir.name}", analytics_enabled=False) as page:
        shown = gr.State("")  # the id of the row on the page
        warned = gr.State("")  # the id of the row that is picked when v is pressed again
        with gr.Column(elem_id="bar"):
            progress = html("progress")
            with gr.Row(elem_id="actions"):
                buttons = {
                    name: gr.Button(text, elem_id=name, size="sm", min_width=60)
                    for name, text in BUTTONS.items()
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
        with gr.Column(elem_id="editor", visible=False) as editor:
            reasoning = "Reasoning, its quotes between ##begin_quote## and ##end_quote##"
            fields = [
                gr.Textbox(label="Question", lines=2, elem_id="question"),
                gr.Textbox(label=reasoning, lines=5),
                gr.Textbox(label="Final answer"),
            ]
            with gr.Row():
                save = gr.Button("Save (Ctrl+Enter)", variant="primary", size="sm", elem_id="save")
                cancel = gr.Button("Cancel (Esc)", size="sm", elem_id="cancel")
        card = html("card")
        html("help", help_html())

        def respond(
            name: str,
            row_id: str,
            warned_row: str,
            split: str,
            kind: str,
            status: str,
            *wording: str,
        ) -> list[Any]:
            wanted = {"split": split, "kind": kind, "status": status}
            texts = (wording[0], wording[1], wording[2])
            done = act(review, name, row_id, warned=warned_row, wanted=wanted, wording=texts)
            return [
                done.row_id,
                done.warned,
                progress_html(review, done.row_id, wanted),
                message_html(done),
                card_html(review, done.row_id),
                gr.Column(visible=done.wording is not None),
                *(done.wording or ("", "", "")),
            ]

        def listen(events: Any, name: str) -> Any:
            return gr.on(
                events,
                partial(respond, name),
                [shown, warned, *filters, *fields],
                [shown, warned, progress, message, card, editor, *fields],
                api_name=name,
                show_progress="hidden",
                # One after the other, as the keys were pressed.
                concurrency_limit=1,
                concurrency_id="review",
            )

        for name, button in buttons.items():
            event = listen(button.click, name)
            if name == "edit":
                event.then(None, js="() => document.querySelector('#question textarea')?.focus()")
        listen(save.click, "save")
        listen([cancel.click, *(radio.change for radio in filters)], "show")
        listen(page.load, "start")
    return page


@dataclass(frozen=True)
class Shown:
    """What an action leaves on the page."""

    row_id: str  # "" = no row passes the filters
    message: str = ""
    refused: bool = False  # the message says why nothing was done
    warned: str = ""  # the row that is picked when it is asked for again
    wording: tuple[str, str, str] | None = None  # question, reasoning, answer in the editor


def act(
    review: Review,
    action: str,
    row_id: str,
    *,
    warned: str = "",
    wanted: Mapping[str, str] | None = None,
    wording: tuple[str, str, str] = ("", "", ""),
) -> Shown:
    """What a button does to the row on the page; `wanted` are the filters of Review.find."""
    wanted = wanted or {}
    try:
        match action:
            case "start":
                found = review.find(status="undecided") or review.find()
                return Shown(found[0])
            case "undo":
                undone = review.undo()
                return Shown(undone, f"Undone: the last decision on {undone}.")
            case "next" | "previous":
                by = 1 if action == "next" else -1
                return Shown(review.step(row_id, review.find(**wanted), by))
        if not row_id or action == "show":
            found = review.find(**wanted)
            return Shown(row_id if row_id in found else review.step(row_id, found, 1))
        if action == "edit":
            return Shown(row_id, wording=_wording(review, row_id))
        if action == "save":
            question, reasoning, answer = wording
            review.edit(row_id, question=question, reasoning=reasoning, answer=answer)
            return Shown(row_id, "Saved and accepted.")
        if action == "pick" and (cost := review.cost_of_picking(row_id)) and warned != row_id:
            return Shown(row_id, f"{_costs(cost)} Press v again to pick it.", warned=row_id)
        review.decide(row_id, action)
        return Shown(review.step(row_id, review.find(**wanted), 1), f"{_DONE[action]}: {row_id}.")
    except SetupError as error:
        kept = wording if action == "save" else None
        return Shown(row_id, str(error), refused=True, wording=kept)


def _costs(cost: Mapping[str, int]) -> str:
    counted = " and ".join(f"{count} {split}" for split, count in sorted(cost.items()))
    return (
        f"Rows that show its oracle cannot stay beside it: {counted} "
        f"{'row is' if sum(cost.values()) == 1 else 'rows are'} left out."
    )


def _wording(review: Review, row_id: str) -> tuple[str, str, str]:
    question = review.example(row_id).question
    return question.text, question.cot_answer.rpartition(ANSWER_TAG)[0].strip(), question.answer


# --- its parts as HTML: all that comes from a dataset is escaped ---------------------------------


def progress_html(review: Review, row_id: str, wanted: Mapping[str, str]) -> str:
    """How much is decided, and where this row stands among those that pass the filters."""
    decided, count = len(review.vetted.decided), len(review.rows.by_id)
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
    row = review.example(row_id)
    chips = "".join(
        f'<span class="status {status.split()[0]}">{status}</span> '
        for status in STATUSES
        if status in review.statuses(row_id)
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
    rows = "".join(
        f"<tr><td><kbd>{key}</kbd></td><td>{does}</td></tr>" for key, does in KEYS.items()
    )
    return f"<details><summary>Keys (?)</summary><table>{rows}</table></details>"
