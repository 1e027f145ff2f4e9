"""Results on disk, and the executed notebook as one HTML file that needs nothing else."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.eval.conditions import Case
from lib.eval.plots import INK, PAPER
from lib.eval.questions import EvalQuestion
from lib.eval.tables import headline, verdict
from lib.records import Answer, Score
from lib.settings import SetupError, portable
from lib.store import read_json, write_json, write_jsonl, write_parquet, write_text

if TYPE_CHECKING:
    import pandas

METRICS_FILE = "metrics.json"
HIDDEN_TAG = "not-in-report"  # a cell tagged so stays out of the report


def write_results(
    run_dir: Path,
    table: pandas.DataFrame,
    answers: Sequence[Answer],
    scores: Sequence[Score],
    questions: Sequence[EvalQuestion],
    cases: Sequence[Case],
    *,
    made_of: Mapping[str, Any] | None = None,
) -> Path:
    """Write `metrics.json`, `answers.jsonl` and `answers.parquet` into run_dir; returns the first.

    metrics.json: verdict, made_of (what the caller says of models and parameters), conditions
    (the rows of `compare`; null = there is no value). answers: one reply a line, with its
    question, gold answer, the ids of its documents, and each metric (null = unscored).
    """
    rows = [{key: _plain(value) for key, value in row.items()} for row in table.to_dict("records")]
    answer_rows = _answer_rows(answers, scores, questions, cases)
    write_jsonl(run_dir / "answers.jsonl", answer_rows)
    write_parquet(run_dir / "answers.parquet", answer_rows)
    path = run_dir / METRICS_FILE
    write_json(
        path, {"verdict": verdict(table), "made_of": dict(made_of or {}), "conditions": rows}
    )
    return path


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def _answer_rows(
    answers: Sequence[Answer],
    scores: Sequence[Score],
    questions: Sequence[EvalQuestion],
    cases: Sequence[Case],
) -> list[dict[str, Any]]:
    asked = {question.id: question for question in questions}
    shown = {(c.question_id, c.condition): [chunk.id for chunk in c.chunks] for c in cases}
    measured: dict[tuple[str, str, str], dict[str, float | None]] = {}
    for s in scores:
        measured.setdefault((s.model, s.condition, s.question_id), {})[s.metric] = s.value
    return [
        {
            **asdict(a),
            "quotes": list(a.quotes),
            "question": asked[a.question_id].text,
            "gold_answer": asked[a.question_id].answer,
            "oracle_id": asked[a.question_id].oracle.id,
            "context_ids": shown[a.question_id, a.condition],
            **measured[a.model, a.condition, a.question_id],
        }
        for a in answers
    ]


def headline_of(run_dir: Path) -> str:
    """The table and verdict of a finished run, from its metrics.json.

    Raises:
        SetupError: the run has none.
    """
    import pandas

    path = run_dir / METRICS_FILE
    if not path.is_file():
        raise SetupError(f"{portable(path)} is not there. Run 4_eval.ipynb: it writes the metrics.")
    return headline(pandas.DataFrame(read_json(path)["conditions"]))


# --- the report ----------------------------------------------------------------------------------


def write_report(notebook_path: Path, report_path: Path) -> Path:
    """The executed notebook as a page for readers: no code, no prompts, nothing from a network.

    Cells tagged `not-in-report` and what was written to standard error stay out.

    Raises:
        SetupError: there is no such notebook.
    """
    import nbformat
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    if not notebook_path.is_file():
        raise SetupError(f"{portable(notebook_path)} is not there. Run 4_eval.ipynb first.")
    notebook = nbformat.read(notebook_path, as_version=4)
    notebook.cells = [
        cell for cell in notebook.cells if HIDDEN_TAG not in cell.metadata.get("tags", [])
    ]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [_for_readers(o) for o in cell.outputs if o.get("name") != "stderr"]
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
    write_text(report_path, _PAGE.format(title=_title(notebook), style=_STYLE, body=_local(body)))
    return report_path


def _for_readers(output: Any) -> Any:
    """An SVG of ours becomes part of the page: its ink follows the page's, its paper vanishes."""
    data = output.get("data", {})
    if svg := data.get("image/svg+xml"):
        svg = "".join(svg).replace(PAPER, "none").replace(INK, "currentColor")
        output["data"] = {"text/html": f"<figure>{svg}</figure>"}
    return output


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
figure svg, img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35em .7em; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
.text_cell_render :is(th, td) { text-align: left; vertical-align: top; }
caption { text-align: left; color: var(--soft); }
@media print {
  main { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; }
  .ob-pair, figure, tr { break-inside: avoid; } }
"""
