"""Rows and tokens that a Llama 3.1 8B learns per second on a GPU: TRL, ours, shared contexts.

Random weights of the real size and random rows of 4,096 tokens, 8 of which share a context: nothing
is downloaded. LoRA on all linear layers, as parameters/Meta-Llama-3.1-8B-Instruct.yaml sets, 8 rows
an update. TRL with its defaults keeps the weights in float32 and recomputes activations; tuned, it
keeps them in bf16, one row a step, and recomputes nothing. Each way in a process of its own.

It has not run on a GPU yet.

Takes about 10 minutes on a GPU with 80 GB, and 17 GB of disk (an estimate).
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.homes import fresh_home
from benchmarks.students import config_of, recipe_of
from benchmarks.training_ways import Way, in_process, measured, ours, trl
from lib.finetune.rows import PreparedRows, measure_lengths
from lib.finetune.students import EMBEDDED_MODEL_DIR, Base
from lib.finetune.tokens import TokenRow, load_tokenizer
from lib.finetune.watch import plain_output
from lib.settings import SetupError

STUDENT = "Meta-Llama-3.1-8B-Instruct"
# Beside the sizes, as its config.json has it
ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
NEEDED_GB = 78  # of what is sold as 80
SHARING = 8  # rows that share a context, and rows of an update


@dataclass(frozen=True)
class Size:
    """The model, and the tokens of its rows."""

    config: dict[str, Any]
    contexts: int  # the first of them warms up
    context: int
    question: int
    completion: int


REAL = Size({"max_position_embeddings": 131_072}, 9, context=3840, question=96, completion=160)
SMALL = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
TOY = Size(REAL.config | SMALL, 2, context=24, question=4, completion=4)

DEFAULT, TUNED, OURS, SHARED = "TRL default", "TRL tuned", "ours", "ours, shared contexts"
ONE_ROW: dict[str, Any] = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": SHARING}
WAYS = (
    Way(DEFAULT, trl()),
    Way(TUNED, trl(dtype="bfloat16", activation_checkpointing=False, **ONE_ROW)),
    Way(OURS, ours(shared=False)),
    Way(SHARED, ours(shared=True)),
)
TOKENS_TARGET = 11_000  # a second, of TRL tuned, on a Hopper card
ROWS_TARGET = 3.0  # rows a second of shared contexts, in multiples of TRL tuned


def main(*, quick: bool = False) -> int:
    """Print a line for each way, then the ratio; 1 when a target is missed."""
    if not quick:
        _require_gpu()
    with fresh_home() as home:
        size = TOY if quick else REAL
        model_dir = write_model(home / "model", size)
        made = {way.name: _figures(way, model_dir, size, quick=quick) for way in WAYS}
    print("way | activations recomputed | rows/s | tokens/s | peak memory, GB")
    for way in WAYS:
        of_way = made[way.name]
        said = f"{of_way['rows_per_s']:.2f} | {of_way['tokens_per_s']:,.0f}"
        said = f"{said} | {of_way['peak_mb'] / 1000:.1f}" if of_way["rows_per_s"] else "no memory"
        print(f"| {way.name} | {'yes' if of_way['recomputed'] else 'no'} | {said} |")
    tokens, rows = made[TUNED]["tokens_per_s"], made[TUNED]["rows_per_s"]
    ratio = made[SHARED]["rows_per_s"] / rows if rows else 0.0
    print(
        f"{TUNED}: {tokens:,.0f} tokens/s (target {TOKENS_TARGET:,}); {SHARED}: {ratio:.1f} × its "
        f"rows/s (target {ROWS_TARGET:g})"
    )
    return int(tokens < TOKENS_TARGET or ratio < ROWS_TARGET)


def _require_gpu() -> None:
    import torch

    has = "this machine has none"
    if torch.cuda.is_available():
        memory_gb = torch.cuda.get_device_properties(0).total_memory / 1e9
        if memory_gb >= NEEDED_GB:
            return
        has = f"this one has {memory_gb:.0f} GB"
    raise SetupError(
        f"training_gpu needs a CUDA GPU with 80 GB, and {has}. Run it where there is one, or with "
        "--quick, which trains a toy on the CPU."
    )


def write_model(folder: Path, size: Size) -> Path:
    """A model of random weights in bf16."""
    import torch
    from transformers import AutoModelForCausalLM

    config = config_of(STUDENT, {"rope_parameters": ROPE} | size.config)
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"), plain_output():
        AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    torch.cuda.empty_cache()  # the ways are other processes
    return folder


def random_rows(model_dir: Path, size: Size) -> PreparedRows:
    """Rows of random tokens, SHARING of them to a context; the tokenizer only pads."""
    vocabulary = config_of(STUDENT, size.config).vocab_size
    draw, rows = Random(0), []
    for number in range(size.contexts):
        context = draw.choices(range(vocabulary), k=size.context)
        for branch in range(SHARING):
            own = draw.choices(range(vocabulary), k=size.question + size.completion)
            name = f"context {number}, row {branch}"
            rows.append(TokenRow(name, context + own, size.context + size.question))
    base, tokenizer = Base("random", model_dir, ""), load_tokenizer(EMBEDDED_MODEL_DIR, "chat")
    return PreparedRows(model_dir, base, tokenizer, rows, [], measure_lengths(rows), 0)


def _figures(way: Way, model_dir: Path, size: Size, *, quick: bool) -> dict[str, float]:
    """Of a way; all are 0 where the GPU's memory does not suffice."""
    told: dict[str, Any] = {"name": way.name, "model_dir": str(model_dir), "size": asdict(size)}
    if quick:  # all in this process
        return measure(**told)
    one_gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    try:
        return in_process("benchmarks.training_gpu", told, CUDA_VISIBLE_DEVICES=one_gpu)
    except RuntimeError as error:
        if "out of memory" not in str(error):
            raise
        return dict.fromkeys(("rows_per_s", "tokens_per_s", "peak_mb", "recomputed"), 0.0)


def measure(name: str, model_dir: str, size: dict[str, Any]) -> dict[str, float]:
    told = Size(**size)
    (way,) = (way for way in WAYS if way.name == name)
    update = {
        "batch_size": SHARING,
        "gradient_accumulation_steps": 1,
        "num_epochs": 1.0,
    }
    recipe = recipe_of(STUDENT, save_steps=-1, **update)
    return measured(way, random_rows(Path(model_dir), told), recipe)


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
