"""The recipe's `models` → the models of an evaluation: which endpoint, with which prompt."""

import re
from dataclasses import dataclass, field

from lib.endpoints import PREFIXES, EndpointSettings, endpoint_settings, prefixes_of
from lib.prompts.student import PLAIN_PROMPT, STUDENT_PROMPT, Prompt
from lib.recipe import Recipe
from lib.settings import SetupError

STUDENT, BASELINE = "student", "baseline"
PLAIN = f", {PLAIN_PROMPT.name}"  # ends the name of a model that is asked with that prompt
_SERVED = (STUDENT, BASELINE)  # by 3_deploy, unless .env names an endpoint
_STYLES = ("OPENAI_", "AZURE_OPENAI_")  # of variables, behind a role's prefix


@dataclass(frozen=True)
class EvalModel:
    """One model of an evaluation. Its answers carry its name."""

    name: str  # "student", "baseline", "baseline, plain prompt", "teacher", "gpt-4o", …
    role: str  # whose endpoint is asked; two models may share one
    prompt: Prompt
    run_name: str = field(default="", compare=False)  # the run whose student and baseline are meant


def eval_models(recipe: Recipe, *, deployed: bool = True) -> list[EvalModel]:
    """`models = ["student", "baseline", "gpt-4o"]` → these and "baseline, plain prompt".

    Every model is asked with the student's prompt. One that was not trained on it may do better
    without, so the baseline is also asked with a plain prompt (plain_baseline), as is any other
    name with `", plain prompt"` behind it. Other names are endpoints: `gpt-4o` has GPT_4O_OPENAI_….

    Before 3_deploy (deployed = False) student and baseline need no endpoint yet.
    """
    names, plain = list(recipe.models), f"{BASELINE}{PLAIN}"
    if recipe.plain_baseline and BASELINE in names and plain not in names:
        names.insert(names.index(BASELINE) + 1, plain)
    models = []
    for name in names:
        role = name.removesuffix(PLAIN)
        if role == "embedding" or not re.search("[A-Za-z0-9]", role):
            expected = "student, baseline, teacher, or the name of an endpoint in .env"
            raise SetupError(f"models names {name!r}: expected {expected}. Change it.")
        prompt = STUDENT_PROMPT if role == name else PLAIN_PROMPT
        models.append(EvalModel(name, role, prompt, recipe.run_name))
    _demand_own_variables({model.role for model in models})
    for model in models:
        if deployed or model.role not in _SERVED:
            endpoint_of(model)
    return models


def endpoint_of(model: EvalModel) -> EndpointSettings:
    """Where a model is asked."""
    settings = endpoint_settings(model.role, model.run_name)
    if settings is None:
        prefix = prefixes_of(model.role)[0]
        where, fix = "", "Set"
        if model.role in _SERVED:
            where, fix = f" in run '{model.run_name}'", "Run 3_deploy.ipynb, or set"
        raise SetupError(
            f"The {model.role} has no endpoint{where}. {fix} {prefix}OPENAI_DEPLOYMENT, "
            f"{prefix}OPENAI_API_KEY and {prefix}OPENAI_BASE_URL in .env (or "
            f"{prefix}AZURE_OPENAI_…), or take it out of models."
        )
    return settings


def _demand_own_variables(roles: set[str]) -> None:
    """No two roles may read the same variables, and none those without a prefix."""
    owners = dict.fromkeys(_STYLES, "another role")
    for role in [*PREFIXES, *sorted(roles)]:
        for name in (prefix + style for prefix in prefixes_of(role) for style in _STYLES):
            owner = owners.setdefault(name, role)
            if owner != role:
                raise SetupError(
                    f"models names {role!r}, which reads {name}… as {owner} does. Write {owner}, "
                    "or give it another name."
                )
