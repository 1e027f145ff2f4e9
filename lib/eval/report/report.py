"""The executed notebook as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

import html
import re
from itertools import count
from pathlib import Path
from typing import Any

from lib.eval.report.markup import STYLE
from lib.eval.report.plots import INK, PAPER
from lib.settings import SetupError, portable
from lib.store import write_text

HIDDEN_TAG = "not-in-report"  # a cell tagged so stays out of the report


def write_report(notebook_path: Path, report_path: Path) -> Path:
    """The executed notebook as a page for readers: no code, no prompts, nothing from a network.

    Cells tagged `not-in-report` and what was written to standard error stay out. What is folded on
    the screen is printed open.

    Raises:
        SetupError: there is no such notebook, or it cannot be read.
    """
    import nbformat
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    if not notebook_path.is_file():
        raise SetupError(f"{portable(notebook_path)} is not there. Run 4_eval.ipynb first.")
    try:
        notebook = nbformat.read(notebook_path, as_version=4)
    except ValueError as error:  # no JSON, or no notebook
        raise SetupError(
            f"{portable(notebook_path)} is not a notebook ({str(error)[:200]}). Run 4_eval.ipynb "
            "again."
        ) from error
    notebook.cells = [
        cell for cell in notebook.cells if HIDDEN_TAG not in cell.metadata.get("tags", [])
    ]
    figures = count(1)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            kept = [output for output in cell.outputs if output.get("name") != "stderr"]
            cell.outputs = [_for_readers(output, figures) for output in kept]
    exporter = HTMLExporter(
        template_name="basic",  # the others link scripts from the network
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        embed_images=True,
        config=Config(),
    )
    body, _ = exporter.from_notebook_node(notebook)
    page = _PAGE.format(title=_title(notebook), style=_STYLE, shared=STYLE, body=_local(body))
    write_text(report_path, page)
    return report_path


def _for_readers(output: Any, figures: count[int]) -> Any:
    """An SVG of ours becomes part of the page, with its words; a style of ours stands there once.

    The picture's ink follows the page's, and its paper vanishes.
    """
    data = output.get("data", {})
    if svg := data.get("image/svg+xml"):
        words = html.escape("".join(data.get("text/plain", "A figure")), quote=True)
        place = next(figures)
        svg = _own_ids("".join(svg), f"figure{place}-")
        svg = svg[max(0, svg.find("<svg")) :].replace(PAPER, "none").replace(INK, "currentColor")
        output["data"] = {
            "text/html": f'<div class="figure" role="region" tabindex="0" aria-label="Figure '
            f'{place}"><figure role="img" aria-label="{words}">{svg}</figure></div>'
        }
    elif shown := data.get("text/html"):
        data["text/html"] = "".join(shown).replace(STYLE, "")
    return output


_ID = re.compile(r"""(\bid="|\bhref="#|\baria-labelledby="|\baria-describedby="|url\(#)""")


def _own_ids(svg: str, prefix: str) -> str:
    """Two pictures on one page must not share names: the second would be clipped by the first."""
    return _ID.sub(rf"\g<1>{prefix}", svg)


def _title(notebook: Any) -> str:
    found = re.search(
        r"^# (.+)$",
        "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown"),
        re.MULTILINE,
    )
    return html.escape(found.group(1).strip() if found else "Evaluation")


_LINK = re.compile(r'<a\s[^>]*?href="(?!https?://|#)[^"]*"[^>]*>(.*?)</a>', re.DOTALL)
_SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)


def _local(body: str) -> str:
    """Links to files that do not travel with the report become their text; scripts go."""
    return _SCRIPT.sub("", _LINK.sub(r"\1", body))


# The policy forbids the page to load anything, whatever an answer or a document may hold.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
{shared}
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2228; --soft: #5a636d; --line: #d9dee4;
  --tint: #f4f6f8; --link: #1a66b0; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15181c; --ink: #e6e9ec; --soft: #a3acb5; --line: #343b43; --tint: #1d2227;
    --link: #7ab8f0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 2.5rem 1.25rem 5rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.35rem; margin: 2.6rem 0 .6rem; padding-top: .9rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 1.8rem 0 .4rem; }
p, li { max-width: 46rem; }
a { color: var(--link); }
.output_area { overflow-x: auto; margin: .8rem 0; }
pre { background: var(--tint); border: 1px solid var(--line); border-radius: 8px; margin: 0;
  padding: .7rem .9rem; white-space: pre-wrap;
  font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; }
code { font: .92em ui-monospace, Menlo, Consolas, monospace; }
figure { margin: 0; }
.figure { overflow-x: auto; }
figure svg { width: 100%; max-width: 56rem; min-width: 38rem; height: auto; }
img { max-width: 100%; height: auto; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35em .7em; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
.text_cell_render :is(th, td) { text-align: left; vertical-align: top; }
caption { text-align: left; color: var(--soft); }
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #333; --line: #bbb; --tint: #f4f6f8; }
  main { max-width: none; padding: 0; }
  .figure { overflow: visible; }
  figure svg { min-width: 0; }
  h2, h3 { break-after: avoid; }
  .ob-pair, figure, tr { break-inside: avoid; } }
"""
