"""Several processes: how they share the work, and that they really do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, SetupError

ACCELERATE_DIR = PROJECT_DIR / "infra" / "accelerate"


def processes_wanted() -> int:
    """As torchrun, accelerate or Slurm's launcher set it; 1 = a plain `python -m`."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def parallel_arguments(recipe: Recipe) -> dict[str, Any]:
    """What transformers takes of `infra/accelerate/<parallel>.yaml`, also without
    `accelerate launch`."""
    if recipe.parallel == "ddp" or processes_wanted() == 1:
        return {}
    if recipe.parallel == "zero3":
        return {"deepspeed": str(ACCELERATE_DIR / "zero3.json")}
    import yaml

    config = yaml.safe_load((ACCELERATE_DIR / "fsdp2.yaml").read_text("utf-8"))
    settings = {name.removeprefix("fsdp_"): it for name, it in config["fsdp_config"].items()}
    return {"fsdp": True, "fsdp_config": settings}


def require_processes(process: Any) -> None:
    """Stop where several processes were asked for and one was started, as `accelerate launch --cpu`
    does."""
    asked = int(os.environ.get("ACCELERATE_NUM_PROCESSES") or 0) or processes_wanted()
    if process.num_processes != asked:
        raise SetupError(
            f"{asked} processes were asked for, and {process.num_processes} started. Start them "
            f"with torchrun --nproc-per-node {asked} -m lib.finetune.train CONFIG."
        )


def sharding_watch(parallel: str) -> Any:
    """A callback that stops a training whose weights are not divided, though it was asked for."""
    from transformers import TrainerCallback

    class ShardingWatch(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **known: Any) -> None:
            if args.world_size > 1 and parallel != "ddp":
                require_sharded(known["model"], parallel)

    return ShardingWatch()


def require_sharded(model: Any, parallel: str) -> None:
    """accelerate turns FSDP into DDP without a word where it does not know the device."""
    from torch.distributed.tensor import DTensor

    def divided(weight: Any) -> bool:
        return isinstance(weight, DTensor) or hasattr(weight, "ds_id")  # FSDP2, ZeRO-3

    whole = [name for name, weight in model.named_parameters() if not divided(weight)]
    if whole:
        raise SetupError(
            f"parallel is '{parallel}', and {len(whole)} weights are whole in each process (such "
            f"as {whole[0]}). On this device set parallel to 'ddp'."
        )


def whole_state(trainer: Any) -> dict[str, Any] | None:
    """All weights, in the first process, of a model that is divided; None: it has them itself."""
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        state: dict[str, Any] = trainer.accelerator.get_state_dict(trainer.model_wrapped)
        return state
    return None


def whole_model(base_dir: Path, state: dict[str, Any]) -> Any:
    """An ordinary model with these weights."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(str(base_dir), use_safetensors=True)
    first = next(iter(state.values()))
    model = model.to(first.dtype)
    model.load_state_dict(state)
    return model


def free_model(trainer: Any) -> None:
    """Give the memory of the trained model back, before another is loaded."""
    import torch

    trainer.accelerator.free_memory()
    trainer.model = trainer.model_wrapped = trainer.optimizer = None
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
