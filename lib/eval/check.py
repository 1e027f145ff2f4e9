"""Checks of 4_eval before hours of generation and training."""

from __future__ import annotations

from lib.engine.budget import budget_of
from lib.eval.judge import find_judge
from lib.eval.models import eval_models
from lib.recipe import Recipe


def check_evaluation(recipe: Recipe) -> None:
    """Check everything that 4_eval needs, except student and baseline, which are made later."""
    eval_models(recipe, deployed=False)
    find_judge(recipe)
    budget_of(recipe)
