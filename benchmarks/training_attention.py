"""Attention of a training step in bf16: torch's kernel, and matrix products (chosen if faster).

Forward and backward, milliseconds of one thread, the best of several rounds in turn; beside them
the error of the output to float64. Scores in bf16 are faster and less exact: they are not used.

Takes about a minute.
"""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

TARGET = 1.5  # times as fast as the kernel at the shapes of the embedded student
SHAPES = {  # heads, their size, tokens of the context, branches, tokens of each
    "a context of 704 tokens": (4, 64, 0, 1, 704),
    "7 branches of 64 behind it": (4, 64, 704, 7, 64),
    "a row of 1,024": (4, 64, 0, 1, 1024),
    "a row of 2,048": (4, 64, 0, 1, 2048),
    "a row of 704, heads of 256": (4, 256, 0, 1, 704),
}
ROUNDS = 12


def main(*, quick: bool = False) -> int:
    """Print the table; 1 where products gain less than TARGET, on a CPU that trains in bf16."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    from lib.finetune.cpu_attention import attend_by_products
    from lib.finetune.methods import has_bf16

    ways = {
        "torch's kernel": sdpa_attention_forward,
        "scores in bf16": _scores_in_bf16,
        "products": attend_by_products,
    }
    shapes = {"4 branches of 8 behind 32": (2, 16, 32, 4, 8)} if quick else SHAPES
    print(f"| tokens | {' | '.join(f'{name}, ms | error' for name in ways)} |")
    ratios = []
    for name, shape in shapes.items():
        found = _measured(ways, *shape, rounds=1 if quick else ROUNDS)
        cells = [f"{taken_s * 1e3:.2f} | {error:.2%}" for taken_s, error in found.values()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
        ratios.append(found["torch's kernel"][0] / found["products"][0])
    least = min(ratios[:2])
    said = "" if has_bf16() else "; this machine does not train in bf16"
    print(f"products: at least {least:.1f} times as fast as the kernel (target {TARGET}{said})")
    return int(least < TARGET and has_bf16() and not quick)


def _measured(
    ways: dict[str, Any], heads: int, size: int, context: int, branches: int, own: int, rounds: int
) -> dict[str, tuple[float, float]]:
    """Of each way: seconds, and the relative error of what it gives."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    make, read = torch.Generator().manual_seed(0), branches * own
    query, key, value = (
        torch.randn(1, heads, tokens, size, generator=make).bfloat16().requires_grad_()
        for tokens in (read, context + read, context + read)
    )
    branch = torch.arange(read) // own
    seen = (branch[:, None] == branch) & torch.ones(read, read).tril().bool()
    mask = torch.cat([torch.ones(read, context).bool(), seen], dim=1)[None, None]
    doubles = (each.detach().double() for each in (query, key, value))
    right = scaled_dot_product_attention(*doubles, attn_mask=mask).transpose(1, 2)
    module, told = SimpleNamespace(training=True), mask if context else None
    found = dict.fromkeys(ways, (float("inf"), 0.0))
    torch.set_num_threads(1)
    for _ in range(rounds):
        for name, attend in ways.items():
            start = time.thread_time()
            output = attend(module, query, key, value, told)[0]
            output.backward(torch.ones_like(output))
            taken_s = min(found[name][0], time.thread_time() - start)
            error = (output.detach().double() - right).norm() / right.norm()
            found[name] = taken_s, float(error)
    return found


def _scores_in_bf16(
    _: Any, query: Any, key: Any, value: Any, mask: Any, **__: Any
) -> tuple[Any, None]:
    import torch

    scores = query * query.shape[-1] ** -0.5 @ key.transpose(2, 3)
    seen = torch.ones(scores.shape[2:], dtype=torch.bool).tril() if mask is None else mask
    scores += scores.new_zeros(()).where(seen, torch.finfo(scores.dtype).min)
    return (scores.softmax(-1) @ value).transpose(1, 2), None
