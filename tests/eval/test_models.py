"""Names → models: each with its endpoint's variables, its prompt, and a clear word if one lacks."""

from __future__ import annotations

import pytest

from lib.eval.models import EvalModel, endpoint_of, eval_models
from lib.prompts.student import PLAIN_PROMPT, STUDENT_PROMPT
from lib.recipe import Recipe
from lib.settings import SetupError


@pytest.fixture(autouse=True)
def endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    for prefix in ("STUDENT_", "BASELINE_", "COMPLETION_", "GPT_4O_", "META_LLAMA_3_1_8B_"):
        monkeypatch.setenv(f"{prefix}OPENAI_DEPLOYMENT", f"the-{prefix}")
        monkeypatch.setenv(f"{prefix}OPENAI_API_KEY", "loopback")


def test_the_baseline_is_asked_with_both_prompts() -> None:
    models = eval_models(Recipe(models=["student", "baseline", "teacher", "gpt-4o"]))
    assert models == [
        EvalModel("student", "student", STUDENT_PROMPT),
        EvalModel("baseline", "baseline", STUDENT_PROMPT),
        EvalModel("baseline, plain prompt", "baseline", PLAIN_PROMPT),
        EvalModel("teacher", "teacher", STUDENT_PROMPT),
        EvalModel("gpt-4o", "gpt-4o", STUDENT_PROMPT),
    ]
    alone = eval_models(Recipe(models=["student", "baseline"], plain_baseline=False))
    assert [model.name for model in alone] == ["student", "baseline"]


def test_any_model_can_be_asked_with_the_plain_prompt() -> None:
    models = eval_models(
        Recipe(models=["baseline, plain prompt", "baseline", "gpt-4o, plain prompt"])
    )
    assert [(m.name, m.role, m.prompt) for m in models] == [
        ("baseline, plain prompt", "baseline", PLAIN_PROMPT),
        ("baseline", "baseline", STUDENT_PROMPT),
        ("gpt-4o, plain prompt", "gpt-4o", PLAIN_PROMPT),
    ]


def test_a_further_models_variables_bear_its_name() -> None:
    models = eval_models(Recipe(models=["gpt-4o", "Meta-Llama-3.1-8B"]))
    assert [endpoint_of(m).deployment for m in models] == ["the-GPT_4O_", "the-META_LLAMA_3_1_8B_"]


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("qwen3:8b", "QWEN3_8B_OPENAI_DEPLOYMENT, QWEN3_8B_OPENAI_API_KEY"),
        ("qwen3:8b, plain prompt", "QWEN3_8B_AZURE_OPENAI_"),
        ("judge", "JUDGE_OPENAI_DEPLOYMENT"),
    ],
)
def test_a_model_without_an_endpoint_is_said_before_anything_runs(name: str, named: str) -> None:
    with pytest.raises(SetupError, match=named):
        eval_models(Recipe(models=["student", name]))


def test_what_3_deploy_serves_names_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BASELINE_OPENAI_DEPLOYMENT")
    monkeypatch.delenv("BASELINE_OPENAI_API_KEY")
    with pytest.raises(SetupError, match=r"baseline has no endpoint in run .* Run 3_deploy\.ipynb"):
        eval_models(Recipe(models=["student", "baseline"]))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "models is"),
        (["student", "student"], "each once"),
        (["embedding"], "'embedding'"),
        (["日本"], "expected student"),
        (["gpt-4o", "GPT 4o"], "GPT_4O_OPENAI_… as"),
        (["Student"], "as student does. Write student"),
        (["completion"], "Write teacher"),
        (["azure"], "reads AZURE_OPENAI_… as another role"),
        (["gpt", "gpt azure"], "reads GPT_AZURE_OPENAI_… as gpt"),
    ],
)
def test_names_that_cannot_be_told_apart_are_errors(names: list[str], said: str) -> None:
    with pytest.raises(SetupError, match=said):
        eval_models(Recipe(models=names))
