from __future__ import annotations

import math
from dataclasses import replace

from lib.eval.results import Comparison, Estimate, Primary, Results


def estimate(model: str, condition: str, metric: str) -> Estimate:
    return Estimate(model, condition, metric, 10, 0, 0.5, 0.2, 0.8, "wilson")


def comparison(model: str, against: str, condition: str, metric: str) -> Comparison:
    return Comparison(
        *(model, against, condition, metric, 10, 0.5, 0.4, 0.1, -0.1, 0.3, 0.95, 2, 1, 1.0),
        p_holm=math.nan,
        verdict="cannot tell",
        questions_needed=200,
    )


def test_figures_are_found_by_name() -> None:
    estimates = [
        estimate(model, condition, metric)
        for model in ("student", "baseline", "teacher")
        for condition in ("oracle", "top_5")
        for metric in ("f1", "exact_match")
    ]
    comparisons = [
        comparison("student", against, condition, metric)
        for against in ("baseline", "teacher")
        for condition in ("oracle", "top_5")
        for metric in ("f1", "exact_match")
    ]
    models = ("student", "baseline", "teacher")
    primary = Primary("baseline", "top_5")
    results = Results(models, ("oracle", "top_5"), estimates, comparisons, primary)
    for one in estimates:
        assert results.estimate(one.model, one.condition, one.metric) is one
    for pair in comparisons:
        assert results.comparison(pair.against, pair.condition, pair.metric) is pair
    assert results.estimate("student", "closed_book", "f1") is None
    assert results.comparison("student", "oracle", "f1") is None
    of_models = comparison("student", "student", "top_5_hybrid", "f1")
    setting = replace(of_models, against_condition="top_5")
    both = replace(results, comparisons=[setting, of_models])
    assert both.setting("student", "top_5_hybrid", "f1") is setting
    assert both.comparison("student", "top_5_hybrid", "f1") is of_models
    assert results.setting("student", "top_5", "f1") is None
    deciding = results.comparison("baseline", "top_5", "exact_match")
    assert results.deciding is deciding
    assert results.secondary == [one for one in comparisons if one is not deciding]
