"""A model's greedy replies in this process, without a server: shared by the benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib.deploy.batch import Batch, Written, ends_of
from lib.prompts.student import Message


def load_reader(model_dir: Path, *, dtype: str = "auto") -> tuple[Any, Any]:
    """The model of a folder, on the GPU where there is one, and its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=dtype).eval().to(device)
    return model, AutoTokenizer.from_pretrained(model_dir)


def greedy_replies(
    model: Any, tokenizer: Any, prompts: Sequence[list[Message]], *, max_new_tokens: int
) -> list[str]:
    """The model's greedy completions, in the prompts' order."""
    ids = [
        tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=True)
        for prompt in prompts
    ]
    batch, ends = Batch(model), ends_of(model.generation_config)
    asked = [Written(one["input_ids"], max_new_tokens, ends) for one in ids]
    for written in asked:
        while batch.is_full:
            batch.step()
        batch.begin(written)
    while batch.num_at_work:
        batch.step()
    return [tokenizer.decode(one.done.result(), skip_special_tokens=True) for one in asked]
