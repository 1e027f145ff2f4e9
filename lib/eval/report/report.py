"""The executed notebook as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lib.eval.report.drawing import INK, PAPER
from lib.eval.report.page import STYLE, render
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
    page = render("report.html.j2", title=_title(notebook), body=Markup(_local(body)))
    write_text(report_path, page)
    return report_path


def _for_readers(output: Any, figures: count[int]) -> Any:
    """An SVG becomes part of the page, with its alt text; the style is kept once, in the head.

    The picture's ink follows the page's, and its paper vanishes.
    """
    data = output.get("data", {})
    if svg := data.get("image/svg+xml"):
        place, svg = next(figures), "".join(svg)
        svg = _ID.sub(rf"\g<1>figure{place}-", svg[max(0, svg.find("<svg")) :])
        svg = svg.replace(PAPER, "none").replace(INK, "currentColor")
        alt = "".join(data.get("text/plain", "A figure"))
        figure = render("figure.html.j2", svg=Markup(svg), alt=alt, place=place)
        output["data"] = {"text/html": str(figure)}
    elif shown := data.get("text/html"):
        data["text/html"] = "".join(shown).replace(STYLE, "")
    return output


# Two pictures of one page must not share ids: the second would be clipped by the first.
_ID = re.compile(r"""(\bid="|\bhref="#|\baria-labelledby="|\baria-describedby="|url\(#)""")


def _title(notebook: Any) -> str:
    found = re.search(
        r"^# (.+)$",
        "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown"),
        re.MULTILINE,
    )
    return found.group(1).strip() if found else "Evaluation"


_LINK = re.compile(r'<a\s[^>]*?href="(?!https?://|#)[^"]*"[^>]*>(.*?)</a>', re.DOTALL)
_SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)


def _local(body: str) -> str:
    """Links to files that do not travel with the report become their text; scripts go."""
    return _SCRIPT.sub("", _LINK.sub(r"\1", body))
