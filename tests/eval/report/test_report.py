"""The report: for readers, alone in the world, light and dark, on paper and without eyes."""

from __future__ import annotations

import re
from base64 import b64decode
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lib.drawing import Picture
from lib.eval.__main__ import main
from lib.eval.report.advice import what_next
from lib.eval.report.answers import show_best_and_worst, show_questions
from lib.eval.report.method import show_method
from lib.eval.report.page import STYLE
from lib.eval.report.report import write_report
from lib.eval.report.tables import show_metrics, show_table, show_verdict
from lib.eval.verdict import claim_of
from lib.settings import SetupError
from tests.eval.toy import Evaluated, Page, evaluated

ATTACK = "<script src='https://evil.example/x.js'></script><img src=https://evil.example/y.png>"
ALT = 'Exact match: student 50%, "baseline" <25%>.'
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path id="one" d="M0 0"/><use href="#one"/></svg>'


@pytest.fixture(scope="module")
def found() -> Evaluated:
    return evaluated(
        {
            "student": lambda i, case, right: right if i % 4 else f"{ATTACK} <ANSWER>: {ATTACK}",
            "baseline": lambda i, case, right: right if i % 4 == 0 else "mute",
        }
    )


@pytest.fixture
def notebook_path(found: Evaluated, tmp_path: Path) -> Path:
    from nbformat import v4, write

    def shown(output: Any, *tags: str) -> Any:
        bundle = getattr(output, "_repr_mimebundle_", lambda: None)()
        kind = "text/markdown" if type(output).__name__ == "Markdown" else "text/html"
        data = bundle or {kind: getattr(output, "data", output)}
        display = v4.new_output("display_data", data=data)
        return v4.new_code_cell(
            "secret_code()", outputs=[display], execution_count=7, metadata={"tags": [*tags]}
        )

    def printed(text: str, *tags: str, name: str = "stdout") -> Any:
        stream = v4.new_output("stream", name=name, text=text)
        return v4.new_code_cell("n", outputs=[stream], metadata={"tags": [*tags]})

    results, parts = found.results, (found.answers, found.scores, found.questions, found.cases)
    title = "# Who reads better?\n[3](3_deploy.ipynb), [paper](https://a.example)"
    cells = [
        v4.new_markdown_cell(title),
        shown(show_verdict(results)),
        v4.new_markdown_cell("## Figures"),
        shown(show_table(results)),
        shown(Picture(SVG, ALT)),
        shown(Picture(SVG, ALT)),
        shown(show_metrics(results)),
        shown(what_next(results, found.losses)),
        v4.new_markdown_cell("## Answers"),
        shown(show_best_and_worst(*parts, results)),
        v4.new_markdown_cell("## Questions"),
        shown(show_questions(found.questions)),
        v4.new_markdown_cell("## Method"),
        shown(show_method(results, found.questions, [])),
        printed("72 answers"),
        printed("a warning", name="stderr"),
        printed("progress lines", "not-in-report"),
        shown(f"<p>{ATTACK}</p>"),
    ]
    path = tmp_path / "4_eval.ipynb"
    write(v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture
def page(notebook_path: Path, tmp_path: Path) -> str:
    return write_report(notebook_path, tmp_path / "report.html").read_text(encoding="utf-8")


def test_it_needs_nothing_else(page: str) -> None:
    read = Page(page)
    assert read.loads == ["img src=https://evil.example/y.png"]  # the policy below forbids it
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
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
    assert page.count(".ob-table caption") == 1


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
    assert [b64decode(svg).decode() for svg in svgs] == [SVG] * 2
    alts = [unescape(alt) for _, alt in re.findall(r"""<img [^>]*?alt=(["'])(.*?)\1""", page)]
    assert alts[:2] == [ALT] * 2
    assert "<svg" not in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_it_has_a_dark_side_and_is_printed_open(page: str) -> None:
    assert "prefers-color-scheme: dark" in page
    assert "::details-content { content-visibility: visible" in page.split("@media print")[-1]
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
