"""What decides is declared before anything is asked, from the recipe and the questions alone."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from lib.eval.judge.grading import find_judge
from lib.eval.models import eval_models
from lib.eval.primary import _metric, declare_primary
from lib.eval.questions import EvalQuestion, load_questions
from lib.eval.results import HEADLINE, Primary
from lib.recipe import Recipe
from tests.eval.toy import make_chunks, write_dataset

LONG = "The harbour was painted crimson in the spring of that year"


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STUDENT", "BASELINE", "COMPLETION", "JUDGE"):
        monkeypatch.setenv(f"{name}_OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
        monkeypatch.setenv(f"{name}_OPENAI_DEPLOYMENT", name.lower())
        monkeypatch.setenv(f"{name}_OPENAI_API_KEY", "none")


def declared(
    folder: Path, *, long: float = 0.0, judge: bool = False, **parameters: object
) -> Primary:
    """`long`: the share of right answers that are sentences."""
    dataset_dir = write_dataset(folder / "d-1", make_chunks(10))
    recipe = Recipe(**parameters)  # type: ignore[arg-type]
    questions = [
        replace(question, answer=LONG) if i < 10 * long else question
        for i, question in enumerate(load_questions(dataset_dir, recipe))
    ]
    Random(0).shuffle(questions)
    found = find_judge(recipe) if judge else None
    return declare_primary(eval_models(recipe), questions, dataset_dir, recipe, found)


def test_the_first_k_named_decides_whatever_others_are_asked(tmp_path: Path) -> None:
    for ks in ([5], [5, 3, 7], [5, 1], [5, 7, 9]):
        one = declared(tmp_path, top_k=ks)
        assert one == Primary("baseline", "top_5", "exact_match", "", 10, "hybrid")


@pytest.mark.parametrize(
    ("models", "against"),
    [
        (["student", "baseline"], "baseline"),
        (["student", "teacher", "baseline"], "baseline"),
        (["student", "teacher"], "teacher"),
        (["baseline", "student"], "student"),
        (["student"], ""),
    ],
)
def test_the_first_model_is_judged_against_the_baseline(
    tmp_path: Path, models: list[str], against: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert declared(tmp_path, models=models, plain_baseline=False).against == against
    said = capsys.readouterr().out
    assert said.startswith(f"Decides: the {models[0]}")
    assert (f" against the {against}," in said) == bool(against)
    assert "by Exact match under top_5." in said


def test_long_right_answers_need_another_metric_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for long, judge, metric in (
        (0.4, False, "exact_match"),
        (0.4, True, "exact_match"),
        (0.6, False, "f1"),
        (1.0, True, "judge_correct"),
    ):
        one = declared(tmp_path, long=long, judge=judge)
        assert one.metric == metric
        assert bool(one.why) == (metric != "exact_match")
        assert one.why in capsys.readouterr().out
    assert "exact match is of no use, and Token F1 decides" in declared(tmp_path, long=1.0).why
    other = declared(tmp_path, long=1.0, judge=True, judge_metrics=["judge_fluency"])
    assert other.metric == "f1"


@pytest.mark.parametrize(
    ("answer", "is_long"),
    [
        ("東京大学医学部附属病院", False),
        ("港は百年前の春に大工によって深い赤色に塗られました", True),
        ("110 metres", False),
        ("hub.load('amber', pretrained=True)", False),
        ("The old harbour of the town was painted in crimson.", True),
        ("", False),
    ],
)
def test_an_answer_is_long_in_any_script(answer: str, is_long: bool) -> None:
    metric, _ = _metric([EvalQuestion("q", "Who?", answer)], judge=None)
    assert metric == ("f1" if is_long else HEADLINE)


def test_the_dataset_says_how_many_questions_there_are(tmp_path: Path) -> None:
    assert declared(tmp_path, max_questions=3).available == 10


def test_no_reply_can_be_looked_at() -> None:
    assert not {"answers", "scores", "results"} & set(inspect.signature(declare_primary).parameters)
