"""What the benchmark of scoring scores."""

from __future__ import annotations

from benchmarks.evaluation_speed import CONDITIONS, LEAST_METRICS, MODELS, material
from lib.eval.metrics.losses import LOSSES, outcomes
from lib.eval.metrics.scoring import score_answers
from lib.eval.wording import METRIC_GROUPS


def test_the_material_meets_every_metric_and_every_loss() -> None:
    questions, cases, answers, chunks = material(30, seed=1)
    assert (len(questions), len(chunks)) == (30, 30)
    assert len(answers) == len(MODELS) * len(cases) == len(MODELS) * len(CONDITIONS) * 30
    scores = score_answers(answers, questions, cases)
    of_answers = {"Overlap with the right answer", "Quotes", "Refusals"}
    metrics = {name for group in of_answers for name in METRIC_GROUPS[group]}
    assert {score.metric for score in scores} >= metrics
    assert len(metrics) >= LEAST_METRICS
    assert set(outcomes(answers, scores)) == set(LOSSES)
    assert (questions, cases, answers, chunks) == material(30, seed=1)
    assert answers != material(30, seed=2)[2]
