"""Results, pictures and the report: escaped, complete, and alone in the world."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from lib.eval import (
    compare,
    headline,
    headline_of,
    plot_differences,
    plot_exact_match,
    plot_refusals,
    score_answers,
    show_best_and_worst,
    show_details,
    show_questions,
    show_table,
    show_verdict,
    write_report,
    write_results,
)
from lib.eval.__main__ import main
from lib.eval.conditions import Case
from lib.prompts import REFUSAL, cot_label
from lib.settings import SetupError
from lib.store import read_json, read_jsonl
from tests.eval.toy import answer, make_chunks, question_of, right

ATTACK = "<script src='https://evil.example/x.js'></script><img src=https://evil.example/y.png>"


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """Twelve questions under three conditions: gains, losses, refusals, unscored, an attack."""
    questions = [question_of(chunk) for chunk in make_chunks(12)]
    by_id = {question.id: question for question in questions}
    cases = [
        Case(q.id, q.text, name, (q.oracle,) if name != "closed_book" else (), rank)
        for name, rank in (("closed_book", None), ("oracle", 0), ("top_3", 0))
        for q in questions
    ]

    def student(i: int, case: Case) -> str:
        texts = {0: cot_label(ATTACK, f"quoted {ATTACK}", "wrong"), 1: "mute", 2: REFUSAL}
        return texts.get(i % 12) or right(case, by_id)

    def baseline(i: int, case: Case) -> str:
        return "<ANSWER>: nothing of the kind" if i % 12 > 3 else right(case, by_id)

    answers = [
        answer(case, model, reply(i, case))
        for model, reply in (("student", student), ("baseline", baseline))
        for i, case in enumerate(cases)
    ]
    scores = score_answers(answers, questions, cases)
    table = compare(scores, answers, cases, questions)
    return {
        "questions": questions,
        "cases": cases,
        "answers": answers,
        "scores": scores,
        "table": table,
    }


def in_order(results: dict[str, Any], *names: str) -> list[Any]:
    return [results[name] for name in names]


def test_results_say_everything_and_read_back(results: dict[str, Any], tmp_path: Path) -> None:
    parts = in_order(results, "table", "answers", "scores", "questions", "cases")
    path = write_results(tmp_path, *parts, made_of={"seed": 1})
    metrics = read_json(path)
    json.dumps(metrics, allow_nan=False)
    assert metrics["made_of"] == {"seed": 1}
    assert [row["condition"] for row in metrics["conditions"]] == ["closed_book", "oracle", "top_3"]
    assert metrics["conditions"][0]["hit_rate"] is None
    rows = read_jsonl(tmp_path / "answers.jsonl")
    assert len(rows) == len(results["answers"]) == 72
    mute = [row for row in rows if row["text"] == "mute"]
    assert mute
    assert all(row["exact_match"] is None and row["f1"] is None for row in mute)
    assert {tuple(row["context_ids"]) for row in rows if row["condition"] == "closed_book"} == {()}
    import pandas

    assert len(pandas.read_parquet(tmp_path / "answers.parquet")) == 72
    assert headline_of(tmp_path) == headline(results["table"])


def test_a_run_without_metrics_says_which_notebook(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"4_eval\.ipynb"):
        headline_of(tmp_path)
    with pytest.raises(SetupError, match=r"4_eval\.ipynb"):
        write_report(tmp_path / "4_eval.ipynb", tmp_path / "report.html")


def test_best_and_worst_are_escaped_ordered_and_the_same_twice(results: dict[str, Any]) -> None:
    parts = in_order(results, "answers", "scores", "questions", "table")
    shown = show_best_and_worst(*parts, condition="oracle").data
    assert shown == show_best_and_worst(*parts, condition="oracle").data
    assert "<script" not in shown
    assert "<img" not in shown
    assert "&lt;script" in shown
    assert "<mark> quoted &lt;script" in shown
    best, worst = shown.split("lost most")
    assert best.count('class="ob-pair"') == 3
    assert worst.count('class="ob-pair"') == 3
    assert "unscored" in worst
    assert "refused" in worst
    numbers = re.findall(r"<h4>.*?number(\d+).*?</h4>", best)
    assert numbers == ["10", "11", "4"]  # all gained as much: by question id, q10000 first


def test_tables_show_every_condition(results: dict[str, Any]) -> None:
    for shown in (show_table(results["table"]).data, show_details(results["table"]).data):
        for condition in ("closed_book", "oracle", "top_3"):
            assert shown.count(f'<th scope="row">{condition}<') == 1
        assert "nan" not in shown.lower()
        columns = [row.count("<td>") for row in shown.split("<tbody>")[1].split("</tr>")[:-1]]
        assert len(columns) == 3
        assert len(set(columns)) == 1
    assert show_details(results["table"]).data.count("<td>1 / 0 of 12</td>") == 3  # one refusal


def test_questions_show_their_evidence_escaped() -> None:
    question = question_of(make_chunks(1)[0])
    sly = f"Walls & {ATTACK} are red."
    oracle = replace(question.oracle, text=f"Before. {sly} After.")
    shown = show_questions([replace(question, oracle=oracle, evidence=(sly,))] * 5, n=2).data
    assert shown.count('class="ob-pair"') == 2
    assert "Before. <mark>Walls &amp; &lt;script" in shown
    assert "<script" not in shown


def test_pictures_are_drawn_described_and_repeatable(results: dict[str, Any]) -> None:
    for plot in (plot_exact_match, plot_differences, plot_refusals):
        picture = plot(results["table"])
        assert picture == plot(results["table"])
        assert 'role="img" aria-label="' in picture.svg[:200]
        assert picture.alt
        assert not re.findall(r'(?:href|src)="(?!#)', picture.svg)
    assert "refused 2 of 24 with the oracle" in plot_refusals(results["table"]).alt


class _References(HTMLParser):
    """Every tag, every thing a page would load, every image without words."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            loads = name in ("src", "srcset", "data", "poster", "background") or (
                name.endswith("href") and tag != "a"
            )
            if loads and not (value or "").startswith(("data:", "#")):
                self.loads.append(f"{tag} {name}={value}")


@pytest.fixture
def notebook_path(results: dict[str, Any], tmp_path: Path) -> Path:
    from nbformat import v4, write

    table = results["table"]
    parts = in_order(results, "answers", "scores", "questions", "table")

    def displayed(shown: Any) -> Any:
        bundle = getattr(shown, "_repr_mimebundle_", None)
        data = bundle() if bundle and bundle() else {"text/html": shown.data}
        return v4.new_output("display_data", data=data)

    cells = [
        v4.new_markdown_cell(
            "# Who reads better?\n[4](3_deploy.ipynb), [paper](https://a.example)"
        ),
        v4.new_code_cell(
            "secret_code()", outputs=[displayed(show_verdict(table))], execution_count=7
        ),
        v4.new_code_cell("t", outputs=[displayed(show_table(table))]),
        v4.new_code_cell("d", outputs=[displayed(show_details(table))]),
        v4.new_code_cell("p", outputs=[displayed(plot_exact_match(table))]),
        v4.new_code_cell("p", outputs=[displayed(plot_refusals(table))]),
        v4.new_code_cell("a", outputs=[displayed(show_best_and_worst(*parts, condition="oracle"))]),
        v4.new_code_cell("n", outputs=[v4.new_output("stream", name="stdout", text="72 answers")]),
        v4.new_code_cell("n", outputs=[v4.new_output("stream", name="stderr", text="a warning")]),
        v4.new_code_cell(
            "n",
            outputs=[v4.new_output("stream", name="stdout", text="progress lines")],
            metadata={"tags": ["not-in-report"]},
        ),
        v4.new_code_cell(
            "x", outputs=[v4.new_output("display_data", data={"text/html": f"<p>{ATTACK}</p>"})]
        ),
    ]
    path = tmp_path / "4_eval.ipynb"
    write(v4.new_notebook(cells=cells), path)
    return path


def test_the_report_needs_nothing_else(notebook_path: Path, tmp_path: Path) -> None:
    page = write_report(notebook_path, tmp_path / "report.html").read_text(encoding="utf-8")
    seen = _References()
    seen.feed(page)
    assert seen.loads == ["img src=https://evil.example/y.png"]  # the policy below forbids it
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    assert "script" not in seen.tags
    assert "link" not in seen.tags
    assert "@import" not in page
    assert "url(http" not in page
    assert "prefers-color-scheme: dark" in page


def test_the_report_is_for_readers(notebook_path: Path, tmp_path: Path) -> None:
    page = write_report(notebook_path, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<title>Who reads better?</title>" in page
    for absent in ("secret_code", "a warning", "progress lines", "In&nbsp;[", "Out[", "3_deploy"):
        assert absent not in page
    for present in (
        "72 answers",
        "https://a.example",
        "Where the student gained most",
        "aria-label",
    ):
        assert present in page
    assert "currentColor" in page  # the ink of the pictures follows the page's


def test_the_command_line(
    notebook_path: Path,
    results: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["report", str(notebook_path), str(tmp_path / "r.html")]) == 0
    assert (tmp_path / "r.html").is_file()
    assert main(["headline", str(tmp_path)]) == 1
    assert "metrics.json is not there" in capsys.readouterr().err
    write_results(tmp_path, *in_order(results, "table", "answers", "scores", "questions", "cases"))
    assert main(["headline", str(tmp_path)]) == 0
    assert "Student against baseline" in capsys.readouterr().out
