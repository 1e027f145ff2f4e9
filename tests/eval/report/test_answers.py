"""Answers side by side: ordered, with their documents, everything in them escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from lib.engine.prices import Price, Prices
from lib.eval.models import EvalModel
from lib.eval.report.answers import marked, show_best_and_worst, show_questions
from lib.eval.report.method import answer_usage, cost_of, show_latency_and_cost
from lib.prompts.student import PLAIN_PROMPT, REFUSAL, STUDENT_PROMPT, cot_label
from tests.eval.toy import Evaluated, Page, evaluated, make_chunks, question_of

ATTACK = "<script src='https://evil.example/x.js'></script><img src=https://evil.example/y.png>"


def student(i: int, case: Any, right: str) -> str:
    texts = {0: cot_label(ATTACK, f"quoted {ATTACK}", "wrong"), 1: "mute", 2: REFUSAL}
    return texts.get(i) or right


def baseline(i: int, case: Any, right: str) -> str:
    if i == 11:
        return f"{right} and something else"  # half right: the student gains less
    return "<ANSWER>: nothing of the kind" if i > 3 else right


@pytest.fixture(scope="module")
def found() -> Evaluated:
    plain = ("baseline, plain prompt", lambda i, case, right: "in other words")
    others = (("teacher", lambda i, case, right: right), ("x<y", lambda i, case, right: ATTACK))
    return evaluated({"student": student, "baseline": baseline, **dict((plain, *others))})


def shown(found: Evaluated, **more: Any) -> str:
    parts = (found.answers, found.scores, found.questions, found.cases, found.results)
    return str(show_best_and_worst(*parts, **more).data)


def test_best_and_worst_are_ordered_and_the_same_twice(found: Evaluated) -> None:
    html = shown(found)
    assert html == shown(found)
    best, worst = html.split("student lost most")
    one = found.results.deciding
    assert one
    assert (one.won, one.lost) == (8, 3)  # the rule of the table
    assert "8 answers gained by Exact match, under top_3" in best
    assert "3 answers lost by Exact match, under top_3" in worst
    assert best.count("<article") == worst.count("<article") == 3
    numbers = re.findall(r"<h4>.*?number(\d+).*?</h4>", best)
    assert numbers == ["10", "4", "5"]  # these gained as much: by question id, q10000 first
    last = shown(found, num_each=8).split("student lost most")[0].split("<article")[-1]
    assert "number11 " in last
    assert "(no final answer)" in worst
    assert "(wrong refusal)" in worst
    assert best.count("(right)") == 3 * 2  # the student's and the teacher's
    assert len(re.findall("<article", shown(found, num_each=1))) == 2


def test_replies_and_names_are_escaped(found: Evaluated) -> None:
    html = shown(found)
    assert {"script", "img"} & set(Page(html).tags) == set()
    assert "<mark> quoted &lt;script" in html
    assert "x&lt;y" in html


def test_titles_of_documents_are_escaped(found: Evaluated) -> None:
    titled = [
        replace(case, chunks=tuple(replace(chunk, title=ATTACK) for chunk in case.chunks))
        for case in found.cases
    ]
    html = shown(replace(found, cases=titled))
    assert {"script", "img"} & set(Page(html).tags) == set()
    assert "<b>&lt;script" in html


def test_every_model_is_shown_in_the_results_order(found: Evaluated) -> None:
    article = shown(found).split("<article")[1].split("<details")[0]
    models = [unescape(name) for name in re.findall(r"<p><b>(.*?)</b> <span", article)]
    assert models == list(found.results.models)


def test_an_empty_reply_is_said_to_be_empty(found: Evaluated) -> None:
    silent = [replace(one, text="  ", final_answer=None) for one in found.answers]
    assert "(an empty reply)" in shown(replace(found, answers=silent))
    assert "(an empty reply)" not in shown(found)


def test_documents_come_oracle_first_with_their_quotes_marked(found: Evaluated) -> None:
    article = shown(found).split("<article")[1]
    documents = re.findall(r"<li>(.*?)</li>", article)
    assert len(documents) == 3
    assert "(document 3, the oracle)" in documents[0]
    assert [re.findall(r"document (\d)", one)[0] for one in documents] == ["3", "1", "2"]
    assert "<mark>The" in documents[0]  # the evidence, which the student quotes
    assert "<mark" not in "".join(documents[1:])


def test_an_oracle_that_was_not_retrieved_is_shown_as_such(found: Evaluated) -> None:
    cases = [replace(case, chunks=case.chunks[:2], oracle_rank=None) for case in found.cases]
    documents = re.findall(r"<li>(.*?)</li>", shown(replace(found, cases=cases)))
    assert "the oracle, which was not among the documents" in documents[0]
    assert "(document 1)" in documents[1]


def test_nothing_to_compare_is_said(found: Evaluated) -> None:
    alone = evaluated({"student": student}, count=4, conditions=("oracle",))
    assert "Only one model" in shown(alone)
    same = evaluated({"student": student, "baseline": student}, count=4, conditions=("oracle",))
    assert shown(same).count("0 answers") == 2


def test_questions_show_their_evidence_escaped() -> None:
    question = question_of(make_chunks(1)[0])
    sly = f"Walls & {ATTACK} are red."
    oracle = replace(question.oracle, text=f"Before. {sly} After.")
    html = show_questions([replace(question, oracle=oracle, evidence=(sly,))] * 5, n=2).data
    assert html.count("<article") == 2
    assert "Before. <mark>Walls &amp; &lt;script" in html
    assert "<script" not in html
    assert "There is no question" in show_questions([]).data


def test_marks_keep_every_character() -> None:
    text = "mark a <b> c mark\n  d"
    pieces = marked(text, ["a <b>", "mark", "", "not there", "mark a"])
    assert pieces == ["", "mark a", " <b> c ", "mark", " d"]  # the longest quote first
    assert "".join(pieces) == "mark a <b> c mark d"
    assert marked(text, []) == ["mark a <b> c mark d"]


# --- what an answer takes ------------------------------------------------------------------------

ASKED = [
    EvalModel("student", "student", STUDENT_PROMPT),
    EvalModel("baseline", "baseline", STUDENT_PROMPT),
    EvalModel("baseline, plain prompt", "baseline", PLAIN_PROMPT),
    EvalModel("teacher", "teacher", STUDENT_PROMPT),
    EvalModel("x<y", "nowhere", STUDENT_PROMPT),
]


@pytest.fixture
def endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    for prefix, url, model in (
        ("STUDENT_", "http://127.0.0.1:8001/v1", "artefacts/student"),
        ("BASELINE_", "http://127.0.0.1:9/v1", "priced"),
        ("COMPLETION_", "https://api.example.com/v1", "dear"),
    ):
        monkeypatch.setenv(f"{prefix}OPENAI_BASE_URL", url)
        monkeypatch.setenv(f"{prefix}OPENAI_DEPLOYMENT", model)
        monkeypatch.setenv(f"{prefix}OPENAI_API_KEY", "none")


@pytest.mark.usefixtures("endpoints")
def test_usage_is_that_of_the_answers(found: Evaluated) -> None:
    answers = [
        replace(a, latency_s=float(i), prompt_tokens=100, completion_tokens=10)
        for i, a in enumerate(a for a in found.answers if a.model == "baseline")
    ]
    one = answer_usage(answers).loc["baseline"]
    assert (one.n, one.p50_s) == (36, 17.5)
    assert 33 <= one.p95_s <= 34
    assert (one.prompt_tokens, one.completion_tokens) == (100, 10)
    prices = Prices("2026-06-01", "EUR", {"priced": Price(2.0, 1.0, 30.0)})
    cost = cost_of(ASKED[1], prompt_tokens=100, completion_tokens=10, prices=prices)
    assert cost == pytest.approx((100 * 2 + 10 * 30) / 1e6)


@pytest.mark.usefixtures("endpoints")
def test_what_is_served_here_is_free_and_no_price_is_guessed(found: Evaluated) -> None:
    prices = Prices("2026-06-01", "EUR", {})
    tokens = {"prompt_tokens": 10.0, "completion_tokens": 5.0}
    costs = {model.name: cost_of(model, **tokens, prices=prices) for model in ASKED}
    assert costs == {
        "student": 0.0,
        "baseline": 0.0,
        "baseline, plain prompt": 0.0,
        "teacher": None,
        "x<y": None,
    }
    page = Page(show_latency_and_cost(found.answers, ASKED).data)
    assert "img" not in page.tags
    rows = {row[0]: row for row in page.rows[1:6]}
    assert rows["student"][1:] == ["36", "0.50", "0.50", "10", "5", "free"]
    assert rows["x<y"][-1] == "–"
