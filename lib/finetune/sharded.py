"""A checkpoint that each process wrote a part of (SHARDED_STATE_DICT), made a whole student."""

import shutil
from pathlib import Path
from typing import Any

from lib.finetune.merge import licence_of, save_adapter, save_model
from lib.finetune.methods import adapter_dir, lora_config
from lib.finetune.model_files import load_weights
from lib.finetune.students import fetch_student
from lib.finetune.tokens import load_tokenizer
from lib.recipe import Recipe
from lib.settings import SetupError, portable, write_text

_SHARDS = "pytorch_model_fsdp_0"  # accelerate's name, in a checkpoint


def _shards_dir(checkpoint: Path) -> Path:
    """The folder of the parts: of a checkpoint, or given itself."""
    for folder in (checkpoint / _SHARDS, checkpoint):
        if (folder / ".metadata").is_file():
            return folder
    raise SetupError(
        f"{portable(checkpoint)} has no {_SHARDS}/.metadata, so it is not a whole checkpoint of "
        "SHARDED_STATE_DICT. Give a folder checkpoint-N of a training with parallel 'fsdp2'."
    )


def write_whole(checkpoint: Path, recipe: Recipe, folder: Path) -> None:
    """Write merged/, and adapter/ if adapters were trained, as training does at its end.

    accelerate joins the weights alone; the base model gives config and tokenizer, the recipe the
    adapter's settings.
    """
    shards = _shards_dir(checkpoint)
    from accelerate.utils import merge_fsdp_weights
    from safetensors.torch import load_file

    base = fetch_student(recipe.student_model)
    tokenizer = load_tokenizer(base.folder, recipe.dataset_format, recipe.chat_template_path)
    joined = folder / "joined"
    merge_fsdp_weights(str(shards), str(joined))
    state = load_file(joined / "model.safetensors")
    shutil.rmtree(joined)
    model = load_weights(base.folder, dtype=next(iter(state.values())).dtype)
    model = _with_weights(model, state, recipe, checkpoint)
    if hasattr(model, "peft_config"):
        save_adapter(model, folder / "adapter", base, state=None)
        model = model.merge_and_unload(safe_merge=True)
    # Writes config.json, and no lm_head.weight that is tied to the embeddings
    save_model(model, folder / "merged", tokenizer=tokenizer)
    about = f"---\nbase_model: {base.name}\nlicense: {licence_of(base.folder)}\n---\n\n"
    what = f"{checkpoint.name} of a training of {base.name}"
    write_text(folder / "README.md", f"{about}# {what}\n")


def _with_weights(model: Any, state: dict[str, Any], recipe: Recipe, checkpoint: Path) -> Any:
    """The model with these weights, every one of which is checked to have its place."""
    adapted = any("lora_" in name for name in state)
    if adapted == (recipe.method == "full"):
        raise SetupError(
            f"{portable(checkpoint)} holds {'adapters' if adapted else 'every weight'}, and method "
            f"is '{recipe.method}'. Give the training's own parameters: -p FILE, -r NAME VALUE."
        )
    import peft

    if adapted:
        config = lora_config(recipe, model)
        if recipe.from_adapter:
            config = peft.PeftConfig.from_pretrained(str(adapter_dir(recipe.from_adapter)))
        model = peft.get_peft_model(model, config)
    wanted = peft.get_peft_model_state_dict(model) if adapted else model.state_dict()
    shapes, found = ({(name, it.shape) for name, it in w.items()} for w in (wanted, state))
    tied = set() if adapted else model.all_tied_weights_keys.keys() - state.keys()
    if differ := {name for name, _ in shapes ^ found} - tied:
        raise SetupError(
            f"{portable(checkpoint)} does not fit these parameters: {len(differ)} of {len(wanted)} "
            f"weights are absent or of another size (such as {min(differ)}). Give the training's "
            "own: -p FILE, -r NAME VALUE."
        )
    if adapted:
        peft.set_peft_model_state_dict(model, state)
    else:
        model.load_state_dict(state, strict=False)
    return model
