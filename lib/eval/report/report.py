"""The executed notebook as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lib.eval.report.page import STYLE, render
from lib.settings import SetupError, portable, write_text

HIDDEN_TAG = "not-in-report"  # a cell tagged so stays out of the report
_LOCAL_LINK = re.compile(r'<a\s[^>]*?href="(?!https?://|#)[^"]*"[^>]*>(.*?)</a>', re.DOTALL)
_SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)


def write_report(notebook_path: Path, report_path: Path) -> Path:
    """The executed notebook as a page for readers: no code, no prompts, nothing from a network.

    Cells tagged `not-in-report` and what was written to standard error stay out, links to files
    become their text. What is folded on the screen is printed open.

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
    for cell in notebook.cells:
        if cell.cell_type == "code":
            kept = [output for output in cell.outputs if output.get("name") != "stderr"]
            cell.outputs = [_for_readers(output) for output in kept]
    exporter = HTMLExporter(
        template_name="basic",  # the others link scripts from the network
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        embed_images=True,
        config=Config(TagRemovePreprocessor={"enabled": True, "remove_cell_tags": {HIDDEN_TAG}}),
    )
    body, _ = exporter.from_notebook_node(notebook)
    body = _SCRIPT.sub("", _LOCAL_LINK.sub(r"\1", body))
    title = re.search(r"<h1[^>]*>(.+?)</h1>", body, re.DOTALL)
    shown = Markup(title.group(1) if title else "Evaluation").striptags()
    write_text(report_path, render("report.html.j2", title=shown, body=Markup(body)))
    return report_path


def _for_readers(output: Any) -> Any:
    """A picture gets its alt text; the style is kept once, in the head."""
    data = output.get("data", {})
    if svg := data.get("image/svg+xml"):
        encoded = b64encode(svg.encode()).decode()
        output["data"] = {
            "text/html": render("figure.html.j2", base64=encoded, alt=data["text/plain"])
        }
    elif shown := data.get("text/html"):
        data["text/html"] = shown.replace(STYLE, "")
    return output
