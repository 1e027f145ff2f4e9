"""The report: for readers, alone in the world, light and dark, on paper and without eyes."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest

from lib.drawing import Picture
from lib.eval.__main__ import main
from lib.eval.report.page import STYLE
from lib.eval.report.report import write_report
from lib.eval.verdict import claim_of
from lib.settings import SetupError
from lib.store import write_jsonl
from tests.eval.report.made import printed, shown, write_notebook, write_report_of, write_run_of
from tests.eval.toy import Evaluated, Page, evaluated, make_chunks, write_dataset
from tests.plain_html import glued

ATTACK = "<script src='https://evil.example/x.js'></script><img src=https://evil.example/y.png>"
ALT = 'Exact match: student 50%, "baseline" <25%>.'
OLD_STYLE = "<style>.of-an-older-version { display: none; }</style>"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path id="one" d="M0 0"/><use href="#one"/></svg>'


@pytest.fixture(scope="module")
def found() -> Evaluated:
    return evaluated(
        {
            "student": lambda i, case, right: right if i % 4 else f"{ATTACK} <ANSWER>: {ATTACK}",
            "baseline": lambda i, case, right: right if i % 4 == 0 else "mute",
        }
    )


@pytest.fixture(scope="module")
def notebook_path(found: Evaluated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    more = [
        shown(Picture(SVG, ALT)),
        shown(Picture(SVG, ALT)),
        printed("72 answers"),
        printed("a warning", name="stderr"),
        printed("progress lines", "not-in-report"),
        shown(f"<p>{ATTACK}</p>"),
        shown(f"{OLD_STYLE}<p>old</p>"),
    ]
    title = "# Who reads better?\n[3](3_deploy.ipynb), [paper](https://a.example)"
    path = tmp_path_factory.mktemp("run") / "4_eval.ipynb"
    return write_notebook(path, found, title=title, more=more)


@pytest.fixture(scope="module")
def page(notebook_path: Path) -> str:
    report_path = write_report(notebook_path, notebook_path.with_name("report.html"))
    return report_path.read_text(encoding="utf-8")


def test_it_needs_nothing_else(page: str) -> None:
    read = Page(page)
    assert read.loads == ["img src=https://evil.example/y.png"]  # the policy below forbids it
    policy = re.search(r'Content-Security-Policy"\s+content="([^"]*)"', page)
    assert policy
    assert policy.group(1).split("; ") == [
        "default-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
    ]
    assert page.index("Content-Security-Policy") < page.index("<style")
    assert not {"script", "link", "iframe", "object", "form", "base"} & set(read.tags)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert "javascript:" not in page


def test_it_is_for_readers(page: str, found: Evaluated) -> None:
    assert "<title>Who reads better?</title>" in page
    for absent in ("secret_code", "a warning", "progress lines", "In&nbsp;[", "Out[", "3_deploy"):
        assert absent not in page
    for present in ("72 answers", "https://a.example", claim_of(found.results), "gained most"):
        assert present in page
    assert page.count(STYLE) == 1
    assert "of-an-older-version" not in page
    assert page.count(".ob-table caption") == 1


def test_no_cell_needs_a_style(notebook_path: Path) -> None:
    text = notebook_path.read_text(encoding="utf-8").replace(OLD_STYLE, "")
    bundles = [
        output["data"]
        for cell in json.loads(text)["cells"]
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    pages = ["".join(data["text/html"]) for data in bundles if "text/html" in data]
    assert len(pages) >= 7
    assert [places for page in pages if (places := glued(page))] == []
    assert "".join(pages).count("<style>") == 1
    drawn = [data for data in bundles if "".join(data.get("image/svg+xml", SVG)) != SVG]
    assert len(drawn) == 3
    assert all("image/png" in data for data in drawn)


def test_it_reads_without_eyes(page: str) -> None:
    assert '<html lang="en">' in page
    headings = Page(page).headings
    assert headings[:2] == [1, 2]
    assert headings.count(1) == 1
    steps = [after - before for before, after in pairwise(headings)]
    assert max(steps) == 1
    assert page.count("<table") == page.count("<caption>")
    for scrolls in re.findall(r'<div[^>]*class="ob-scroll"[^>]*>', page):
        assert 'tabindex="0"' in scrolls
        assert "aria-label=" in scrolls


def test_pictures_are_part_of_the_page_and_say_what_they_show(page: str) -> None:
    svgs = re.findall(r'<img [^>]*src="data:image/svg\+xml;base64,([^"]*)"', page)
    assert [b64decode(svg).decode() for svg in svgs][-2:] == [SVG] * 2
    alts = [unescape(alt) for _, alt in re.findall(r"""<img [^>]*?alt=(["'])(.*?)\1""", page)]
    assert len(svgs) == 5
    assert alts[3:5] == [ALT] * 2
    assert all(alts)
    assert "<svg" not in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_a_picture_without_words_is_a_figure(tmp_path: Path) -> None:
    """The loss curve is matplotlib's own figure, whose text is `<Figure size …>`."""
    from nbformat import v4, write

    data = {"image/png": "iVBORw0KGgo=\n", "text/plain": "<Figure size 700x320 with 1 Axes>"}
    output = v4.new_output("execute_result", data=data, execution_count=1)
    cell = v4.new_code_cell('finetune.plot_training(run_name="x")', outputs=[output])
    write(v4.new_notebook(cells=[cell]), tmp_path / "4_eval.ipynb")
    report_path = write_report(tmp_path / "4_eval.ipynb", tmp_path / "report.html")
    page = report_path.read_text(encoding="utf-8")
    assert 'alt="A figure" src="data:image/png;base64,iVBORw0KGgo="' in page


def test_every_section_is_in_the_contents(page: str) -> None:
    contents = re.findall(r'<li><a href="#([^"]+)">([^<]+)</a>', page)
    assert contents == re.findall(r'<h2 id="([^"]+)">([^<]+)</h2>', page)
    assert [heading for _, heading in contents][-2:] == ["The questions", "Method"]
    assert page.index('class="ob-verdict') < page.index("<nav") < page.index("<h2")


def test_in_the_folder_of_a_run_it_says_what_the_run_was_made_of(
    found: Evaluated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBOOK_HOME", str(tmp_path))
    dataset = "docs-0123456789ab"
    folder = write_dataset(tmp_path / "artefacts" / "datasets" / dataset, make_chunks(4))
    run_dir = tmp_path / "runs" / "mine & yours"
    facts = ("student-1", "baseline-1", dataset, "2026-11-20", "0.1.0")
    report_path = write_report_of(run_dir, found, dataset=dataset)

    def heads() -> list[str]:
        write_report(run_dir / "4_eval.ipynb", report_path)
        page = report_path.read_text(encoding="utf-8")
        title = re.search("<title>(.*?)</title>", page)
        head = re.search('<h1>(.*?)</h1>.*?<p class="facts">(.*?)</p>', page, re.DOTALL)
        assert title
        assert head
        return [title.group(1), re.sub("<[^>]+>", " ", " ".join(head.groups()))]

    for head in heads():
        assert head.startswith("mine &amp; yours: the student against the baseline")
        assert all(fact in head for fact in facts)
        assert "document" not in head  # the dataset has no list of them
    write_jsonl(folder / "documents.jsonl", [{"title": f"{ATTACK}{i}"} for i in range(4)])
    for head in heads():
        assert "4 documents (&lt;script" in head
        assert head.count("evil.example/y.png") == 3
        assert head.count("…") == 1


def test_figures_of_another_evaluation_are_not_mixed_in(
    found: Evaluated, notebook_path: Path, tmp_path: Path
) -> None:
    other = evaluated({"student": lambda i, case, right: right, "baseline": lambda *_: "mute"})
    write_run_of(tmp_path / "run", other)
    with pytest.raises(SetupError, match="is of another evaluation"):
        write_report(notebook_path, tmp_path / "run" / "report.html")


def test_it_has_a_dark_side(page: str) -> None:
    assert "prefers-color-scheme: dark" in page
    assert page.count("<details") >= 6


def test_the_command_line(
    notebook_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(notebook_path), str(tmp_path / "r.html")]) == 0
    assert (tmp_path / "r.html").is_file()
    assert main(["headline", str(tmp_path)]) == 2
    assert "metrics.json is not there" in capsys.readouterr().err


def test_what_is_no_notebook_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"Run 4_eval\.ipynb"):
        write_report(tmp_path / "4_eval.ipynb", tmp_path / "report.html")
    (tmp_path / "4_eval.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(SetupError, match="is not a notebook"):
        write_report(tmp_path / "4_eval.ipynb", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
