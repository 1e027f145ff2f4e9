"""Memory and time of the students in parameters/, for rows of 1,000 tokens, trained as they say.

On a GPU both are estimated: the memory as 2_finetune does, the time from the operations of a token
at GPU_TFLOPS. Students that a CPU trains are measured there, with random weights of the real size:
one thread, each in a process of its own. Beside its peak of memory stands the estimate. Linux only.

Takes about 5 minutes and 3 GB of disk.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

from benchmarks.training_ways import in_process
from lib.finetune.estimate import estimated_gib
from lib.finetune.rows import PreparedRows, measure_lengths
from lib.finetune.students import EMBEDDED_MODEL_DIR, Base
from lib.finetune.tokens import TokenRow, load_tokenizer
from lib.finetune.trainer import make_trainer
from lib.finetune.watch import plain_output
from lib.parameters import overrides
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR

ROWS, TOKENS, LEARNT_TOKENS = 2000, 1000, 60
GPU_TFLOPS = 125.0  # 40% of an A100's bf16
GPU_FLOPS = 6  # for each weight and token: forward, recomputed, and back to the adapters
CPU_UPDATES = 2  # that are measured, of a row each, behind one of warming up
TARGET = 1.5  # the estimate of a CPU's memory is at most so many times too large or too small

_LLAMA_7B = {
    "hidden_size": 4096,
    "intermediate_size": 11_008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
}
_LLAMA_8B = _LLAMA_7B | {
    "vocab_size": 128_256,
    "intermediate_size": 14_336,
    "num_key_value_heads": 8,
}
# As the models' config.json have it: type, then what differs from the type's defaults
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "SmolLM2-135M-Instruct": (
        "llama",
        {
            "vocab_size": 49_152,
            "hidden_size": 576,
            "intermediate_size": 1536,
            "num_hidden_layers": 30,
            "num_attention_heads": 9,
            "num_key_value_heads": 3,
            "tie_word_embeddings": True,
        },
    ),
    "gemma-3-270m": (
        "gemma3_text",
        {
            "vocab_size": 262_144,
            "hidden_size": 640,
            "intermediate_size": 2048,
            "num_hidden_layers": 18,
            "num_attention_heads": 4,
            "num_key_value_heads": 1,
            "head_dim": 256,
            "sliding_window": 512,
        },
    ),
    "Qwen2.5-0.5B-Instruct": (
        "qwen2",
        {
            "vocab_size": 151_936,
            "hidden_size": 896,
            "intermediate_size": 4864,
            "num_hidden_layers": 24,
            "num_attention_heads": 14,
            "num_key_value_heads": 2,
            "tie_word_embeddings": True,
        },
    ),
    "Llama-2-7b": ("llama", _LLAMA_7B | {"vocab_size": 32_000}),
    "vinallama-7b-chat": ("llama", _LLAMA_7B | {"vocab_size": 46_305}),
    "Meta-Llama-3-8B-Instruct": ("llama", _LLAMA_8B),
    "Meta-Llama-3.1-8B-Instruct": ("llama", _LLAMA_8B),
}
ON_CPU = ("SmolLM2-135M-Instruct", "gemma-3-270m", "Qwen2.5-0.5B-Instruct")
_SMALLER = {"hidden_size": 72, "intermediate_size": 128, "num_hidden_layers": 2}


def main(*, quick: bool = False) -> int:
    """Print a line for each student; 1 when the estimate of a CPU's memory misses TARGET."""
    if quick:  # one small model, in this process
        made = measure(ON_CPU[0], changed=_SMALLER, tokens=64)
        print(f"{made['row_s']:.3f} CPU seconds a row, with one student (target: that it runs)")
        return 0
    print("student | million parameters | GPU: GiB, minutes | CPU: GiB (estimated), hours")
    worst = 1.0
    for name in CONFIGS:
        with tempfile.TemporaryDirectory() as folder:
            every, multiplied = _write_shapes(name, Path(folder))
            rows, recipe = _rows(Path(folder), 2, TOKENS), recipe_of(name)
            gpu_gib = sum(estimated_gib(rows, recipe, on_gpu=True, in_bf16=True, recompute=True))
            gpu_s = GPU_FLOPS * multiplied * ROWS * TOKENS / GPU_TFLOPS / 1e12
            cpu = "-"
            if name in ON_CPU:
                made = in_process("benchmarks.students", {"name": name}, OMP_NUM_THREADS="1")
                alone = recipe_of(name, batch_size=1)
                cpu_gib = sum(
                    estimated_gib(rows, alone, on_gpu=False, in_bf16=True, recompute=False)
                )
                ratio = cpu_gib / made["peak_gib"]
                worst = max(worst, ratio, 1 / ratio)
                cpu = f"{made['peak_gib']:.1f} ({cpu_gib:.1f}), {ROWS * made['row_s'] / 3600:.1f}"
        about = f"{name} | {every / 1e6:,.0f} | {gpu_gib:.1f}, {gpu_s / 60:.1f} | {cpu}"
        print(f"| {about} |", flush=True)
    print(f"memory on a CPU: the worst estimate is {worst:.2f} times off (target {TARGET:g})")
    return int(worst > TARGET)


def recipe_of(name: str, **changed: Any) -> Recipe:
    return Recipe(**(overrides(PROJECT_DIR / "parameters" / f"{name}.yaml") | changed))


def config_of(name: str, changed: dict[str, Any]) -> Any:
    """The config of a student's model, with its real sizes but for what is changed."""
    from transformers import AutoConfig

    kind, settings = CONFIGS[name]
    return AutoConfig.for_model(kind, **(settings | changed))


def _write_shapes(name: str, folder: Path) -> tuple[int, int]:
    """Write a model's config and the header of its weights, and a hole in their place.

    How many weights there are, and how many of them multiply every token: not the embeddings, and
    the head only the few tokens that are learnt.
    """
    import torch
    from transformers import AutoModelForCausalLM

    config = config_of(name, {})
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    config.save_pretrained(folder)
    weights = dict(model.named_parameters())
    header, every = dict[str, Any](), 0
    for name, weight in weights.items():
        places = [2 * every, 2 * (every + weight.numel())]
        header[name] = {"dtype": "BF16", "shape": list(weight.shape), "data_offsets": places}
        every += weight.numel()
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(file.tell() + 2 * every)
    heads = sum(w.numel() for name, w in weights.items() if "embed" in name or "lm_head" in name)
    return every, every - heads


def _rows(folder: Path, count: int, tokens: int) -> PreparedRows:
    """Rows of so many tokens; the tokenizer only pads."""
    train = [
        TokenRow(f"row {n}", [(7919 * t + n) % 4000 for t in range(tokens)], tokens - LEARNT_TOKENS)
        for n in range(count)
    ]
    base, tokenizer = Base("random", folder, ""), load_tokenizer(EMBEDDED_MODEL_DIR, "chat")
    return PreparedRows(folder, base, tokenizer, train, [], measure_lengths(train), 0)


def measure(name: str, *, changed: dict[str, Any], tokens: int) -> dict[str, float]:
    """CPU seconds a row with random weights, and the peak of the memory."""
    import torch
    from transformers import AutoModelForCausalLM, TrainerCallback

    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **known: Any) -> None:
            ends.append(time.process_time())

    short = {"batch_size": 1, "gradient_accumulation_steps": 1, "max_steps": 1 + CPU_UPDATES}
    with tempfile.TemporaryDirectory() as scratch, plain_output():
        folder, config = Path(scratch), config_of(name, changed)
        AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
        rows = _rows(folder, 1 + CPU_UPDATES, tokens)
        recipe = recipe_of(name, save_steps=-1, **short)
        make_trainer(rows, recipe, output_dir=folder / "out", callbacks=[Clock()]).train()
    peak_gib = getrusage(RUSAGE_SELF).ru_maxrss / 2**20
    return {"row_s": (ends[-1] - ends[0]) / CPU_UPDATES, "peak_gib": peak_gib}


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]), changed={}, tokens=TOKENS)))
