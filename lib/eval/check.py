"""What 4_eval needs, checked before hours of generation and training."""

from __future__ import annotations

from collections.abc import Sequence

from lib.engine.budget import budget_of
from lib.eval.judge import JUDGE_METRICS, find_judge, judge_fields
from lib.eval.models import eval_models


def check_evaluation(
    *,
    models: Sequence[str],
    plain_baseline: bool,
    judge_metrics: Sequence[str],
    judge_prompts_path: str,
    max_cost: float,
) -> None:
    """Check the notebook's parameters of these names; student and baseline may come later.

    Raises:
        SetupError: what the notebook would stop at.
    """
    eval_models(models, plain_baseline=plain_baseline, deployed=False)
    judge_fields(judge_metrics or JUDGE_METRICS)
    find_judge(prompts_path=judge_prompts_path)
    budget_of(max_cost=max_cost)
