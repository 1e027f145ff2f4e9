"""The executed notebook as one HTML file that needs nothing else: no network, no script."""

import re
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lib.dataset import read_dataset
from lib.eval.models import PLAIN
from lib.eval.report.answers import ANSWERS_PAGE, write_all_answers
from lib.eval.report.page import render
from lib.eval.runs.files import METRICS_FILE, read_metrics
from lib.eval.wording import called, counted
from lib.settings import SetupError, home, portable, write_text
from lib.text import one_line

_TITLES = 3  # of documents, named
HIDDEN_TAG = "not-in-report"  # a cell tagged so stays out of the report
_LOCAL_LINK = re.compile(r'<a\s[^>]*?href="(?!https?://|#)[^"]*"[^>]*>(.*?)</a>', re.DOTALL)
_SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)  # an older notebook has another one
_TITLE = re.compile(r"<h1[^>]*>(.+?)</h1>", re.DOTALL)
_HEADING = re.compile(r"<h2>(.+?)</h2>", re.DOTALL)
_VERDICT = re.compile(r'<section[^>]*class="ob-verdict.*?</section>', re.DOTALL)


def write_report(notebook_path: Path, report_path: Path) -> Path:
    """The executed notebook as a page for readers: no code, no prompts, nothing from a network.

    Links to files become their text. The verdict comes first, then the contents. In the folder of a
    run the page says what it was made of, and links to a page with all answers, written here, too.
    """
    body = _body_of(notebook_path)
    title, verdict = _TITLE.search(body), _VERDICT.search(body)
    head: dict[str, Any] = {"title": "Evaluation", "facts": {}, "verdict": "", "num_answers": 0}
    if title:
        head["title"] = Markup(title.group(1)).striptags()
        body = body.replace(title.group(), "", 1)
    if verdict:
        head["verdict"] = Markup(verdict.group())
        body = body.replace(verdict.group(), "", 1)
    run_dir = report_path.parent
    if (run_dir / METRICS_FILE).is_file():
        metrics = read_metrics(run_dir)
        if verdict and one_line(metrics["verdict"]) not in one_line(unescape(verdict.group())):
            raise SetupError(
                f"{portable(run_dir / METRICS_FILE)} is of another evaluation than "
                f"{portable(notebook_path)}. Run 4_eval.ipynb to its end and save it, or write the "
                "report into the folder of its run."
            )
        models = filter(None, (*metrics["models"][:1], metrics["primary"]["against"]))
        compared = " against ".join(map(called, models)) or "no model"
        head |= {"title": f"{run_dir.resolve().name}: {compared}", "facts": facts_of(metrics)}
        head["num_answers"] = write_all_answers(
            run_dir, report_path.name, title=head["title"], facts=head["facts"]
        )
    headings: dict[str, str] = {}

    def numbered(heading: re.Match[str]) -> str:
        headings[name := f"part-{len(headings) + 1}"] = Markup(heading.group(1)).striptags()
        return f'<h2 id="{name}">{heading.group(1)}</h2>'

    body = _HEADING.sub(numbered, body)
    page = render(
        "report.html.j2", **head, headings=headings, answers_page=ANSWERS_PAGE, body=Markup(body)
    )
    write_text(report_path, page)
    return report_path


def _body_of(notebook_path: Path) -> str:
    import nbformat
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    try:
        notebook = nbformat.read(notebook_path, as_version=4)
    except (OSError, ValueError) as error:  # not there, no JSON, or no notebook
        raise SetupError(
            f"{portable(notebook_path)} is not a notebook ({str(error)[:200]}). Run 4_eval.ipynb."
        ) from error
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
        config=Config(TagRemovePreprocessor={"enabled": True, "remove_cell_tags": {HIDDEN_TAG}}),
    )
    body, _ = exporter.from_notebook_node(notebook)
    return _SCRIPT.sub("", _LOCAL_LINK.sub(r"\1", body))


def _for_readers(output: Any) -> Any:
    """A picture gets its alt text; the style is kept once, in the head."""
    data = output.get("data", {})
    for kind in ("image/svg+xml", "image/png"):
        if picture := data.get(kind):
            alt = re.sub(r"<Figure.*", "", data.get("text/plain", "")) or "A figure"
            encoded = picture if kind == "image/png" else b64encode(picture.encode()).decode()
            figure = render("figure.html.j2", kind=kind, base64=encoded.strip(), alt=alt)
            output["data"] = {"text/html": figure}
            return output
    if shown := data.get("text/html"):
        data["text/html"] = _STYLE.sub("", shown)
    return output


def facts_of(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Corpus (where its dataset is still there), models, dataset, date and version."""
    made_of = metrics["made_of"]
    facts = {}
    with suppress(SetupError):
        dataset = read_dataset(home() / "artefacts" / "datasets" / made_of["dataset"])
        documents = dataset.records("documents")
        titles = list(dict.fromkeys(document["title"] for document in documents))
        named = "; ".join(titles[:_TITLES] + ["…"] * (len(titles) > _TITLES))
        facts["corpus"] = f"{counted(len(documents), 'document')} ({named})"
    for model in made_of["models"]:
        if not model["name"].endswith(PLAIN):
            facts[model["name"]] = _short(model["deployment"])
    facts["dataset"] = made_of["dataset"]
    facts["date"] = metrics["date"][:10]
    return facts | {"Openbook": made_of["version"]}


def _short(deployment: str) -> str:
    """`artefacts/students/tiny-363181c449e1/merged` → "tiny-363181c449e1"; others stay."""
    folder, _, last = deployment.rpartition("/")
    name = folder if last == "merged" else deployment
    return name.rpartition("/")[2] if deployment.startswith("artefacts/") else name
