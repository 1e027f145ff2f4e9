"""Attention for training on a CPU, by products of matrices: where it multiplies bf16, torch's own
kernel takes more than twice as long (docs/experiments.md)."""

import time
import timeit
from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

from lib.finetune.methods import CLEARLY_FASTER, has_bf16

_BLOCK = 256  # tokens


def attend_by_products(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **options: Any
) -> tuple[Any, None]:
    """What transformers asks of an attention: (rows, heads, tokens, size) → (rows, tokens, heads,
    size). The mask is bool (True = seen); None = causal."""
    told, in_bf16 = options.get, value.dtype == torch.bfloat16 or torch.is_autocast_enabled("cpu")
    others = told("position_bias") is not None or told("dropout") or told("is_causal") is False
    if others or not in_bf16:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    scale = query.shape[-1] ** -0.5 if told("scaling") is None else told("scaling")
    key, value = (repeat_kv(each, query.shape[1] // each.shape[1]) for each in (key, value))
    seen, tokens = attention_mask, query.shape[2]
    if seen is None:
        seen = torch.ones(1, 1, tokens, tokens, dtype=torch.bool, device=query.device).tril_()
    heads = []
    for start in range(0, tokens, _BLOCK):  # a block of tokens, up to the last key that it sees
        read, mask = query[:, :, start : start + _BLOCK], seen[:, :, start : start + _BLOCK]
        length = int(mask.any(dim=2).nonzero()[:, -1].max()) + 1
        keys, values = key[:, :, :length], value[:, :, :length]
        heads.append(_Products.apply(read, keys, values, mask[..., :length], scale))
    return torch.cat(heads, dim=2).transpose(1, 2).contiguous(), None


class _Products(torch.autograd.Function):
    """Products in bf16, scores and softmax in float32, as torch's kernel has them.

    With scores in bf16 the embedded student's validation loss was 0.073, not 0.065. Of the scores
    only the softmax is kept, in bf16.
    """

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: float
    ) -> Tensor:
        scores = _exact_product(query, key.transpose(2, 3)).mul_(scale)
        scores += scores.new_zeros(()).where(mask, torch.finfo(scores.dtype).min)
        weights = scores.softmax(-1).to(value.dtype)
        ctx.save_for_backward(query, key, value, weights)
        ctx.scale = scale
        return weights @ value

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, weights = ctx.saved_tensors
        of_weights = gradient @ value.transpose(2, 3)
        of_scores = torch.ops.aten._softmax_backward_data(of_weights, weights, -1, weights.dtype)
        of_query = (of_scores @ key).mul_(ctx.scale)
        of_key = (of_scores.transpose(2, 3) @ query).mul_(ctx.scale)
        return of_query, of_key, weights.transpose(2, 3) @ gradient, None, None


def _exact_product(one: Tensor, other: Tensor) -> Tensor:
    """A product of bf16 in float32; oneDNN rounds its inputs to bf16, which they are already."""
    settings = torch.backends.mkldnn.matmul
    before = settings.fp32_precision
    settings.fp32_precision = "bf16"
    try:
        return one.float() @ other.float()
    finally:
        settings.fp32_precision = before


@cache
def products_are_faster() -> bool:
    """Whether products train clearly faster than torch's kernel; measured, as names do not tell.

    With AVX-512 BF16 the kernel took 2.2 to 2.5 times as long (one thread).
    """
    if torch.cuda.is_available() or not has_bf16():
        return False
    module, ones = torch.nn.Module(), torch.ones(1, 4, 704, 64, dtype=torch.bfloat16)
    ones.requires_grad_()

    def seconds(attend: Any) -> float:
        def step() -> None:
            attend(module, ones, ones, ones, None)[0].sum().backward()

        # CPU time of one thread: other processes hardly change it. The first ones ask for memory.
        return min(timeit.repeat(step, number=1, repeat=10, timer=time.thread_time))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return seconds(sdpa_attention_forward) > CLEARLY_FASTER * seconds(attend_by_products)
    finally:
        torch.set_num_threads(threads)
