"""One model served by `transformers serve` on loopback: start, wait until it answers, reuse.

How it is started was measured (`python -m benchmarks serving`: RAFT prompts of 738 tokens, two
cores): two servers of one thread answer 4.6 requests/s together in 0.5 GB each, one of two threads
3.3; `--continuous-batching` takes a third more memory and is no faster.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lib.deploy.probe import check_alive, is_healthy, write_one_token
from lib.deploy.processes import (
    LOOPBACK,
    ServerRecord,
    created,
    end,
    free_port,
    is_running,
    record_path,
    records,
    save_record,
    start_process,
)
from lib.settings import STATE_KEYS, SetupError, home, portable, read_state, save_state
from lib.store import read_json

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)


@dataclass(frozen=True)
class Served:
    """A server that answers."""

    role: str
    base_url: str  # ends with /v1
    model: str  # its name there, relative to home(): no absolute path is sent or shown
    pid: int
    port: int
    log_path: Path
    reused: bool


def deploy_model(
    role: str,
    model_dir: Path,
    *,
    run_name: str,
    port: int = 0,
    max_memory_gib: float = 0.0,
    timeout_s: float = 180.0,
) -> Served:
    """Serve a merged model, or find the healthy server that does already.

    Args:
        port: 0 = any free one.
        max_memory_gib: on a CPU, the process gets no more; 0 = by the size of the weights.
        timeout_s: seconds until it must answer.

    Raises:
        SetupError: no model there, the port is in use, the server died or did not answer in time.
    """
    record, reused = begin(
        role, model_dir, run_name=run_name, port=port, max_memory_gib=max_memory_gib
    )
    return wait_ready(record, reused=reused, timeout_s=timeout_s)


def begin(
    role: str, model_dir: Path, *, run_name: str, port: int, max_memory_gib: float
) -> tuple[ServerRecord, bool]:
    """Start a server without waiting for it; True = one that runs already will do."""
    model = _model_name(role, model_dir)
    options = _options(home() / model, max_memory_gib)
    path = record_path(run_name, role)
    for old in records(run_name):
        if old.role != role:
            continue
        same = old.model == model and old.options == options and port in (0, old.port)
        if same and is_running(old) and is_healthy(old):
            return old, True
        end(old)
    port = free_port(port)
    log_path = path.with_suffix(".log")
    process = start_process(
        _command(model, port, options), environment=_environment(), log_path=log_path
    )
    record = ServerRecord(
        role=role,
        run_name=run_name,
        pid=process.pid,
        started=created(process.pid),
        port=port,
        model=model,
        options=options,
        log=portable(log_path),
    )
    save_record(record)
    return record, False


def wait_ready(record: ServerRecord, *, reused: bool, timeout_s: float) -> Served:
    """Wait until the server is healthy and its model has written one token; else end it."""
    log_path, deadline = home() / record.log, time.monotonic() + timeout_s
    try:
        while not is_healthy(record):
            check_alive(record, log_path, deadline, timeout_s)
            time.sleep(0.2)
        write_one_token(record, log_path, deadline, timeout_s)
        check_alive(record, log_path, deadline, timeout_s)  # not another's server on this port
    except BaseException:  # Ctrl-C as well: nothing half started stays behind
        end(record)
        raise
    return Served(
        role=record.role,
        base_url=record.base_url,
        model=record.model,
        pid=record.pid,
        port=record.port,
        log_path=log_path,
        reused=reused,
    )


def stop(run_name: str = "") -> list[ServerRecord]:
    """End the servers of a run, or of every run, and nothing else; those that still ran."""
    ended = []
    for record in records(run_name):
        if end(record):
            ended.append(record)
        _forget(record)
    return ended


def _forget(record: ServerRecord) -> None:
    """Drop the state keys that name a server which is gone."""
    prefix = f"{record.role.upper()}_OPENAI_"
    if read_state().get(f"{prefix}BASE_URL") == record.base_url:
        save_state(**{key: None for key in STATE_KEYS if key.startswith(prefix)})


def _model_name(role: str, model_dir: Path) -> str:
    folder = model_dir if Path(model_dir).is_absolute() else home() / model_dir
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


def _options(model_dir: Path, max_memory_gib: float) -> str:
    """How this machine serves; part of the record, so that another way starts another server."""
    if _has_gpu():
        # Two servers share the GPU, so each may take less than half of what is free.
        return "--device auto --dtype auto --continuous-batching --cb-max-memory-percent 0.4"
    limit_bytes = int(max_memory_gib * 2**30) or _memory_cap_bytes(model_dir)
    copying = " --copying" if _can_look_ahead(model_dir) else ""
    return f"--device cpu --dtype float32{copying} --limit {limit_bytes}"


def _can_look_ahead(model_dir: Path) -> bool:
    """Whether a model's cache can forget the tokens that were proposed to it and were wrong.

    Those that keep a window or a state of what they read cannot: only families known to keep all.
    """
    config = read_json(model_dir / "config.json")
    attends_to_all = not config.get("use_sliding_window")
    return config.get("model_type") in ("llama", "qwen2", "qwen3") and attends_to_all


def _memory_cap_bytes(model_dir: Path) -> int:
    """2 GiB for the program and one long prompt, and the weights in float32 while they load."""
    weights = sum(path.stat().st_size for path in model_dir.glob("*.safetensors"))
    return 2 * 2**30 + 4 * weights


def _command(model: str, port: int, options: str) -> list[str]:
    program = shutil.which("transformers", path=str(Path(sys.executable).parent))
    if program is None:
        raise SetupError(
            "The program 'transformers' is not beside this Python. pip install -r requirements.txt."
        )
    words, limit, program_words = options.split(), "0", [program]
    if "--limit" in words:
        limit = words.pop()
        words.remove("--limit")
    if "--copying" in words:
        words.remove("--copying")
        program_words = [sys.executable, str(_beside("copying.py"))]
    serve = [*program_words, "serve", model, "--host", LOOPBACK, "--port", str(port), *words]
    return [sys.executable, str(_beside("limited.py")), limit, *serve]


def _beside(name: str) -> Path:
    return Path(__file__).with_name(name)


def _environment() -> dict[str, str]:
    """Ours without secrets: a model server needs none. Half the cores, as two servers run."""
    kept = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
    ours = {
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // 2)),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    return kept | ours


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())
