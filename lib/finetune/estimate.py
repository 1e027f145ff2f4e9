"""How much memory a training takes, from the sizes of the weights; and what to do without it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lib.finetune.methods import has_bf16
from lib.finetune.model_files import text_config, weight_shapes
from lib.finetune.rows import PreparedRows
from lib.recipe import Recipe
from lib.settings import SetupError, unwritable

_TRAINED_BYTES = 16  # a weight that is trained: itself, its gradient and Adam's two, in float32
_SECOND_BYTES = {"dpo": 20, "grpo": 16}  # a weight of the second training; DPO has a copy
_QUANTISED_BYTES = {"qlora": 0.53, "lora_8bit": 1.01}  # a weight with its share of the scales
_PROCESS_GIB = 0.8  # Python and the libraries, on a CPU


def memory_estimate(rows: PreparedRows, recipe: Recipe, *, processes: int) -> str:
    """`Memory, estimated: 2.1 GiB (0.1 for weights, gradients and optimizer, 1.2 for 4 rows …`"""
    import torch

    on_gpu, in_bf16 = torch.cuda.is_available(), has_bf16()
    recompute = on_gpu and recomputes(rows, recipe)
    weights_gib, rows_gib, own_gib = estimated_gib(
        rows, recipe, on_gpu=on_gpu, in_bf16=in_bf16, recompute=recompute
    )
    if recipe.parallel != "ddp":
        weights_gib /= processes
    what = "weights, gradients and optimizer"
    if recipe.then:
        every = sum(map(math.prod, weight_shapes(rows.base.folder).values()))
        weights_gib = max(weights_gib, _SECOND_BYTES[recipe.then] * every / 2**30)
        what += f" of {recipe.then}, which trains every weight"
    parts = f"{weights_gib:.1f} for {what}, {rows_gib:.1f} for "
    parts += f"{recipe.batch_size} rows of {rows.lengths.max_total_tokens:,} tokens"
    parts += ", computed twice to save memory" if recompute else ""
    parts += ", in float32: this GPU has no bf16 arithmetic" if on_gpu and not in_bf16 else ""
    parts += f", {own_gib:.1f} for the libraries" if own_gib else ""
    total_gib = weights_gib + rows_gib + own_gib
    said = f"Memory, estimated: {total_gib:.1f} GiB ({parts})"
    free_gib = free_memory_gib(on_gpu=on_gpu)
    if total_gib > free_gib:
        return f"{said}, and {free_gib:.1f} GiB are free: it may not fit. {_KNOBS}"
    return f"{said}; {free_gib:.1f} GiB are free."


def recomputes(rows: PreparedRows, recipe: Recipe) -> bool:
    """Whether a GPU keeps only each layer's input, and computes the rest again for the gradient,
    for a third more time. Not where, by the estimate, everything takes at most half of the free
    memory; always where processes divide the weights."""
    needed = estimated_gib(rows, recipe, on_gpu=True, in_bf16=has_bf16(), recompute=False)
    return recipe.parallel != "ddp" or sum(needed) > free_memory_gib(on_gpu=True) / 2


def estimated_gib(
    rows: PreparedRows, recipe: Recipe, *, on_gpu: bool, in_bf16: bool, recompute: bool
) -> tuple[float, float, float]:
    """Memory of the weights and what trains them, of a batch of rows, and of the process itself."""
    weights = _weight_bytes(rows, recipe, float_bytes=2 if on_gpu and in_bf16 else 4)
    value_bytes = 2 if in_bf16 else 4
    if in_bf16 and not on_gpu:
        value_bytes = 6  # autocast there keeps both (measured: 5 and 270 million weights)
    activations = _activation_bytes(rows, recipe, value_bytes, recompute=recompute)
    return weights / 2**30, activations / 2**30, 0.0 if on_gpu else _PROCESS_GIB


_KNOBS = (
    "Lower batch_size and raise gradient_accumulation_steps as much, set method to 'qlora' or "
    "'lora', or lower num_distractors or chunk_chars in 1_gen."
)


def out_of_memory(rows: PreparedRows, recipe: Recipe) -> str:
    """What to say of a training that the memory was too small for."""
    tried = f"method '{recipe.method}', batch_size {recipe.batch_size}, rows of at most "
    tried += f"{rows.lengths.max_total_tokens:,} tokens"
    return f"Training needed more memory than there is ({tried}). {_KNOBS}"


@contextmanager
def training_errors(rows: PreparedRows, recipe: Recipe, folder: Path) -> Iterator[None]:
    """Say in one line what was tried where the memory does not suffice, or the folder's disk."""
    import torch
    from safetensors import SafetensorError

    try:
        yield
    except (MemoryError, RuntimeError, OSError, SafetensorError) as error:
        if told := unwritable(folder, error):
            raise told from None
        said = str(error)
        asked = "can't allocate memory" in said or "not enough memory" in said  # torch, on a CPU
        if asked or isinstance(error, MemoryError | torch.OutOfMemoryError):
            raise SetupError(out_of_memory(rows, recipe)) from None
        raise


def free_memory_gib(*, on_gpu: bool) -> float:
    import psutil
    import torch

    free = torch.cuda.mem_get_info()[0] if on_gpu else psutil.virtual_memory().available
    return float(free / 2**30)


def _weight_bytes(rows: PreparedRows, recipe: Recipe, *, float_bytes: int) -> float:
    shapes = weight_shapes(rows.base.folder)
    every = sum(math.prod(shape) for shape in shapes.values())
    if recipe.method == "full":
        return _TRAINED_BYTES * every
    layers = [
        (name.removesuffix(".weight").rpartition(".")[2], shape)
        for name, shape in shapes.items()
        if len(shape) == 2 and "embed" not in name and "lm_head" not in name
    ]
    targets = recipe.lora_targets or [name for name, _ in layers]
    adapters = sum(recipe.lora_rank * sum(shape) for name, shape in layers if name in targets)
    divided = sum(math.prod(shape) for _, shape in layers)
    frozen_bytes = _QUANTISED_BYTES.get(recipe.method, float_bytes)
    return divided * frozen_bytes + (every - divided) * float_bytes + adapters * _TRAINED_BYTES


def _activation_bytes(
    rows: PreparedRows, recipe: Recipe, value_bytes: int, *, recompute: bool
) -> float:
    """What the backward pass needs of a batch of the longest rows: layers and logits."""
    config = text_config(rows.base.folder)
    width = config.get("hidden_size") or 0
    layers = config.get("num_hidden_layers") or 0
    inner = config.get("intermediate_size") or 4 * width
    inner = max(inner) if isinstance(inner, list) else inner  # one for each layer (Gemma 3n)
    a_layer = (8 * width + 4 * inner) * value_bytes
    # Activation checkpointing: each layer's input, and one layer at a time.
    of_layers = value_bytes * width * layers + a_layer if recompute else a_layer * layers
    tokens = recipe.batch_size * rows.lengths.max_total_tokens
    learnt = recipe.batch_size * rows.lengths.max_completion_tokens
    return float(tokens * of_layers + learnt * (config.get("vocab_size") or 0) * 12)
