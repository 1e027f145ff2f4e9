"""Several processes: how they share the work, and that they really do."""

import os
import re
from typing import Any

from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, SetupError

ACCELERATE_DIR = PROJECT_DIR / "infra" / "accelerate"


def processes_wanted() -> int:
    """As torchrun, accelerate or Slurm's launcher set it; 1 = a plain `python -m`."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def parallel_arguments(recipe: Recipe) -> dict[str, Any]:
    """`infra/accelerate/<parallel>.yaml` for transformers, also without `accelerate launch`."""
    if recipe.parallel == "ddp" or processes_wanted() == 1:
        return {}
    if recipe.parallel == "zero3":
        return {"deepspeed": str(ACCELERATE_DIR / "zero3.json")}
    import yaml

    config = yaml.safe_load((ACCELERATE_DIR / "fsdp2.yaml").read_text("utf-8"))
    settings = {name.removeprefix("fsdp_"): it for name, it in config["fsdp_config"].items()}
    return {"fsdp": True, "fsdp_config": settings}


def require_processes(process: Any, parallel: str) -> None:
    """Stop where fewer processes run than were asked for, as after `accelerate launch --cpu`."""
    started = process.num_processes
    asked = max(processes_wanted(), _typed_processes(), 1 if parallel == "ddp" else 2)
    if started < asked:
        raise SetupError(
            f"{asked} processes or more were asked for (parallel is '{parallel}'), and {started} "
            f"started. Start them with torchrun --nproc-per-node {asked} -m lib.finetune.train "
            "CONFIG."
        )


def _typed_processes() -> int:
    """The number in `accelerate launch --num_processes 2 …`, which no variable passes on."""
    import psutil

    try:
        command = " ".join(psutil.Process(os.getppid()).cmdline())
    except psutil.Error:
        return 1
    typed = re.search(r" --num_processes[ =](\d+)", command)
    return int(typed[1]) if typed else 1


def require_divided(model: Any, parallel: str) -> None:
    """Stop where each process has whole weights, though they were to be divided: accelerate turns
    FSDP into DDP without a word where it does not know the device."""
    if parallel == "ddp" or processes_wanted() == 1:
        return
    from torch.distributed.tensor import DTensor

    whole = [
        name
        for name, weight in model.named_parameters()
        if not isinstance(weight, DTensor) and not hasattr(weight, "ds_id")  # FSDP2, ZeRO-3
    ]
    if whole:
        raise SetupError(
            f"parallel is '{parallel}', and {len(whole)} weights are whole in each process (such "
            f"as {whole[0]}). On this device set parallel to 'ddp'."
        )
