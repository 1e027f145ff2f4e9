"""Both roles of the comparison: the user's endpoints as they are, the others served here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lib.cloud.deployment import with_deployment
from lib.deploy.engines import described, not_taken
from lib.deploy.processes import ServerRecord, end, records
from lib.deploy.server import start, wait_until_ready
from lib.endpoints import endpoint_settings, is_set_by_user
from lib.recipe import Recipe
from lib.settings import SetupError, portable, without_secrets
from lib.state import forget_endpoint, hosted_job, read_state, require_path, save_state


@dataclass(frozen=True)
class Deployed:
    role: str
    model: str  # its name at the endpoint
    base_url: str
    how: str  # "served here (pid 123)", "yours, as configured", "where it was trained", …
    server: ServerRecord | None = None  # one that was started here
    model_dir: Path | None = None  # what it serves


def deploy(recipe: Recipe) -> list[Deployed]:
    """Make student and baseline answer, and write their endpoints into the run's `.env.state`.

    What a service has trained answers there, and so does its baseline; an endpoint that the process
    environment or .env names is used as it is. The others start side by side, with the models of
    this run's 2_finetune.
    """
    run_name = recipe.run_name
    job = with_deployment(hosted_job(run_name), timeout_s=recipe.server_timeout_s)
    folders = {
        role: require_path(f"{role.upper()}_MODEL_DIR", run_name)
        for role in ("student", "baseline")
        if not job and not is_set_by_user(role)
    }
    if folders and (said := not_taken(recipe)):
        print(said)
    before = {(server.pid, server.started) for server in records(run_name)}
    started, deployed = dict[str, ServerRecord](), dict[str, Deployed]()
    try:
        for role in ("student", "baseline"):
            forget_endpoint(role, run_name)  # old values must not fill gaps in the user's
            if role in folders:
                started[role] = _start(role, folders, recipe, started)
            elif job:
                deployed[role] = _at_the_service(role, job, run_name)
            elif settings := endpoint_settings(role):
                model, base_url = settings.deployment, settings.base_url
                deployed[role] = Deployed(role, model, base_url, "yours, as configured")
        for server in started.values():
            wait_until_ready(server, timeout_s=recipe.server_timeout_s)
    except BaseException:  # Ctrl-C as well: nothing is left half started
        for server in started.values():
            if (server.pid, server.started) not in before:
                end(server)
        raise
    for role, server in started.items():
        values = {
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_DEPLOYMENT": server.model,
            "OPENAI_API_KEY": server.api_key,
            "SERVED_DIR": portable(folders[role]),
            "SERVED_BY": described(recipe),
        }
        save_state(run_name, **{f"{role.upper()}_{name}": it for name, it in values.items()})
        already = " already" * ((server.pid, server.started) in before)
        how = f"served here{already} (pid {server.pid}) by {server.engine}"
        how += f":\n          {server.command}" * bool(server.command)
        model, base_url = server.model, server.base_url
        deployed[role] = Deployed(role, model, base_url, how, server, folders[role])
    return [deployed["student"], deployed["baseline"]]


def _start(
    role: str, folders: Mapping[str, Path], recipe: Recipe, started: Mapping[str, ServerRecord]
) -> ServerRecord:
    """A server of its own; with serve_adapter, one of the baseline with the student's adapter."""
    if not recipe.serve_adapter:
        return start(role, folders[role], recipe)
    adapter_dir = folders["student"].parent / "adapter" if len(folders) == 2 else None
    if not adapter_dir or not (adapter_dir / "adapter_config.json").is_file():
        raise SetupError(
            "serve_adapter is True, and the student has no adapter beside its model (every weight "
            "was trained), or .env names an endpoint of one role. Set serve_adapter to False."
        )
    if role == "baseline":
        server = replace(started["student"], role=role, model=portable(folders[role]))
        for old in records(recipe.run_name):
            if old.role == role and old.pid != server.pid:
                end(old)
        server.save()
        return server
    return start(role, folders["baseline"], recipe, adapter_dir=adapter_dir)


def _at_the_service(role: str, job: Mapping[str, Any], run_name: str) -> Deployed:
    """The trained model, or the one that it started from; a deployment that .env names wins."""
    prefix, name = role.upper(), job["fine_tuned_model" if role == "student" else "model"]
    served = read_state(run_name).get(f"{prefix}_MODEL_DIR")
    save_state(run_name, **{f"{prefix}_OPENAI_DEPLOYMENT": name, f"{prefix}_SERVED_DIR": served})
    settings = endpoint_settings(role, run_name)
    assert settings is not None
    return Deployed(role, settings.deployment, settings.base_url, "where it was trained")


def show_endpoints(endpoints: Sequence[Deployed]) -> None:
    """Two lines a role: its model, its address and who serves it."""
    for one in endpoints:
        print(f"{one.role:9} {one.model}\n          {without_secrets(one.base_url)} · {one.how}")
