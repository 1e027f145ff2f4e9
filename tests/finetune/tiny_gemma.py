"""A random tiny Gemma 3, with Gemma's kinds of tokens; its window is shorter than a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.finetune.tiny import make_model

SLIDING_WINDOW = 32


def gemma_config(**changed: Any) -> Any:
    from transformers import Gemma3TextConfig

    return Gemma3TextConfig(
        **{
            "vocab_size": 512,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 32,
            "query_pre_attn_scalar": 32,
            "max_position_embeddings": 4096,
            "sliding_window": SLIDING_WINDOW,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            "initializer_range": 0.2,  # far from uniform, so that greedy replies differ by prompt
            "tie_word_embeddings": True,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 0,
        }
        | changed
    )


def make_gemma(folder: Path) -> Path:
    """Save the model and a tokenizer without chat template, as a base model has it.

    `<start_of_turn>` is one control token that `all_special_tokens` does not name; `<table>` is an
    added token of plain text.
    """
    import torch
    from tokenizers import AddedToken
    from transformers import AutoTokenizer, Gemma3ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(make_model(folder, chat_template=None))
    turns = ("<start_of_turn>", "<end_of_turn>")
    tokenizer.add_tokens([AddedToken(turn, special=True, normalized=False) for turn in turns])
    tokenizer.add_tokens([AddedToken("<table>", special=False, normalized=False)])
    torch.manual_seed(0)
    Gemma3ForCausalLM(gemma_config(vocab_size=len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
