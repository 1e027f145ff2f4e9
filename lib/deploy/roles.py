"""Both roles of the comparison, answering: the user's endpoints as they are, ours served here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lib.deploy.server import begin, wait_ready
from lib.settings import (
    PREFIXES,
    STATE_KEYS,
    EndpointSettings,
    SetupError,
    endpoint_settings,
    home,
    save_state,
)

ROLES = ("student", "baseline")


@dataclass(frozen=True)
class Deployed:
    """One role that answers."""

    role: str
    model: str
    base_url: str
    how: str  # "served here (pid 123)", "served here already", "yours, as configured"


def deploy(
    run_name: str,
    *,
    student_dir: Path | None,
    baseline_dir: Path | None,
    max_memory_gib: float = 0.0,
    timeout_s: float = 180.0,
) -> list[Deployed]:
    """Make student and baseline answer, and note in `.env.state` where.

    An endpoint that the process environment or .env names is used as it is, and nothing is served
    for that role (its folder may be None then). The others start side by side.

    Raises:
        SetupError: a model is missing, or a server died or did not answer in time.
    """
    folders = {"student": student_dir, "baseline": baseline_dir}
    started, found = {}, {}
    for role in ROLES:
        _forget(role)
        if is_configured_by_user(role):
            found[role] = _users(role)
            continue
        if (folder := folders[role]) is None:
            raise SetupError(f"No model of the {role} is known. Run 2_finetune.ipynb: it makes it.")
        started[role] = begin(
            role, folder, run_name=run_name, port=0, max_memory_gib=max_memory_gib
        )
    for role, (record, reused) in started.items():
        served = wait_ready(record, reused=reused, timeout_s=timeout_s)
        save_state(
            **{
                f"{role.upper()}_OPENAI_BASE_URL": served.base_url,
                f"{role.upper()}_OPENAI_DEPLOYMENT": served.model,
                f"{role.upper()}_OPENAI_API_KEY": "none",
            }
        )
        how = "served here already" if reused else "served here"
        found[role] = Deployed(role, served.model, served.base_url, f"{how} (pid {served.pid})")
    return [found[role] for role in ROLES]


def show_endpoints(endpoints: Sequence[Deployed]) -> None:
    """One line a role: its model, where it answers, and who serves it."""
    for one in endpoints:
        print(f"{one.role:9} {one.model}\n          {one.base_url} · {one.how}")


def is_configured_by_user(role: str) -> bool:
    """Whether the process environment or .env names an endpoint for a role (state does not count:
    an earlier run of ours wrote it)."""
    from dotenv import dotenv_values

    starts = tuple(
        prefix + style for prefix in PREFIXES[role] for style in ("OPENAI_", "AZURE_OPENAI_")
    )
    layers = (os.environ, dotenv_values(home() / ".env", interpolate=False))
    return any(
        name.startswith(starts) and value for layer in layers for name, value in layer.items()
    )


def _forget(role: str) -> None:
    """Drop our own keys of a role: they must not fill gaps in what the user configures."""
    save_state(**{key: None for key in STATE_KEYS if key.startswith(f"{role.upper()}_OPENAI_")})


def _users(role: str) -> Deployed:
    settings: EndpointSettings | None = endpoint_settings(role)
    if settings is None:
        raise SetupError(f"The {role}'s endpoint is only half set. See .env.sample.")
    return Deployed(role, settings.deployment, settings.base_url, "yours, as configured")
