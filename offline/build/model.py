"""The base student's architecture, and its first weights, which can already copy text."""

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
    tokenizer: Any, *, shape: Shape, seed: int, start: str = "induction"
) -> LlamaForCausalLM:
    """A new model, 5.07 M parameters in the default shape.

    start: "induction" = its first two layers are set to find a phrase in the context and to copy
    what follows it (induction heads); "plain" = the first weights of transformers.
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
    if start == "induction":
        set_induction_heads(model)
    return model


def set_induction_heads(model: LlamaForCausalLM, *, sharpness: float = 16.0) -> None:
    """Make a head of layer 0 a previous-token head and the heads of layer 1 induction heads.

    A plain start hardly learned to copy from the context in 20 CPU-minutes; this one copies at
    step 0. The last head_dim channels of the embedding start near zero: layer 0 writes the previous
    token there. Layer 1 looks for the position whose previous token is the current token and copies
    the token at that position. Matching uses only the slow half of the rotary phases: they hardly
    change over the lengths that the student sees.
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
        before = _set_previous_token_head(
            model.model.layers[0].self_attn, size, content, frequencies
        )
        match = model.model.layers[1].self_attn
        for head in range(heads):
            _set_induction_head(match, head, size, content, before, sharpness=sharpness)


def _set_previous_token_head(
    attention: Any, size: int, content: int, frequencies: torch.Tensor
) -> torch.Tensor:
    """Head 0 attends to the previous token, by biases whose rotary phases differ by one step, and
    writes a projection of it into the last channels. Returns the projection (size × content)."""
    import torch

    strength = 8.0
    rows = slice(0, size)
    for projection in (attention.q_proj, attention.k_proj):
        projection.weight[rows] = 0
    attention.q_proj.bias[: size // 2] = strength
    attention.q_proj.bias[size // 2 : size] = 0
    # Rotated by one step, a key at n matches the query at n + 1.
    attention.k_proj.bias[: size // 2] = strength * torch.cos(frequencies)
    attention.k_proj.bias[size // 2 : size] = strength * torch.sin(frequencies)
    basis = torch.linalg.qr(torch.randn(content, size))[0].T  # (size, content), orthonormal rows
    attention.v_proj.weight[rows] = 0
    attention.v_proj.weight[rows, :content] = basis
    attention.o_proj.weight[:, rows] = 0
    attention.o_proj.weight[content:, rows] = torch.eye(size) * 0.1
    return basis


def _set_induction_head(
    attention: Any, head: int, size: int, content: int, before: torch.Tensor, *, sharpness: float
) -> None:
    """A head of layer 1: query = current token, key = previous token, value = the token."""
    import torch

    slow = size // 4  # rotary pairs from here on rotate slowly
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
