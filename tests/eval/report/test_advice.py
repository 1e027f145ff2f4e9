"""What to try next: the largest loss first, by parameters that there are; what it cost."""

from __future__ import annotations

import re
from contextlib import closing
from html import unescape
from typing import Any

import pytest

from lib.engine.ledger import Ledger
from lib.engine.prices import Price, Prices
from lib.eval.metrics.losses import LOSSES
from lib.eval.report.method import ledger_costs, show_cost
from lib.eval.report.tables import show_learned, what_next
from lib.eval.results import Primary, Results
from lib.eval.summaries import summarise
from lib.eval.verdict import claim_of, settling
from lib.eval.wording import points
from lib.recipe import KNOBS
from lib.records import Score
from tests.eval.toy import Page, results_of

Losses = dict[tuple[str, str], dict[str, int]]
SURE = results_of({"student": [1.0] * 30, "baseline": [0.0] * 30})
TRACED = ("retrieval missed", "wrong quote", "wrong answer", "wrong refusal", "format")
PHRASES = dict(
    zip(
        TRACED,
        ("retrieval finds", "another passage", "is not right", "it refuses", "no final answer"),
        strict=True,
    )
)


def losses(**more: int) -> Losses:
    """Of the student under top_5; underscores stand for spaces."""
    counts = dict.fromkeys(LOSSES, 0) | {k.replace("_", " "): v for k, v in more.items()}
    return {("student", "top_5"): counts, ("baseline", "top_5"): {**counts, "format": 99}}


def lines(results: Results, found: Losses) -> list[str]:
    """The paragraphs or points, their `<code>` as backticks."""
    html = what_next(results, found).data
    points = re.findall(r"<(?:li|p)>(.*?)</(?:li|p)>", html, re.DOTALL)
    text = [re.sub("</?b>", "**", re.sub("</?code>", "`", point)) for point in points]
    return [" ".join(unescape(one).split()) for one in text]


@pytest.mark.parametrize("largest", TRACED)
def test_the_largest_loss_comes_first(largest: str) -> None:
    counts = {loss.replace(" ", "_"): 10 for loss in TRACED} | {largest.replace(" ", "_"): 30}
    said = lines(SURE, losses(right=30, **counts))
    assert len(said) == len(TRACED)
    assert PHRASES[largest] in said[0]
    assert "**30% of the student’s answers under `top_5` (30 of 100):**" in said[0]
    assert sum("10% of" in one for one in said) == 4


def test_every_parameter_named_is_one_of_a_notebook() -> None:
    counts = {loss.replace(" ", "_"): 10 for loss in LOSSES}
    found = losses(**counts) | {("student", "distractors_only"): {"wrong answer": 5, "right": 5}}
    unsure = results_of({"student": [1.0] * 9 + [0.0], "baseline": [1.0] * 8 + [0.0] * 2})
    said = "\n".join(lines(unsure, found))
    names = {name.split(":")[0] for name in re.findall(r"`([^`]+)`", said)}
    names -= {"top_5", "distractors_only"}
    assert len(names) > 10
    assert names <= set(KNOBS)


def test_small_losses_are_left_out() -> None:
    assert lines(SURE, losses(right=97, format=3)) == [
        "No loss is above 5%: try harder questions, or a corpus of your own."
    ]


def test_answers_without_documents_to_answer_from_are_a_loss() -> None:
    found = losses(right=9, format=1) | {
        ("student", "distractors_only"): {"wrong answer": 8, "right": 2, "format": 0}
    }
    first, second = lines(SURE, found)
    assert "80%" in first
    assert "refusal_probability" in first
    assert "10%" in second


def test_an_open_verdict_says_how_many_questions_would_close_it() -> None:
    unsure = results_of({"student": [1.0] * 9 + [0.0], "baseline": [1.0] * 8 + [0.0] * 2})
    assert settling(unsure) in lines(unsure, {})[-1]
    same = results_of({"student": [1.0] * 10, "baseline": [1.0] * 10})
    assert "No difference was seen" in lines(same, {})[-1]
    assert not any("cannot tell" in line for line in lines(SURE, losses(right=1)))


def test_a_better_retrieval_setting_is_to_be_tried() -> None:
    right = {"top_5": 9, "top_5_hybrid": 20, "top_5_dense_rerank": 30, "top_5_keywords": 0}
    scores = [
        Score(f"q{i}", model, condition, "exact_match", float(i < n and model == "student"))
        for condition, n in right.items()
        for model in ("student", "baseline")
        for i in range(30)
    ]
    clusters = {score.question_id: score.question_id for score in scores}
    primary = Primary("baseline", "top_5")
    results = summarise(scores, clusters, models=("student", "baseline"), primary=primary)
    first, second = lines(results, losses(right=100))
    assert first.startswith(
        "**Another retrieval setting is better** for the student: dense + rerank, 100% right "
        "instead of 30% (+70 points, "
    )
    assert first.endswith('Try `retrieval: ["dense + rerank"]`.')
    assert second.endswith('Try `retrieval: ["hybrid"]`.')
    assert not any("retrieval:" in line for line in lines(SURE, losses(right=100)))


def test_what_was_learnt_are_the_figures_of_the_run() -> None:
    said = show_learned(SURE, losses(right=60, wrong_answer=25, wrong_quote=15)).data
    one = SURE.deciding
    assert one is not None
    assert claim_of(SURE) in said
    assert points(one) in said
    assert "answers 60 of 100 rightly. Most of the others, 25, are lost to: wrong answer." in said


@pytest.mark.parametrize(
    "odd", [Results((), (), [], []), Results(("student",), (), [], []), results_of({"student": []})]
)
def test_odd_inputs(odd: Results) -> None:
    assert lines(odd, {})
    assert lines(odd, {("student", "top_5"): dict.fromkeys(LOSSES, 0)})
    assert claim_of(odd) in show_learned(odd, {}).data


def test_costs_are_those_of_the_ledger() -> None:
    assert "The ledger is empty" in show_cost().data
    reply = {"prompt_tokens": 1000, "completion_tokens": 10}
    with closing(Ledger()) as ledger:
        for i, (role, model) in enumerate((("student", "<b>"), ("teacher", "gpt-4o"))):
            request: dict[str, Any] = {"role": role, "model": model, "i": i}
            ledger.write(str(i), request, reply).result()
    page = Page(show_cost().data)
    assert "b" not in page.tags
    assert page.rows[1:] == [
        ["teacher", "gpt-4o", "1", "1,000", "10", "0.00"],
        ["student", "<b>", "1", "1,000", "10", "–"],
    ]
    prices = Prices("2026-06-01", "EUR", {"<b>": Price(1.0, 1.0, 1.0)})
    assert [one.cost for one in ledger_costs(prices)] == [None, pytest.approx(1010 / 1e6)]
