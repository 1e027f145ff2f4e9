"""Both roles of the comparison: the user's endpoints as they are, the others served here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lib.deploy.server import start, wait_until_ready
from lib.recipe import Recipe
from lib.settings import (
    SetupError,
    endpoint_settings,
    forget_endpoint,
    is_set_by_user,
    save_state,
    without_secrets,
)


@dataclass(frozen=True)
class Deployed:
    """One role that answers."""

    role: str
    model: str  # its name at the endpoint
    base_url: str
    how: str  # "served here (pid 123)", "served here already (pid 123)", "yours, as configured"


def deploy(
    recipe: Recipe, *, student_dir: Path | None, baseline_dir: Path | None
) -> list[Deployed]:
    """Make student and baseline answer, and write their endpoints into `.env.state`.

    An endpoint that the process environment or .env names is used as it is, and nothing is served
    for that role (its folder may be None then). The others start side by side.

    Raises:
        SetupError: a model is missing, or a server ended or did not answer in time.
    """
    started, deployed = {}, {}
    for role, folder in (("student", student_dir), ("baseline", baseline_dir)):
        forget_endpoint(role)  # old values must not fill gaps in the user's
        if is_set_by_user(role):
            if settings := endpoint_settings(role):
                model, base_url = settings.deployment, settings.base_url
                deployed[role] = Deployed(role, model, base_url, "yours, as configured")
        elif folder is None:
            raise SetupError(f"No model of the {role} is known. Run 2_finetune.ipynb: it makes it.")
        else:
            started[role] = start(role, folder, recipe)
    for role, (server, reused) in started.items():
        wait_until_ready(server, timeout_s=recipe.server_timeout_s)
        save_state(
            **{
                f"{role.upper()}_OPENAI_BASE_URL": server.base_url,
                f"{role.upper()}_OPENAI_DEPLOYMENT": server.model,
                f"{role.upper()}_OPENAI_API_KEY": "none",
            }
        )
        how = f"served here{' already' if reused else ''} (pid {server.pid})"
        deployed[role] = Deployed(role, server.model, server.base_url, how)
    return [deployed["student"], deployed["baseline"]]


def show_endpoints(endpoints: Sequence[Deployed]) -> None:
    """Two lines a role: its model, its address and who serves it."""
    for one in endpoints:
        print(f"{one.role:9} {one.model}\n          {without_secrets(one.base_url)} · {one.how}")
