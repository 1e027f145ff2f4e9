"""The page with all answers: every reply once, in the class that the figures count it in."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html import unescape
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lib.eval.metrics.losses import LOSSES
from lib.eval.report.answers import ANSWERS_PAGE, COMPARED, OUTCOME_NAMES, write_all_answers
from lib.eval.runs.files import read_answers
from lib.eval.summaries import summarise
from lib.prompts.student import REFUSAL
from tests.eval.report.made import write_run_of
from tests.eval.toy import Evaluated, Page, evaluated

CONDITIONS = ("closed_book", "distractors_only", "top_3_hybrid_rerank", "top_3")
MODELS = ("student", "baseline", "gpt <b>4</b>")
ATTACK = "</div></section><script>window.hit = 1</script><img src=x onerror='window.hit = 1'>"


def reply(model: str) -> Any:
    def said(i: int, case: Any, right: str) -> str:
        texts = (right, REFUSAL, ATTACK, f"<ANSWER>: {ATTACK}", "")
        return Random(f"{model} {i} {case.condition}").choice((right, *texts))

    return said


@pytest.fixture(scope="module")
def found() -> Evaluated:
    return evaluated({model: reply(model) for model in MODELS}, count=30, conditions=CONDITIONS)


def page_of(run_dir: Path, found: Evaluated) -> str:
    write_run_of(run_dir, found)
    assert write_all_answers(run_dir, "report.html", title="mine", facts={}) == len(found.answers)
    return (run_dir / ANSWERS_PAGE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def page(found: Evaluated, run_dir: Path) -> str:
    return page_of(run_dir, found)


def cards(page: str) -> list[tuple[str, str, str]]:
    """(condition, one of COMPARED, its HTML) of each question under each condition."""
    return [
        (condition, compared, card)
        for condition, section in re.findall(
            r'<section data-condition="(.*?)">(.*?)</section>', page, re.DOTALL
        )
        for compared, card in re.findall(
            r'<article class="ob-pair" data-compared="(.*?)">(.*?)</article>', section, re.DOTALL
        )
    ]


def test_every_answer_is_there_once_as_text(found: Evaluated, page: str, run_dir: Path) -> None:
    shown = Counter(
        (condition, unescape(re.sub("<[^>]+>", "", text)).strip())
        for condition, _, card in cards(page)
        for text in re.findall(r'<div class="ob-reply">(.*?)</div>', card, re.DOTALL)
    )
    for row in read_answers(run_dir):
        text = re.sub("##(begin|end)_quote##", "", row["text"]).strip() or "(an empty reply)"
        shown[row["condition"], text] -= 1
    assert set(shown.values()) == {0}
    tags = Page(page).tags
    assert "img" not in tags
    assert tags.count("script") == 1
    assert page.count("ob-reply") - page.count(".ob-reply") == len(found.answers)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_classes_have_the_counts_of_the_figures(
    found: Evaluated, page: str, condition: str
) -> None:
    counts = Counter(compared for name, compared, _ in cards(page) if name == condition)
    metric = "refused_rightly" if condition == "distractors_only" else "exact_match"
    one = found.results.comparison("baseline", condition, metric)
    assert one
    assert (counts["gained"], counts["lost"]) == (one.won, one.lost)
    assert counts.total() == one.n == 30
    for model in MODELS:
        became = Counter(
            outcome
            for name, _, card in cards(page)
            if name == condition
            for who, outcome in re.findall(r'data-model="(.*?)" data-outcome="(.*?)"', card)
            if unescape(who) == model
        )
        losses = found.losses[model, condition]
        assert became == {OUTCOME_NAMES.get(k, k): n for k, n in losses.items() if n}
    assert set(counts) <= set(COMPARED)
    assert {"gained", "lost"} <= set(counts) or condition == "closed_book"


def test_what_a_judge_left_open_is_not_compared(found: Evaluated, tmp_path: Path) -> None:
    open_one = found.questions[3].id
    scores = [
        *found.scores,
        *(
            type(s)(s.question_id, s.model, s.condition, "judge_correct", value)
            for s in found.scores
            if s.metric == "exact_match" and s.model in MODELS
            for value in [None if s.question_id == open_one else s.value]
        ),
    ]
    primary = replace(found.results.primary, metric="judge_correct")
    clusters = {question.id: question.id for question in found.questions}
    results = summarise(scores, clusters, models=MODELS, primary=primary)
    page = page_of(tmp_path, replace(found, scores=scores, results=results))
    counts = Counter(compared for name, compared, _ in cards(page) if name == "top_3")
    assert counts["not compared"] == 1


def test_the_same_run_gives_the_same_bytes(found: Evaluated, page: str, tmp_path: Path) -> None:
    assert page_of(tmp_path, found) == page


def test_nothing_is_loaded_and_only_its_own_script_may_run(page: str) -> None:
    read = Page(page)
    assert not read.loads
    policy = re.search(r'Content-Security-Policy"\s+content="([^"]*)"', page)
    assert policy
    assert "default-src 'none'" in policy.group(1)
    assert re.search(r"script-src 'sha256-[\w+/]{43}='$", policy.group(1))
    steps = read.headings
    assert steps[:3] == [1, 2, 3]


def test_one_model_alone_has_its_answers_too(tmp_path: Path) -> None:
    alone = evaluated({"student": reply("student")}, count=4, conditions=("top_3",))
    page = page_of(tmp_path, alone)
    assert len(cards(page)) == 4
    assert "Compared" not in page
    assert "Gained" not in page


def test_the_contents_lead_to_every_condition(page: str) -> None:
    ids = re.findall(r'<h2 id="(.*?)">', page)
    assert ids == re.findall(r'<li><a href="#(.*?)">', page) == list(CONDITIONS)
    assert "top_3_hybrid_rerank: the 3 nearest chunks by hybrid + rerank" in page


def test_every_class_can_be_asked_for(page: str) -> None:
    options = [unescape(one) for one in re.findall(r'<option value="([^"]*)"', page)]
    for name in (*CONDITIONS, *MODELS, *COMPARED, "refused", "no final answer"):
        assert name in options
    assert {OUTCOME_NAMES.get(name, name) for name in LOSSES} <= set(options)
    assert '<option value="top_3" selected>' in page  # the condition that decides
