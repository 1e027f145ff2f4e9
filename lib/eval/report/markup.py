"""What the HTML of the evaluation is made of: one style for all of it, and tables."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.display import HTML

# Tints over whatever background there is, and the text's own colour: light and dark both work.
STYLE = """<style>
.ob-scroll { overflow-x: auto; max-width: 100%; margin: .6em 0; }
.ob-scroll:focus-visible, .ob-fold summary:focus-visible { outline: 2px solid #2b7fc4;
  outline-offset: 2px; }
.ob-note { opacity: .85; font-size: .9em; max-width: 46em; }
.ob-table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .875em;
  color: inherit; margin: 0; }
.ob-table caption { text-align: left; font-weight: 600; padding: .3em 0; color: inherit;
  caption-side: top; }
.ob-table th, .ob-table td { padding: .35em .6em; text-align: right; vertical-align: top;
  white-space: nowrap; background: none; border: 0;
  border-bottom: 1px solid rgba(128,128,128,.35); }
.ob-table thead th { vertical-align: bottom; font-weight: 600; white-space: normal; }
.ob-table thead th:first-child, .ob-table tbody th { text-align: left; }
.ob-table tbody th { font-weight: 500; white-space: normal; min-width: 8em;
  overflow-wrap: anywhere; }
.ob-table .ob-group th { background: rgba(128,128,128,.13); font-weight: 600; }
.ob-table .ob-main th { background: rgba(43,127,196,.2); }
.ob-table small { display: block; font-weight: 400; font-size: .88em; opacity: .85; }
.ob-table td.ob-text { text-align: left; white-space: normal; }
.ob-fold { margin: .6em 0; }
.ob-fold summary { cursor: pointer; font-weight: 600; }
.ob-verdict { border: 1px solid rgba(128,128,128,.45); border-left: 6px solid #808890;
  border-radius: 8px; padding: .9em 1.2em; margin: .8em 0; max-width: 56em; }
.ob-verdict.ob-better { border-left-color: #0f8a62; background: rgba(15,138,98,.1); }
.ob-verdict.ob-worse { border-left-color: #c44e00; background: rgba(213,94,0,.1); }
.ob-verdict.ob-cannot { background: rgba(128,128,128,.1); }
.ob-verdict p { margin: .5em 0 0; max-width: none; }
.ob-verdict .ob-claim { font-size: 1.6em; font-weight: 700; line-height: 1.25; margin: 0; }
.ob-figures { display: flex; flex-wrap: wrap; gap: .4em 2em; margin: .2em 0 .6em; }
.ob-figures div { display: flex; flex-direction: column-reverse; }
.ob-figures dt { font-size: .875em; font-weight: 400; opacity: .85; }
.ob-figures dd { margin: 0; font-size: 1.35em; font-weight: 600; line-height: 1.3;
  font-variant-numeric: tabular-nums; }
.ob-pair { border: 1px solid rgba(128,128,128,.45); border-radius: 8px; padding: .8em 1em;
  margin: .8em 0; }
.ob-pair h3, .ob-pair h4 { margin: 0 0 .4em; font-size: 1em; }
.ob-pair p { margin: .3em 0; max-width: none; }
.ob-two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 16em), 1fr));
  gap: 1em; margin: .6em 0; }
.ob-reply { white-space: pre-wrap; overflow-wrap: anywhere; padding: .2em .8em;
  border-left: 3px solid rgba(128,128,128,.6); }
.ob-first .ob-reply { border-left-color: #2b7fc4; }
.ob-reply mark { background: rgba(255,196,0,.35); color: inherit; border-radius: 3px; }
.ob-reply mark.ob-gold { background: none; text-decoration: underline 2px #0f8a62;
  text-underline-offset: 3px; }
.ob-reply mark.ob-both { text-decoration: underline 2px #0f8a62; text-underline-offset: 3px; }
.ob-reply i { opacity: .75; font-style: normal; font-size: .85em; }
.ob-documents { padding-left: 1.6em; }
.ob-documents li { margin: .5em 0; max-width: none; }
@media print { .ob-scroll { overflow: visible; } .ob-table { font-size: .72em; }
  .ob-pair, .ob-verdict, .ob-table tr { break-inside: avoid; }
  .ob-fold::details-content { content-visibility: visible; block-size: auto; } }
</style>"""


def page(*parts: str) -> HTML:
    """The parts as one output, with their style."""
    from IPython.display import HTML

    return HTML("\n".join([STYLE, *parts]))


def escaped(text: object) -> str:
    return html.escape(str(text))


def note(text: str) -> str:
    """A sentence on what stands beside it; HTML."""
    return f'<p class="ob-note">{text}</p>'


def fold(summary: str, *parts: str) -> str:
    """What opens by a click or a key; printed open."""
    body = "\n".join(parts)
    return f'<details class="ob-fold"><summary>{summary}</summary>{body}</details>'


def table(caption: str, head: Sequence[str], groups: Iterable[str]) -> str:
    """A table that scrolls within its own width, by key, too.

    Args:
        caption: plain text.
        head: HTML of each column's name.
        groups: `<tbody>` elements, as `group` makes them.
    """
    names = "".join(f'<th scope="col">{name}</th>' for name in head)
    return (
        f'<div class="ob-scroll" role="region" tabindex="0" aria-label="{escaped(caption)}">'
        f'<table class="ob-table"><caption>{escaped(caption)}</caption>'
        f"<thead><tr>{names}</tr></thead>{''.join(groups)}</table></div>"
    )


def group(rows: Iterable[str], *, title: str = "", columns: int = 1, main: bool = False) -> str:
    """Rows under a title (HTML) that spans the columns; main = the one that the verdict is of."""
    head = ""
    if title:
        kind = "ob-group ob-main" if main else "ob-group"
        head = f'<tr class="{kind}"><th scope="rowgroup" colspan="{columns}">{title}</th></tr>'
    return f"<tbody>{head}{''.join(rows)}</tbody>"


def row(name: str, cells: Iterable[str]) -> str:
    """HTML of the row's name and its cells."""
    return f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def small(text: str) -> str:
    return f"<small>{text}</small>" if text else ""
