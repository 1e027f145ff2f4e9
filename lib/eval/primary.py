"""The comparison that decides, declared before anything is asked."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from lib.dataset import read_dataset
from lib.eval.conditions import condition_of
from lib.eval.judge.grading import JUDGE_CORRECT, Judge
from lib.eval.models import BASELINE, EvalModel
from lib.eval.questions import EvalQuestion
from lib.eval.results import HEADLINE, Primary
from lib.eval.wording import called, metric_name
from lib.recipe import Recipe, retrieval_parts
from lib.text import tokens

LONG_ANSWER = 8  # words; a right answer of so many is hardly ever repeated word for word


def declare_primary(
    models: Sequence[EvalModel],
    questions: Sequence[EvalQuestion],
    dataset_dir: Path,
    recipe: Recipe,
    judge: Judge | None,
) -> Primary:
    """The first model against the baseline (else the second), under the first `top_k` named.

    By exact match, or, if the right answers are long, by the judge or by F1. It is printed.
    """
    names = [model.name for model in models]
    dataset, (metric, why) = read_dataset(dataset_dir), _metric(questions, judge)
    primary = Primary(
        against=BASELINE if BASELINE in names[1:] else "".join(names[1:2]),
        condition=condition_of(recipe.top_k[0]),
        metric=metric,
        why=why,
        available=len(dataset.evaluation or dataset.examples("eval")),
        retrieval=" + ".join(retrieval_parts(recipe.retrieval[0])),
    )
    against = f" against {called(primary.against)}" if primary.against else ""
    print(
        f"Decides: {called(names[0])}{against}, by {metric_name(metric)} under {primary.condition}."
        f"{why and ' '}{why}"
    )
    return primary


def _metric(questions: Sequence[EvalQuestion], judge: Judge | None) -> tuple[str, str]:
    """The metric that decides, and why it is not exact match."""
    lengths = [  # in words; a character of a script without spaces is half a word
        sum(1 if len(token) > 1 else 0.5 for token in tokens(question.answer))
        for question in questions
    ]
    words = median(lengths or [0])
    if words < LONG_ANSWER:
        return HEADLINE, ""
    judged = judge and JUDGE_CORRECT in (judge.recipe.judge_metrics or [JUDGE_CORRECT])
    metric = JUDGE_CORRECT if judged else "f1"
    return metric, (
        f"Half of the right answers have {words:.0f} words or more, which hardly any reply repeats "
        f"word for word: exact match is of no use, and {metric_name(metric)} decides."
    )
