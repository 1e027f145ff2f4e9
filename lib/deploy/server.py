"""One model served by an engine on loopback: start, wait until it answers, reuse, stop."""

import os
import re
import secrets
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib.deploy.engines import ENGINES, chosen
from lib.deploy.processes import (
    LOOPBACK,
    ServerRecord,
    end,
    free_port,
    is_running,
    record_path,
    records,
    start_process,
)
from lib.endpoints import EndpointSettings
from lib.engine.faults import short
from lib.engine.sdk import sdk_client
from lib.prompts.student import Message
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, SECRET_NAME, SetupError, home, portable
from lib.state import forget_endpoint, read_state
from lib.text import one_line
from lib.threads import num_cores


def start(
    role: str, model_dir: Path, recipe: Recipe, *, adapter_dir: Path | None = None
) -> ServerRecord:
    """Start a server without waiting for it, or find the one that runs already.

    With an adapter, `model_dir` is its base: both answer there, each under the name of its folder.
    """
    name = chosen(recipe)
    engine, base = ENGINES[name], _model_name(role, model_dir)
    adapters = {portable(adapter_dir): adapter_dir} if adapter_dir else {}
    model = next(iter(adapters), base)
    options = engine.options(home() / base, recipe, adapters=adapters)
    for old in records(recipe.run_name):
        if old.role != role:
            continue
        same = (old.engine, old.model, old.options) == (name, model, options)
        if same and is_running(old) and is_healthy(old):
            return old
        end(old)
    port, key = free_port(), secrets.token_urlsafe(16) if engine.KEY_NAME else "none"
    environment = _environment()
    if engine.KEY_NAME:  # not in the command: other users of the machine see that
        environment[engine.KEY_NAME] = key
    log_path = record_path(recipe.run_name, role).with_suffix(".log")
    command = engine.command(base, port, options)
    pid, started = start_process(command, environment=environment, log_path=log_path)
    typed = shlex.join(command).replace(f"{PROJECT_DIR}/", "") if name != "transformers" else ""
    how: dict[str, Any] = {"options": options, "engine": name, "command": typed, "api_key": key}
    log = portable(log_path)
    server = ServerRecord(role, recipe.run_name, pid, started, port, model, log=log, **how)
    server.save()
    return server


def wait_until_ready(server: ServerRecord, *, timeout_s: float) -> None:
    """Wait until the server is healthy and its model has written one token; else end it."""
    import openai

    deadline = time.monotonic() + timeout_s

    def check_alive() -> None:
        if not is_running(server):
            raise failure(server, "ended before it answered")
        if time.monotonic() > deadline:
            raise failure(server, f"did not answer in {timeout_s:.0f} s")

    try:
        while not is_healthy(server):
            check_alive()
            time.sleep(0.2)
        try:  # /health answers before the model is loaded
            hello = [{"role": "user", "content": "Hello"}]
            left_s = max(1.0, deadline - time.monotonic())
            complete(server, hello, max_tokens=1, timeout_s=left_s)
        except openai.APIError as error:
            check_alive()
            raise failure(server, f"gave no first reply ({short(error)})") from None
        check_alive()  # or another program answered on its port
    except BaseException:  # Ctrl-C as well: no server is left half started
        end(server)
        raise


def is_healthy(server: ServerRecord) -> bool:
    import httpx2

    url = f"http://{LOOPBACK}:{server.port}/health"
    try:
        return bool(httpx2.get(url, timeout=5.0, trust_env=False).is_success)  # no proxy
    except httpx2.HTTPError:
        return False


def complete(
    server: ServerRecord, messages: Sequence[Message], *, max_tokens: int, timeout_s: float = 600.0
) -> Any:
    """Its own greedy reply, which no ledger has. openai.APIError: it breaks off, or refuses."""
    settings = EndpointSettings("", "openai", server.base_url, server.model, server.api_key)
    asked = {"model": server.model, "messages": list(messages), "max_tokens": max_tokens}
    with sdk_client(settings) as client:
        chat = client.with_options(timeout=timeout_s, max_retries=0).chat
        return chat.completions.create(**asked, temperature=0.0).choices[0]


def failure(server: ServerRecord, what: str) -> SetupError:
    said = f"The {server.role}'s server for {server.model} {what}."
    return SetupError(f"{said} {end_of_log(server)}")


def end_of_log(server: ServerRecord) -> str:
    """`runs/t/deploy/student.log ends: …`"""
    path = home() / server.log
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    lines = [one_line(line) for line in text.splitlines() if line.strip()]
    tail = " | ".join(lines[-4:])[-600:] or "nothing was written"
    return f"{server.log} ends: {tail}"


def stop(run_name: str = "") -> list[ServerRecord]:
    """Stop the servers of a run, or of every run, and nothing else; returns those that ran."""
    stopped = []
    for server in records(run_name):
        if end(server):
            stopped.append(server)
        state = read_state(server.run_name)
        if state.get(f"{server.role.upper()}_OPENAI_BASE_URL") == server.base_url:
            forget_endpoint(server.role, server.run_name)
    return stopped


def _model_name(role: str, model_dir: Path) -> str:
    folder = home() / model_dir
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise SetupError(
            f"The {role} has no model in {portable(folder)} (config.json and *.safetensors; an "
            "adapter alone is none). Run 2_finetune.ipynb: it makes one."
        )
    name = portable(folder)
    if not re.fullmatch(r"[\w./-]+", name):
        raise SetupError(
            f"The model's path '{name}' has characters that a model name cannot have. Use letters, "
            "digits, '.', '_', '-' and '/'."
        )
    return name


def _environment() -> dict[str, str]:
    """Ours without secrets: a model server needs none. Half the cores, as two servers run."""
    public = {name: value for name, value in os.environ.items() if not SECRET_NAME.search(name)}
    ours = {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",  # of transformers at pypi.org, once a day
        "OMP_NUM_THREADS": str(max(1, num_cores() // 2)),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    return public | ours
