"""The table: paired, honest about what is unscored, and narrow enough for a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from lib.eval.conditions import Case
from lib.eval.metrics import score_answers
from lib.eval.questions import EvalQuestion
from lib.eval.tables import compare, headline, main_condition, percentile, verdict
from lib.prompts import REFUSAL
from tests.eval.toy import answer, make_chunks, question_of, right

WRONG, MUTE = "So <ANSWER>: something else", "I would rather not follow the format"
Reply = Callable[[int, Case, dict[str, EvalQuestion]], str]


def table_of(student: Reply, baseline: Reply, *, conditions: tuple[str, ...] = ("top_5",)) -> Any:
    chunks = make_chunks(20)
    questions = [question_of(chunk) for chunk in chunks]
    by_id = {question.id: question for question in questions}
    cases = [
        Case(q.id, q.text, name, (q.oracle,) if i % 4 else (), 0 if i % 4 else None)
        for name in conditions
        for i, q in enumerate(questions)
    ]
    answers = [
        answer(case, model, reply(i % 20, case, by_id))
        for model, reply in (("student", student), ("baseline", baseline))
        for i, case in enumerate(cases)
    ]
    return compare(score_answers(answers, questions, cases), answers, cases, questions)


def always_right(i: int, case: Case, questions: dict[str, EvalQuestion]) -> str:
    return right(case, questions)


def always(text: str) -> Reply:
    return lambda i, case, questions: text


def half_right(i: int, case: Case, questions: dict[str, EvalQuestion]) -> str:
    return right(case, questions) if i % 2 else WRONG


def test_equal_answers_are_no_difference() -> None:
    row = table_of(half_right, half_right).iloc[0]
    for metric in ("exact_match", "f1", "rouge_l"):
        bounds = [row[f"{metric}_{name}"] for name in ("difference", "low", "high")]
        assert bounds == [0.0, 0.0, 0.0]
        assert row[f"{metric}_verdict"] == "cannot tell"
    assert row["exact_match_student"] == 0.5
    assert verdict(table_of(half_right, half_right)).startswith("Cannot tell")


def test_better_and_worse_mirror() -> None:
    better, worse = table_of(always_right, half_right), table_of(half_right, always_right)
    assert better.iloc[0]["exact_match_difference"] == 0.5
    assert worse.iloc[0]["exact_match_difference"] == -0.5
    assert better.iloc[0]["exact_match_verdict"] == "better"
    assert "student is better than the baseline under top_5" in verdict(better)
    assert "student is worse than the baseline under top_5" in verdict(worse)


def test_unscored_replies_stand_apart_and_in_the_strict_difference() -> None:
    def right_or_mute(i: int, case: Case, questions: dict[str, EvalQuestion]) -> str:
        return right(case, questions) if i < 8 else MUTE

    table = table_of(right_or_mute, half_right)
    row = table.iloc[0]
    assert (row["n"], row["scored_both"]) == (20, 8)
    assert (row["unscored_student"], row["unscored_baseline"]) == (12, 0)
    assert (row["exact_match_student"], row["exact_match_baseline"]) == (1.0, 0.5)
    assert row["exact_match_difference_strict"] == pytest.approx(8 / 20 - 10 / 20)
    silent = table_of(always(MUTE), always_right)
    assert math.isnan(silent.iloc[0]["exact_match_difference"])
    assert silent.iloc[0]["exact_match_difference_strict"] == -1.0
    assert "no question was scored for both" in verdict(silent)
    headline(silent)  # no value anywhere is still a table


def test_the_verdict_warns_when_the_format_decides() -> None:
    def seldom(i: int, case: Case, questions: dict[str, EvalQuestion]) -> str:
        return right(case, questions) if i < 7 else MUTE

    table = table_of(seldom, lambda i, c, q: WRONG if i < 7 else right(c, q))
    assert table.iloc[0]["exact_match_verdict"] == "better"
    said = verdict(table)
    assert "with unscored replies counted as wrong: cannot tell (-30 points)" in said


def test_refusals_are_split_by_the_oracle() -> None:
    def careful(i: int, case: Case, questions: dict[str, EvalQuestion]) -> str:
        return right(case, questions) if case.oracle_in_context else REFUSAL

    row = table_of(careful, always(REFUSAL)).iloc[0]
    assert (row["num_with_oracle"], row["num_without_oracle"]) == (15, 5)
    assert (row["refused_with_oracle_student"], row["refused_without_oracle_student"]) == (0, 5)
    assert (row["refused_with_oracle_baseline"], row["refused_without_oracle_baseline"]) == (15, 5)
    assert row["hit_rate"] == 0.75
    assert row["exact_match_student"] == 0.75  # the question has an answer: refusing is not right
    assert row["unscored_student"] == 0


def test_hit_rates_belong_to_retrieval_alone() -> None:
    table = table_of(half_right, half_right, conditions=("closed_book", "oracle", "top_3"))
    assert [math.isnan(value) for value in table["hit_rate"]] == [True, True, False]


def test_the_headline_fits_a_terminal() -> None:
    names = ("closed_book", "oracle", "oracle_distractors", "top_3", "top_5", "top_7", "top_10")
    text = headline(table_of(always_right, always(WRONG), conditions=names))
    assert max(map(len, text.splitlines())) <= 100
    for name in names:
        assert sum(line.startswith(f"{name} ") for line in text.splitlines()) == 1
    wrapped = " ".join(text.split("\n\n")[-1].split())
    assert wrapped == verdict(table_of(always_right, always(WRONG), conditions=names))


@pytest.mark.parametrize(
    ("names", "main"),
    [
        (("closed_book", "oracle", "top_3", "top_5", "top_7"), "top_5"),
        (("closed_book", "top_4"), "top_4"),
        (("closed_book", "oracle_distractors"), "oracle_distractors"),
        (("closed_book",), "closed_book"),
    ],
)
def test_the_condition_of_the_verdict_is_fixed(names: tuple[str, ...], main: str) -> None:
    assert main_condition(table_of(half_right, always_right, conditions=names)) == main


def test_percentiles_by_nearest_rank() -> None:
    values = [float(x) for x in range(1, 21)]
    assert (percentile(values, 0.5), percentile(values, 0.95)) == (10.0, 19.0)
    assert percentile([3.0], 0.95) == 3.0
    assert math.isnan(percentile([], 0.5))
