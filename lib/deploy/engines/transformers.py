"""`transformers serve`: in .venv already, greedy, with our batches on a CPU.

The settings were measured (`python -m benchmarks serving`; docs/experiments.md).
"""

import sys
from pathlib import Path

from lib.deploy.processes import LOOPBACK
from lib.recipe import Recipe
from lib.store import read_json

KEY_NAME = ""


def python() -> Path:
    return Path(sys.executable)


def options(model_dir: Path, recipe: Recipe, *, adapters: dict[str, Path]) -> str:
    import torch

    if torch.cuda.is_available():
        # Two servers share the GPU, so each may take less than half of the free memory.
        return "--device auto --dtype auto --continuous-batching --cb-max-memory-percent 0.4"
    limit_bytes = int(recipe.server_memory_gib * 2**30)
    if not limit_bytes:  # 2 GiB for the program and a long prompt; float32 weights while they load
        weights = sum(path.stat().st_size for path in model_dir.glob("*.safetensors"))
        limit_bytes = 2 * 2**30 + 4 * weights
    # Whose attention is told by masks alone (tested), gemma3_text also beyond its sliding window.
    config = read_json(model_dir / "config.json")
    masked = config.get("model_type") in ("llama", "qwen2", "qwen3", "gemma3_text")
    batch = " --batch" if masked and not config.get("use_sliding_window") else ""
    return f"--device cpu --dtype float32{batch} --limit {limit_bytes}"


def command(model: str, port: int, options: str) -> list[str]:
    program = [str(python()), str(Path(__file__).parents[1] / "launcher.py")]
    serve = ["serve", model, "--host", LOOPBACK, "--port", str(port)]
    return [*program, *serve, *options.split()]
