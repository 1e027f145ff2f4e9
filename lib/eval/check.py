"""What 4_eval needs, checked before hours of generation and training."""

from __future__ import annotations

from lib.engine.budget import budget_of
from lib.eval.judge import find_judge
from lib.eval.models import eval_models
from lib.recipe import Recipe


def check_evaluation(recipe: Recipe) -> None:
    """Check what 4_eval needs beside the student and the baseline, which may come later.

    Raises:
        SetupError: an endpoint, a prompts file or prices.yaml is missing or wrong.
    """
    eval_models(recipe, deployed=False)
    find_judge(recipe)
    budget_of(recipe)
