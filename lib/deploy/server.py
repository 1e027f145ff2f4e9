"""One model served by `transformers serve` on loopback: start, wait until it answers, reuse, stop.

The settings were measured (`python -m benchmarks serving`; docs/experiments.md).
"""

from __future__ import annotations

import http.client
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

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
from lib.recipe import Recipe
from lib.settings import SECRET_NAME, SetupError, home, portable
from lib.state import forget_endpoint, read_state
from lib.store import read_json
from lib.text import one_line

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback: no proxy


def start(role: str, model_dir: Path, recipe: Recipe) -> tuple[ServerRecord, bool]:
    """Start a server without waiting for it; True = a server that runs already is reused."""
    model = _model_name(role, model_dir)
    options = _options(home() / model, recipe.server_memory_gib)
    for old in records(recipe.run_name):
        if old.role != role:
            continue
        same = old.model == model and old.options == options
        if same and is_running(old) and is_healthy(old):
            return old, True
        end(old)
    port = free_port()
    log_path = record_path(recipe.run_name, role).with_suffix(".log")
    command = _command(model, port, options)
    pid, started = start_process(command, environment=_environment(), log_path=log_path)
    log = portable(log_path)
    server = ServerRecord(role, recipe.run_name, pid, started, port, model, options, log)
    server.save()
    return server, False


def wait_until_ready(server: ServerRecord, *, timeout_s: float) -> None:
    """Wait until the server is healthy and its model has written one token; else end it."""
    deadline = time.monotonic() + timeout_s
    try:
        while not is_healthy(server):
            _check_alive(server, deadline, timeout_s)
            time.sleep(0.2)
        _check_writes(server, deadline, timeout_s)
        _check_alive(server, deadline, timeout_s)  # or another program answered on its port
    except BaseException:  # Ctrl-C as well: no server is left half started
        end(server)
        raise


def is_healthy(server: ServerRecord) -> bool:
    try:
        with _OPENER.open(f"http://{LOOPBACK}:{server.port}/health", timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def _check_alive(server: ServerRecord, deadline: float, timeout_s: float) -> None:
    """Raise a SetupError if the server has ended, or the deadline has passed."""
    if not is_running(server):
        raise _failure(server, "ended before it answered")
    if time.monotonic() > deadline:
        raise _failure(server, f"did not answer in {timeout_s:.0f} s")


def _check_writes(server: ServerRecord, deadline: float, timeout_s: float) -> None:
    """Raise a SetupError unless the model writes one token: /health answers before it is loaded."""
    messages = [{"role": "user", "content": "Hello"}]
    body = {"model": server.model, "messages": messages, "max_tokens": 1, "temperature": 0.0}
    request = urllib.request.Request(
        f"{server.base_url}/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with _OPENER.open(request, timeout=max(1.0, deadline - time.monotonic())) as response:
            json.load(response)["choices"][0]
    except urllib.error.HTTPError as error:
        raise _failure(server, f"cannot write: it answers {error.code}") from None
    except (OSError, http.client.HTTPException) as error:
        _check_alive(server, deadline, timeout_s)
        raise _failure(server, f"broke off its first reply ({error})") from None


def _failure(server: ServerRecord, what: str) -> SetupError:
    """`The student's server for m ended before it answered. runs/t/deploy/student.log ends: …`"""
    path = home() / server.log
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    lines = [one_line(line) for line in text.splitlines() if line.strip()]
    tail = " | ".join(lines[-4:])[-600:] or "nothing was written"
    said = f"The {server.role}'s server for {server.model} {what}."
    return SetupError(f"{said} {server.log} ends: {tail}")


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
        if (folder / "adapter_config.json").is_file():
            raise SetupError(
                f"{portable(folder)} is an adapter, and a server needs the merged model. Give the "
                "merged/ folder beside it."
            )
        raise SetupError(
            f"The {role} has no model in {portable(folder)} (config.json and *.safetensors). "
            "Run 2_finetune.ipynb: it makes one."
        )
    name = portable(folder)
    if not re.fullmatch(r"[\w./-]+", name):
        raise SetupError(
            f"The model's path '{name}' has characters that a model name cannot have. Use letters, "
            "digits, '.', '_', '-' and '/'."
        )
    return name


def _options(model_dir: Path, memory_gib: float) -> str:
    """How this machine serves a model; part of the record: other options start another server."""
    import torch

    if torch.cuda.is_available():
        # Two servers share the GPU, so each may take less than half of the free memory.
        return "--device auto --dtype auto --continuous-batching --cb-max-memory-percent 0.4"
    limit_bytes = int(memory_gib * 2**30)
    if not limit_bytes:  # 2 GiB for the program and a long prompt; float32 weights while they load
        weights = sum(path.stat().st_size for path in model_dir.glob("*.safetensors"))
        limit_bytes = 2 * 2**30 + 4 * weights
    # Whose attention is told by masks alone (tested), gemma3_text also beyond its sliding window.
    config = read_json(model_dir / "config.json")
    masked = config.get("model_type") in ("llama", "qwen2", "qwen3", "gemma3_text")
    batch = " --batch" if masked and not config.get("use_sliding_window") else ""
    return f"--device cpu --dtype float32{batch} --limit {limit_bytes}"


def _command(model: str, port: int, options: str) -> list[str]:
    program = [sys.executable, str(Path(__file__).with_name("launcher.py"))]
    serve = ["serve", model, "--host", LOOPBACK, "--port", str(port)]
    return [*program, *serve, *options.split()]


def _environment() -> dict[str, str]:
    """Ours without secrets: a model server needs none. Half the cores, as two servers run."""
    public = {name: value for name, value in os.environ.items() if not SECRET_NAME.search(name)}
    ours = {
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // 2)),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    return public | ours
