"""Adapters of a model that change its answers, and the models that they are merged into."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def make_adapter(base_dir: Path, folder: Path, *, seed: int, size: float = 0.2) -> Path:
    """`folder/adapter` (random LoRA of rank 4) and `folder/merged`; returns the first."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(seed)
    base = AutoModelForCausalLM.from_pretrained(base_dir, dtype=torch.float32)
    linear = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    lora = LoraConfig(r=4, lora_alpha=8, target_modules=linear, task_type="CAUSAL_LM")
    model: Any = get_peft_model(base, lora)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=size)
    model.save_pretrained(folder / "adapter")
    model.merge_and_unload().save_pretrained(folder / "merged")
    AutoTokenizer.from_pretrained(base_dir).save_pretrained(folder / "merged")
    return folder / "adapter"
