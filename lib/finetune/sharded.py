"""A checkpoint that each process wrote a part of (SHARDED_STATE_DICT), made a whole student."""

import shutil
from pathlib import Path

from lib.finetune.merge import licence_of, save_adapter, save_model
from lib.finetune.methods import adapter_dir, load_adapter, lora_config
from lib.finetune.model_files import load_weights
from lib.finetune.students import fetch_student
from lib.finetune.tokens import load_tokenizer
from lib.recipe import Recipe
from lib.settings import SetupError, portable, write_text


def write_whole(checkpoint: Path, recipe: Recipe, folder: Path) -> None:
    """Write merged/, and adapter/ if adapters were trained, as training does at its end.

    accelerate joins the weights alone; the base model gives config and tokenizer, the recipe the
    adapter's settings.
    """
    parts = checkpoint / "pytorch_model_fsdp_0"  # accelerate's name
    parts = parts if parts.is_dir() else checkpoint
    if not (parts / ".metadata").is_file():
        raise SetupError(
            f"{portable(parts)} has no .metadata, so it is not a whole checkpoint of "
            "SHARDED_STATE_DICT. Give a folder checkpoint-N of a training with parallel 'fsdp2'."
        )
    import torch
    from accelerate.utils import merge_fsdp_weights
    from safetensors.torch import load_file

    base = fetch_student(recipe.student_model)
    tokenizer = load_tokenizer(base.folder, recipe.dataset_format, recipe.chat_template_path)
    adapter = folder / "adapter"
    merge_fsdp_weights(str(parts), str(adapter))
    weights = adapter / "model.safetensors"
    model = load_weights(base.folder, dtype=torch.float32)
    try:
        if recipe.method == "full":
            absent, unknown = model.load_state_dict(load_file(weights), strict=False)
            if unknown or {*absent} - model.all_tied_weights_keys.keys():
                raise RuntimeError
            shutil.rmtree(adapter)
        else:
            weights.rename(adapter / "adapter_model.safetensors")
            if recipe.from_adapter:
                config = adapter_dir(recipe.from_adapter) / "adapter_config.json"
                shutil.copyfile(config, adapter / config.name)
            else:
                lora_config(recipe, model).save_pretrained(adapter)
            adapted = load_adapter(model, adapter)
            save_adapter(adapted, adapter, base, state=None)
            model = adapted.merge_and_unload(safe_merge=True)
    except (SetupError, RuntimeError):
        raise SetupError(
            f"{portable(checkpoint)} does not fit these parameters: its weights have other names "
            "or sizes. Give the training's own: -p FILE, -r NAME VALUE."
        ) from None
    # Writes config.json, and no lm_head.weight that is tied to the embeddings
    save_model(model, folder / "merged", tokenizer=tokenizer)
    about = f"---\nbase_model: {base.name}\nlicense: {licence_of(base.folder)}\n---\n\n"
    what = f"{checkpoint.name} of a training of {base.name}"
    write_text(folder / "README.md", f"{about}# {what}\n")
