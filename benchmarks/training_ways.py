"""Trainers that are compared, TRL's and ours: the same rows, labels and weights, timed alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

from lib.finetune.methods import lora_config
from lib.finetune.rows import PreparedRows
from lib.finetune.trainer import make_trainer
from lib.finetune.watch import plain_output
from lib.recipe import Recipe

PACKED_TOKENS = 1024


Make = Callable[[PreparedRows, Recipe, Path], Any]  # a trainer, of rows, recipe and its folder


@dataclass(frozen=True)
class Way:
    name: str
    make: Make


def _load(folder: str, *, dtype: str) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)


def trl(*, dtype: str = "float32", load: Callable[..., Any] = _load, **options: Any) -> Make:
    """TRL's own trainer with its defaults, on the same rows, labels and batches."""

    def make(rows: PreparedRows, recipe: Recipe, output_dir: Path) -> Any:
        import torch
        from datasets import Dataset
        from transformers import PrinterCallback
        from trl import SFTConfig, SFTTrainer

        longest = max(len(row.input_ids) for row in rows.train)
        told = {
            "max_length": None,
            "per_device_train_batch_size": recipe.batch_size,
            "gradient_accumulation_steps": recipe.gradient_accumulation_steps,
        } | options
        if "gradient_checkpointing" not in told:  # its name in older versions
            told.setdefault("activation_checkpointing", True)
        if told.get("packing"):  # which drops what is longer
            told["max_length"] = max(PACKED_TOKENS, longest)
        model = load(str(rows.base.folder), dtype=dtype)
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(
                output_dir=str(output_dir),
                num_train_epochs=recipe.num_epochs,
                use_cpu=not torch.cuda.is_available(),
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                **told,
            ),
            train_dataset=Dataset.from_list(
                [{"input_ids": row.input_ids, "labels": row.labels} for row in rows.train]
            ),
            processing_class=rows.tokenizer,
            peft_config=None if recipe.method == "full" else lora_config(recipe, model),
        )
        trainer.remove_callback(PrinterCallback)
        return trainer

    return make


def unsloth() -> Make:
    """Unsloth's model in TRL's trainer, every weight, nothing recomputed: where it is installed."""

    def load(folder: str, *, dtype: str) -> Any:
        from unsloth import FastLanguageModel

        model, _ = FastLanguageModel.from_pretrained(
            folder,
            dtype=dtype,
            load_in_4bit=False,
            full_finetuning=True,
            use_gradient_checkpointing=False,
        )
        return model

    return trl(load=load, gradient_checkpointing=False)


def ours(*, shared: bool) -> Make:
    def make(rows: PreparedRows, recipe: Recipe, output_dir: Path) -> Any:
        told = replace(recipe, share_contexts=shared)
        return make_trainer(rows, told, output_dir=output_dir, callbacks=[])

    return make


def measured(way: Way, rows: PreparedRows, recipe: Recipe) -> dict[str, float]:
    """Train once on the rows: rows_per_s and tokens_per_s from the second update on, peak_mb, and
    recomputed: 1 = the activations are computed again in the backward pass.

    Seconds of the GPU's work and its memory; without one, of the CPU and of this process. Tokens
    are those that the model computes: a shared context counts once, padding not at all.
    """
    with tempfile.TemporaryDirectory() as folder, plain_output():
        trainer = way.make(rows, recipe, Path(folder))
        seen = _watched(trainer)
        trainer.train()
    took_s = _now_s() - seen["started_s"]
    return {
        "rows_per_s": seen["rows"] / took_s,
        "tokens_per_s": seen["tokens"] / took_s,
        "peak_mb": _peak_mb(),
        "recomputed": float(getattr(trainer.args, "activation_checkpointing", False)),
    }


def _now_s() -> float:
    import torch

    if not torch.cuda.is_available():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _peak_mb() -> float:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    return getrusage(RUSAGE_SELF).ru_maxrss / 1000


def _watched(trainer: Any) -> dict[str, float]:
    """Counts completions and tokens of every step but those of the first update, which warms up."""
    step, warm_up = trainer.training_step, trainer.args.gradient_accumulation_steps
    seen = {"rows": 0.0, "tokens": 0.0, "started_s": 0.0, "steps": 0.0}

    def counted(model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
        if seen["steps"] == warm_up:
            seen["started_s"] = _now_s()
        if seen["steps"] >= warm_up:
            learnt, ids = inputs["labels"] != -100, inputs["input_ids"]
            seen["rows"] += int((learnt[:, 1:] & ~learnt[:, :-1]).sum())
            mask = inputs.get("attention_mask")
            seen["tokens"] += ids.numel() if mask is None else int(mask.sum())
        seen["steps"] += 1
        return step(model, inputs, *rest, **named)

    trainer.training_step = counted
    return seen


def in_process(
    module: str, told: dict[str, Any], *, python: str = sys.executable, **environment: str
) -> dict[str, float]:
    """What `python -m MODULE JSON` prints last, of a process of its own."""
    done = subprocess.run(
        [python, "-m", module, json.dumps(told)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))
