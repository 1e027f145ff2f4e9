"""The page of a review, one row at a time. It (assets/page.js) sends what was pressed and what it
shows, one request after the other; `respond` answers with the row to show next."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lib.gen import show
from lib.gen.review.decisions import REASONS
from lib.gen.review.figures import agreements, estimate
from lib.gen.review.review import DIFFER, ORDERS, STATES, Review
from lib.settings import SetupError, portable

ASSETS = Path(__file__).parent / "assets"
_BLOCK = Markup('<div class="raft"><h2>{}</h2><div class="{}">{}</div></div>')
_REASON_OF_KEY = {str(number): reason for number, reason in enumerate(REASONS, 1)}


def build_page(review: Review, order: str = "dataset") -> Any:
    import gradio as gr

    answer = partial(respond, review)
    answer.__name__ = "respond"  # type: ignore[attr-defined]  # what the page calls it
    with gr.Blocks(title=f"Review of {review.dataset.name}", analytics_enabled=False) as page:
        gr.HTML(
            html_template=page_html(order),
            js_on_load=(ASSETS / "page.js").read_text(encoding="utf-8"),
            server_functions=[answer],
            apply_default_css=False,
            elem_id="review",
        )
    return page


def page_html(order: str) -> str:
    """Buttons, fields and the places for what changes: nothing that a dataset holds."""
    from jinja2 import Environment, FileSystemLoader

    templates = Environment(loader=FileSystemLoader(ASSETS), autoescape=True)
    return templates.get_template("page.html").render(
        reasons=_REASON_OF_KEY,
        choices={"kind": ["all", *show.KINDS], "state": ["all", *STATES, DIFFER], "order": ORDERS},
        order=order,
        style=show.STYLE,
    )


def respond(review: Review, asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Do what was pressed; returns the row to show, and all that changes; None = nothing did."""
    where = {"dataset": review.dataset.name, "reviewer": f"reviewed by {review.reviewer}"}
    row_id, refused = asked["row"] if asked["row"] in review.all_rows else "", False
    with review.lock:
        review.refresh()
        if asked["action"] != "start" and {**asked, **where} != asked:
            # A page that an earlier server left open, with other rows or for somebody else.
            row_id, said, refused = _first(review, asked), "Another review is open here now.", True
        elif asked["action"] == "look" and asked["read"] == review.read_to:
            return None
        else:
            try:
                row_id, said = act(review, row_id, asked)
            except SetupError as error:
                said, refused = f"{error}", True
        found = _found(review, asked)
        place = f"row {found.index(row_id) + 1:,}" if row_id in found else "no row"
        done = len(review.rows) - len(review.find(state="undecided"))
        return {
            **where,
            "row": row_id,
            "version": review.versions[row_id],
            "read": review.read_to,
            "message": said,
            "refused": refused,
            "done": done,
            "rows": len(review.rows),
            "decided": f"{done:,} of {len(review.rows):,} decided",
            "place": f"{place} of {len(found):,} found",
            "figures": "\n".join(filter(None, [estimate(review), *dict(agreements(review))])),
            "card": card_html(review, row_id),
        }


def act(review: Review, row_id: str, asked: Mapping[str, Any]) -> tuple[str, str]:
    """Do what was pressed on the row on the page; returns the row to show ("" = none is found), and
    a message."""
    action, said = asked["action"], ""
    if action == "start":
        return row_id or _first(review, asked), ""
    if action == "write":
        folder = portable(review.write())
        return row_id, f"{folder} has the rows after review: {review.summary()}."
    if action == "undo":
        row_id = review.undo()
        return row_id, f"Undone: the last decision on {row_id}."
    if row_id and action in ("accept", "reject", "pick"):
        review.decide(row_id, action, reason=asked["reason"], version=asked["version"])
        said = f"{row_id} is {review.states[row_id]}. All decisions: {review.summary() or '–'}."
    found = _found(review, asked)
    if action == "go":  # to a row, by its id or by its number among those found
        name = asked["go"]
        if name in review.all_rows:
            return name, ""
        if name.isdecimal() and 0 < int(name) <= len(found):
            return found[int(name) - 1], ""
        raise SetupError(f"No row '{name}': give a number from 1 to {len(found)}, or a row's id.")
    if action == "look" or (action == "show" and row_id in found):
        return row_id, said
    return review.step(row_id, found, -1 if action == "previous" else 1, asked["order"]), said


def _first(review: Review, asked: Mapping[str, Any]) -> str:
    """The row to start with: the first undecided one."""
    undecided = review.find(state="undecided", order=asked["order"])
    return next(iter([*undecided, *_found(review, asked)]), "")


def _found(review: Review, asked: Mapping[str, Any]) -> list[str]:
    return review.find(**{name: asked[name] for name in ("kind", "state", "search", "order")})


def card_html(review: Review, row_id: str) -> Markup:
    """The row as the notebook shows it; then its answer and its oracle, if it hides them. All that
    comes from a dataset or a reviewer is escaped here and in lib/gen/show.py."""
    if not row_id:
        return Markup('<div class="raft">No row is found: change the filters or the search.</div>')
    row = review.all_rows[row_id]
    own, state = review.own(row_id), review.states[row_id]
    why = f": {own.reason}" if own and own.reason else ""
    parts = [Markup('<p class="state {0}">{0}{1}</p>').format(state, why)]
    if others := review.others(row_id):
        said = "; ".join(map(str, others))
        parts.append(Markup('<p class="aside">Others: {}</p>').format(said))
    if doubts := review.suspicions(row):
        said = "; ".join(text for _, text in doubts)
        parts.append(Markup('<p class="aside">Look closely: {}</p>').format(said))
    parts.append(show.example_html(row))
    if row.kind == "refuse":
        answer = show.label_html(row.question.cot_answer)
        parts.append(_BLOCK.format("The answer that it refuses", "label", answer))
    if row.oracle_position is None:
        alone = replace(row, context=row.oracles, oracle_position=0)
        oracles = range(len(row.oracles))
        oracle = Markup().join(show.document_html(alone, place) for place in oracles)
        parts.append(_BLOCK.format("Its oracle, which the student does not see", "", oracle))
    return Markup().join(parts)
