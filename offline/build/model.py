"""The base student's architecture, and a start in which copying from the context already works."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM

ROPE_THETA = 5e5


@dataclass(frozen=True)
class Shape:
    """Sizes of the model."""

    layers: int = 5
    hidden: int = 256
    heads: int = 4
    feed_forward: int = 704


def make_model(
    tokenizer: Any, *, shape: Shape, seed: int, start: str = "copying"
) -> LlamaForCausalLM:
    """A new model, 5.07 M parameters in the default shape.

    start: "copying" = its first two layers copy; "plain" = as transformers begins.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=4096,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        attention_bias=True,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    if start == "copying":
        start_with_copying(model)
    return model


def start_with_copying(model: LlamaForCausalLM, *, sharpness: float = 16.0) -> None:
    """Set one head of layer 0 to "the token before" and the heads of layer 1 to "match and copy".

    From a plain start, copying from the context hardly emerged in 20 CPU-minutes; from this one it
    works at step 0. The last head_dim channels of the embedding start near zero: there layer 0
    writes the token before. Layer 1 looks for the place whose token before is the present token
    and copies what stands there. Matching uses the slow half of the rotary phases only, which
    hardly turn over the lengths that the student sees.
    """
    import torch

    config = model.config
    hidden, heads = config.hidden_size, config.num_attention_heads
    size = hidden // heads
    content = hidden - size
    embedding = model.model.embed_tokens.weight
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.dim() == 2:
                parameter.normal_(std=0.5 / math.sqrt(parameter.shape[1]))
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    parameter.mul_(0.2)
        embedding.normal_(std=0.05)
        embedding[:, content:] *= 0.02
        frequencies = ROPE_THETA ** (-torch.arange(size // 2) / (size // 2))
        before = _look_back(model.model.layers[0].self_attn, size, content, frequencies)
        match = model.model.layers[1].self_attn
        for head in range(heads):
            _match_and_copy(match, head, size, content, before, sharpness=sharpness)


def _look_back(attention: Any, size: int, content: int, frequencies: torch.Tensor) -> torch.Tensor:
    """Head 0 attends to the token before, by biases whose rotary phases differ by one step, and
    writes a projection of it into the last channels. Returns the projection (size × content)."""
    import torch

    strength = 8.0
    rows = slice(0, size)
    for projection in (attention.q_proj, attention.k_proj):
        projection.weight[rows] = 0
    attention.q_proj.bias[: size // 2] = strength
    attention.q_proj.bias[size // 2 : size] = 0
    # Turned by one step, a key at n looks like one at n + 1: the query at n + 1 agrees with it.
    attention.k_proj.bias[: size // 2] = strength * torch.cos(frequencies)
    attention.k_proj.bias[size // 2 : size] = strength * torch.sin(frequencies)
    basis = torch.linalg.qr(torch.randn(content, size))[0].T  # (size, content), orthonormal rows
    attention.v_proj.weight[rows] = 0
    attention.v_proj.weight[rows, :content] = basis
    attention.o_proj.weight[:, rows] = 0
    attention.o_proj.weight[content:, rows] = torch.eye(size) * 0.1
    return basis


def _match_and_copy(
    attention: Any, head: int, size: int, content: int, before: torch.Tensor, *, sharpness: float
) -> None:
    """One head of layer 1: query = the present token, key = the token before, value = the token."""
    import torch

    slow = size // 4  # rotary pairs from here on turn slowly
    rows = torch.arange(head * size, (head + 1) * size)
    used = torch.cat([rows[slow : size // 2], rows[size // 2 + slow :]])
    turn = torch.linalg.qr(torch.randn(size, size))[0][: len(used)]
    attention.q_proj.weight[rows] *= 0.2
    attention.k_proj.weight[rows] *= 0.2
    attention.q_proj.weight[used] = 0
    attention.q_proj.weight[used, :content] = math.sqrt(sharpness) * turn @ before
    attention.k_proj.weight[used] = 0
    attention.k_proj.weight[used, content:] = math.sqrt(sharpness) * turn
    part = torch.linalg.qr(torch.randn(content, content))[0][:size]
    attention.v_proj.weight[rows] = 0
    attention.v_proj.weight[rows, :content] = part
    attention.o_proj.weight[:, rows] = 0
    attention.o_proj.weight[:content, rows] = part.T * 0.4
