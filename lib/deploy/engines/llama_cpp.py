"""llama.cpp: for laptops, from a GGUF file. In its own .venv-llama-cpp (`make llama_cpp`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from lib.deploy.processes import LOOPBACK
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, SetupError, home, portable
from lib.store import fingerprint, read_json
from lib.threads import num_cores

KEY_NAME = "LLAMA_API_KEY"
SLOTS, SLOT_TOKENS = 8, 4096  # requests at work: fewer of them before each has less context
_CACHE_BYTES = 2 * 2**30  # of keys and values, unless server_memory_gib says


def python() -> Path:
    return PROJECT_DIR / ".venv-llama-cpp" / "bin" / "python"


def options(model_dir: Path, recipe: Recipe, *, adapters: dict[str, Path]) -> str:
    """The GGUF file is made if it is not there yet."""
    config = read_json(model_dir / "config.json")
    most = int(recipe.server_memory_gib * 2**30) or _CACHE_BYTES
    limit = int(config.get("max_position_embeddings") or 4096)
    tokens = most // _bytes_per_token(config)
    slots = max(1, min(SLOTS, tokens // min(limit, SLOT_TOKENS)))
    context = slots * min(limit, tokens // slots)
    threads = max(1, num_cores() // 2)  # two servers run
    gguf = portable(_gguf(model_dir, recipe.gguf_type))
    return f"{gguf} --context {context} --slots {slots} --threads {threads}"


def command(model: str, port: int, options: str) -> list[str]:
    server = [str(python()), "-P", str(Path(__file__).with_name("llama_cpp_server.py"))]
    return [*server, *options.split(), "--name", model, "--host", LOOPBACK, "--port", str(port)]


def _bytes_per_token(config: dict[str, Any]) -> int:
    """Of keys and values in 16 bits."""
    heads = config["num_attention_heads"]
    size = config.get("head_dim") or config["hidden_size"] // heads
    kept = config.get("num_key_value_heads") or heads
    return int(config["num_hidden_layers"] * 2 * kept * size * 2)


def _gguf(model_dir: Path, kind: str) -> Path:
    """The exported file of exactly this model; `python -m lib.finetune.export` writes it."""
    name = portable(model_dir)
    weights = sorted(path.stat().st_size for path in model_dir.glob("*.safetensors"))
    template = model_dir / "chat_template.jinja"
    text = template.read_text(encoding="utf-8") if template.is_file() else ""
    made_of = {"model": name, "type": kind, "weights": weights, "template": text, "converter": 2}
    folder = home() / "artefacts" / "exports" / f"served-{fingerprint(made_of)}"
    if not folder.exists():
        print(f"{name} is converted to GGUF (once) …", flush=True)
        wanted = ["--type", kind] if kind else []
        module = [sys.executable, "-m", "lib.finetune.export", "--to", "gguf"]
        done = subprocess.run(
            [*module, str(model_dir), *wanted, "--out", str(folder)],
            cwd=PROJECT_DIR,
            env=os.environ | {"OPENBOOK_HOME": str(home())},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = done.stderr.strip().rpartition("\n")[2]
            raise SetupError(said.partition(": ")[2] or f"{name} was not converted to GGUF.")
    return next(folder.glob("*.gguf"))
