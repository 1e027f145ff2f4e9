"""A model's greedy replies in this process, without a server: shared by the benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib.prompts.student import Message


def load_reader(model_dir: Path, *, dtype: str = "auto") -> tuple[Any, Any]:
    """The model of a folder, on the GPU where there is one, and its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=dtype).eval().to(device)
    return model, AutoTokenizer.from_pretrained(model_dir)


def greedy_replies(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[list[Message]],
    *,
    max_new_tokens: int,
    batch_size: int = 60,
) -> list[str]:
    """The model's greedy completions, in the prompts' order; those of like length share a batch."""
    import torch

    texts = [
        tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    replies = [""] * len(texts)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        batch = tokenizer(
            [texts[index] for index in chosen],
            add_special_tokens=False,
            return_tensors="pt",
            padding=True,
            padding_side="left",
        ).to(model.device)
        with torch.inference_mode():
            output = model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                max_new_tokens=max_new_tokens,
                do_sample=False,
            )
        size = batch["input_ids"].shape[1]
        for index, reply in zip(chosen, output[:, size:], strict=True):
            replies[index] = tokenizer.decode(reply, skip_special_tokens=True)
    return replies
