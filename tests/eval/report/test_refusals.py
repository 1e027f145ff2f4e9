"""The refusals' table: the counts of the 2 × 2, with intervals that know of the clusters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lib.eval.metrics.scoring import no_answer
from lib.eval.report.tables import show_refusals
from lib.eval.results import Results
from lib.eval.summaries import clusters_of
from lib.eval.wording import percent
from lib.prompts.student import REFUSAL
from tests.eval.toy import Evaluated, Page, evaluated

MODELS = ("student", "<b>other</b>")


@pytest.fixture(scope="module")
def found() -> Evaluated:
    def student(i: int, case: Any, right: str) -> str:
        if case.condition == "distractors_only":
            return right if i % 9 == 0 else REFUSAL
        return REFUSAL if i % 10 == 9 else "mute" if i == 3 else right

    def other(i: int, case: Any, right: str) -> str:
        return right if i % 2 else "<ANSWER>: something else"

    conditions = ("closed_book", "oracle", "distractors_only", "top_3")
    return evaluated(dict(zip(MODELS, (student, other), strict=True)), conditions=conditions)


def cells_of(found: Evaluated) -> list[list[str]]:
    clusters = clusters_of(found.questions)
    html = show_refusals(found.answers, found.scores, clusters, found.results).data
    assert "<b>other" not in html
    return Page(html).rows[1:]


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def test_the_figures_are_those_of_the_counts(found: Evaluated) -> None:
    for model, cells in zip(MODELS, cells_of(found), strict=True):
        own = [a for a in found.answers if a.model == model and a.condition != "closed_book"]
        refused, mute = [a for a in own if a.refused], [a for a in own if no_answer(a)]
        with_oracle = [a for a in own if a.oracle_in_context]
        under = {a.question_id: a for a in own if a.condition == "top_3" and not a.refused}
        given = [
            s.value
            for s in found.scores
            if (s.model, s.condition, s.metric) == (model, "top_3", "exact_match")
            and s.question_id in under
        ]
        right = sum(not a.oracle_in_context for a in refused)
        rates = [
            share(right, len(refused)),
            share(right, len(own) - len(with_oracle)),
            share(sum(a in refused or a in mute for a in with_oracle), len(with_oracle)),
            share(given.count(1), len(given)),
        ]
        for rate, cell in zip(rates, cells[1:5], strict=True):
            assert cell.startswith("–" if rate is None else f"{percent(rate)} "), (model, cell)
        assert cells[4].endswith(f" {given.count(1)} of {len(given)})")
        assert cells[5] == str(len(mute))
    assert "of none" in cells_of(found)[1][1]  # the other never refuses


def test_a_question_asked_several_times_is_one_witness(found: Evaluated) -> None:
    apart = {question.id: question.id for question in found.questions}
    together = dict.fromkeys(apart, "one chunk")
    one, other = (
        Page(show_refusals(found.answers, found.scores, clusters, found.results).data).rows[1][2]
        for clusters in (apart, together)
    )
    assert one.split(" · ")[1] == other.split(" · ")[1]
    assert one != other


def test_what_has_no_value_is_in_no_share_of_right_answers(found: Evaluated) -> None:
    scores = [
        replace(s, value=None) if (s.condition, s.metric) == ("top_3", "exact_match") else s
        for s in found.scores
    ]
    assert all(cells[4] == "– (of none)" for cells in cells_of(replace(found, scores=scores)))


def test_nothing_asked_is_said() -> None:
    nothing = Results((), (), [], [])
    assert "Nothing was asked" in show_refusals([], [], {}, nothing).data
