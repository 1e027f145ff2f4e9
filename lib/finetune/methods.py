"""The ways to train: adapters beside the weights as they are or quantised, or every weight."""

import time
import timeit
from functools import cache
from pathlib import Path
from textwrap import shorten
from typing import Any

from lib.finetune.model_files import load_weights, wrong_content
from lib.finetune.rows import PreparedRows
from lib.recipe import Recipe
from lib.settings import SetupError, expanded, home, portable

CLEARLY_FASTER = 1.2  # so that one machine always chooses the same
_BLOCK = 64  # weights that share a scale in NF4; a CPU wants widths in whole blocks


def load_model(rows: PreparedRows, recipe: Recipe) -> Any:
    """The model to train, and the LoraConfig of its new adapters or None.

    What is trained is float32: the adapters beside a bf16 or quantised model, or else all weights.
    """
    import torch
    from transformers import BitsAndBytesConfig

    on_gpu, frozen = torch.cuda.is_available(), recipe.method != "full"
    dtype = torch.bfloat16 if frozen and on_gpu and has_bf16() else torch.float32
    options: dict[str, Any] = {}
    if recipe.method in ("qlora", "lora_8bit"):
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_8bit=recipe.method == "lora_8bit",
            load_in_4bit=recipe.method == "qlora",
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,  # arXiv:2305.14314
            bnb_4bit_compute_dtype=torch.bfloat16 if has_bf16() else torch.float32,
        )
        options["device_map"] = {"": torch.cuda.current_device() if on_gpu else "cpu"}
    model = load_weights(rows.base.folder, dtype=dtype, **options)
    if recipe.method == "qlora" and not on_gpu:
        _prepare_4_bit_for_cpu(model)
    if recipe.from_adapter:
        adapted = load_adapter(model, adapter_dir(recipe.from_adapter), is_trainable=True)
        _require_mergeable(adapted, recipe.from_adapter)
        return adapted, None
    return model, lora_config(recipe, model) if frozen else None


def _prepare_4_bit_for_cpu(model: Any) -> None:
    from bitsandbytes.nn import Linear4bit

    for name, layer in model.named_modules():
        if isinstance(layer, Linear4bit):
            # A validation would pack the weights for a kernel without a gradient, which training
            # then uses (bitsandbytes 0.50, CPUs with AVX-512 BF16).
            layer.support_avx512bf16_for_cpu = False
            if layer.in_features % _BLOCK:
                raise SetupError(
                    f"method is 'qlora', and {name} is {layer.in_features} wide; on a CPU 4 bit "
                    f"needs multiples of {_BLOCK}. Set method to 'lora_8bit' or 'lora'."
                )


def lora_config(recipe: Recipe, model: Any) -> Any:
    import torch
    from peft import LoraConfig
    from transformers.pytorch_utils import Conv1D

    output = model.get_output_embeddings()  # TRL reads its weights past an adapter
    linear = {n: it for n, it in model.named_modules() if isinstance(it, torch.nn.Linear | Conv1D)}
    # Mamba's kernels read the weights of its out_proj past an adapter; a router gives a tuple, to
    # which no adapter can add (Llama 4, PhiMoE).
    read = {f"{name}.out_proj" for name, it in model.named_modules() if hasattr(it, "A_log")}
    without = [n for n, it in linear.items() if n in read or type(it).__name__.endswith("Router")]
    has = {
        name.rpartition(".")[2]
        for name, it in linear.items()
        if it is not output and name not in without
    }
    if unknown := sorted(set(recipe.lora_targets) - has):
        raise SetupError(
            f"lora_targets holds {', '.join(map(repr, unknown))}, and {recipe.student_model} has "
            f"no such linear layers. It has {', '.join(sorted(has))}."
        )
    return LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=recipe.lora_targets or "all-linear",
        exclude_modules=without or None,
        use_rslora=recipe.use_rslora,
        use_dora=recipe.use_dora,
        task_type="CAUSAL_LM",
    )


def without_adapters(model: Any) -> str:
    """`mlp.experts.down_proj, mlp.router.weight: 57% of the weights of its layers`, those that are
    frozen with adapters on everything that can have one; "" = none."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    reached = set[int]()
    for layer in model.modules():
        if isinstance(layer, BaseTunerLayer):
            whole = hasattr(layer, "get_param")  # on a parameter: experts
            reached.add(id(layer.get_param() if whole else layer.get_base_layer().weight))
    weights = {
        name.replace(".base_layer", ""): it
        for name, it in model.get_base_model().named_parameters()
        if it.dim() > 1 and "layers." in name and "lora_" not in name
    }
    left = {name: it.numel() for name, it in weights.items() if id(it) not in reached}
    share = sum(left.values()) / max(1, sum(it.numel() for it in weights.values()))
    names = sorted({name.rpartition("layers.")[2].partition(".")[2] for name in left})
    return f"{', '.join(names)}: {share:.0%} of the weights of its layers" if share >= 0.01 else ""


def has_bf16() -> bool:
    """Whether training multiplies in bf16; what is trained stays in float32.

    Of a CPU it is measured, as names do not tell. Float32 took 1.5 to 2.2 times as long with AMX,
    1.4 to 2.0 with AVX-512 BF16 alone, 0.4 to 0.5 with neither (two cores, idle and busy).
    """
    import torch

    if torch.cuda.is_available():  # older GPUs emulate it slowly
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return _product_s(torch.float32) > CLEARLY_FASTER * _product_s(torch.bfloat16)


@cache
def _product_s(dtype: Any) -> float:
    """Seconds of a product of the size of a small student's layer: the best of ten, or of those
    that begin within half a second (a CPU that emulates bf16 takes 0.7 s for one)."""
    import torch

    rows, weights = torch.ones(1024, 256, dtype=dtype), torch.ones(256, 1024, dtype=dtype)
    took_s, start = list[float](), time.perf_counter()
    while not took_s or (len(took_s) < 10 and time.perf_counter() - start < 0.5):
        took_s.append(timeit.timeit(lambda: rows @ weights, number=1))
    return min(took_s)


# --- adapters ------------------------------------------------------------------------------------


def adapter_dir(from_adapter: str) -> Path:
    """The folder of an adapter; of a student, the one inside."""
    path = home() / expanded(from_adapter)
    for folder in (path, path / "adapter"):
        if (weights := folder / "adapter_model.safetensors").is_file():
            if wrong := wrong_content(weights):
                raise SetupError(f"from_adapter: {portable(weights)} {wrong}")
            return folder
    raise SetupError(
        f"from_adapter is '{from_adapter}', and no adapter_model.safetensors is there. Give the "
        "folder `adapter/` of a student that was trained with adapters."
    )


def _require_mergeable(adapted: Any, from_adapter: str) -> None:
    """Before it is trained: TRL reads the output's weights past an adapter on them, and one on an
    embedding that is tied to them would change both when it is merged."""
    model, kind = adapted.get_base_model(), adapted.peft_config["default"].peft_type.value
    ends = [model.get_output_embeddings()]
    if getattr(model.config.get_text_config(), "tie_word_embeddings", False):
        ends.append(model.get_input_embeddings())
    if kind != "LORA" or any(hasattr(layer, "lora_A") for layer in ends):
        raise SetupError(
            f"from_adapter is '{from_adapter}', an adapter of kind {kind} or on the output (or the "
            "embeddings tied to it), which cannot be trained on and merged. Give a LoRA adapter of "
            "the layers between the embeddings and the output."
        )


def load_adapter(model: Any, folder: Path, **options: Any) -> Any:
    """The model with an adapter on it, every weight of which is checked to be there.

    PEFT only warns about weights of other names, and the model then answers as its base.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors.torch import load_file

    try:
        adapted = PeftModel.from_pretrained(model, str(folder), **options)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:  # other layers, sizes, config
        reason = shorten(str(error), 300, placeholder=" …")
        raise SetupError(
            f"{portable(folder)} does not fit this model ({reason}). Give an adapter of the same "
            "base model, with its adapter_config.json."
        ) from None
    # Where the base is here: of another place PEFT asks the model hub whenever it saves.
    adapted.peft_config["default"].base_model_name_or_path = model.name_or_path
    stored = load_file(folder / "adapter_model.safetensors")
    loaded = get_peft_model_state_dict(adapted)
    both = stored.keys() & loaded.keys()
    same = {name for name in both if stored[name].equal(loaded[name].to(stored[name]))}
    if absent := (stored.keys() | loaded.keys()) - same:
        raise SetupError(
            f"{portable(folder)} was not loaded: {len(absent)} of {len(stored)} weights differ "
            f"({min(absent)}). It belongs to another model, or another version of peft wrote it."
        )
    return adapted
