"""What 4_eval needs, checked before hours of generation and training."""

from __future__ import annotations

from lib.engine.budget import budget_of
from lib.eval.judge import JUDGE_METRICS, find_judge, judge_fields
from lib.eval.models import eval_models
from lib.recipe import Recipe


def check_evaluation(recipe: Recipe) -> None:
    """Check what 4_eval needs beside the student and the baseline, which may come later.

    Raises:
        SetupError: an endpoint, a prompts file or prices.yaml is missing or wrong.
    """
    eval_models(recipe.models, plain_baseline=recipe.plain_baseline, deployed=False)
    judge_fields(recipe.judge_metrics or JUDGE_METRICS)
    find_judge(recipe)
    budget_of(recipe)
