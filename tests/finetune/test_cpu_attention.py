"""Attention by products, beside torch's own kernel."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention as exact
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

from lib.finetune import attention, cpu_attention
from lib.finetune.cpu_attention import attend_by_products, products_are_faster
from tests.finetune.test_shared_contexts import small_model

MODULE = torch.nn.Module()


def random_heads(seed: int) -> tuple[list[torch.Tensor], torch.Tensor | None, dict[str, Any]]:
    """Query, key and value, some of grouped heads and with large scores; a mask of branches behind
    a context, or None; what a model says beside them."""
    rng, make = Random(seed), torch.Generator().manual_seed(seed)
    groups, own, size = rng.choice([1, 2, 4]), rng.randint(1, 90), rng.choice([16, 24, 64])
    context = rng.randint(0, 90) if rng.random() < 0.7 else 0
    rows, length = rng.randint(1, 3), context + own

    def heads(count: int, tokens: int, scale: float = 1) -> torch.Tensor:
        made = torch.randn(rows, count, tokens, size, generator=make) * scale
        return made.to(torch.bfloat16).requires_grad_()

    given = [heads(4, own, rng.choice([1, 5])), *(heads(4 // groups, length) for _ in range(2))]
    mask = None
    if context:
        branches = torch.randint(1, 4, (rows, own), generator=make).sort(dim=1).values
        seen = (branches[:, :, None] == branches[:, None]) & torch.ones(own, own).tril().bool()
        mask = torch.cat([torch.ones(rows, own, context).bool(), seen], dim=2)[:, None]
    return given, mask, {"scaling": 0.3} if rng.random() < 0.5 else {}


def heads_and_gradients(kernel: Any, given: list[torch.Tensor], *told: Any) -> list[torch.Tensor]:
    mask, options = told
    module = SimpleNamespace(num_key_value_groups=given[0].shape[1] // given[1].shape[1])
    heads = kernel(module, *given, mask, **options)[0]
    weights = torch.linspace(-1, 1, heads.numel()).view_as(heads).to(heads.dtype)
    return [heads.detach(), *torch.autograd.grad((heads * weights).sum(), given)]


def exactly(_: Any, query: Any, key: Any, value: Any, mask: Any, **options: Any) -> tuple[Any]:
    key, value = (repeat_kv(each, query.shape[1] // each.shape[1]) for each in (key, value))
    scale, causal = options.get("scaling"), mask is None
    heads = exact(query, key, value, attn_mask=mask, is_causal=causal, scale=scale)
    return (heads.transpose(1, 2),)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("autocast", [False, True])
def test_heads_and_gradients_are_as_exact_as_those_of_torchs_kernel(
    seed: int, autocast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_attention, "_BLOCK", 32)
    precision = torch.backends.mkldnn.matmul.fp32_precision
    given, mask, options = random_heads(seed)
    doubles = [each.detach().double().requires_grad_() for each in given]
    expected = heads_and_gradients(exactly, doubles, mask, options)
    if autocast:  # rotated positions can make a query float32
        given[0] = given[0].detach().float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        found = heads_and_gradients(attend_by_products, given, mask, options)
        kernels = heads_and_gradients(sdpa_attention_forward, given, mask, options)
    for one, kernel, right in zip(found, kernels, expected, strict=True):
        assert one.shape == right.shape
        error, theirs = ((it.double() - right).norm() / right.norm() for it in (one, kernel))
        assert error <= max(1.5 * theirs, 0.01)  # a number of bf16 has 0.004
    assert found[1].dtype == given[0].dtype
    assert torch.backends.mkldnn.matmul.fp32_precision == precision


def test_large_scores_are_not_rounded_to_bf16() -> None:
    """By halves, as bf16 would round them: a quarter of the weight would move."""
    query = torch.tensor([[[[8.0] * 64]]], dtype=torch.bfloat16)
    key = torch.ones(1, 1, 2, 64, dtype=torch.bfloat16)
    key[0, 0, 1, 0] += 0.0625  # scores 64 and 64.0625
    value = torch.tensor([[[[0.0] * 64, [1.0] * 64]]], dtype=torch.bfloat16)
    mask = torch.ones(1, 1, 1, 2, dtype=torch.bool)
    found = attend_by_products(MODULE, query, key, value, mask)[0]
    assert found.flatten()[0].item() == pytest.approx(1 / (1 + 2.718282**-0.0625), abs=0.002)


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        (torch.float32, {}),
        (torch.bfloat16, {"dropout": 0.5}),
        (torch.bfloat16, {"is_causal": False}),
        (torch.bfloat16, {"position_bias": torch.full((1, 1, 5, 5), 0.25, dtype=torch.bfloat16)}),
    ],
    ids=["float32", "dropout", "not causal", "position bias"],
)
def test_what_products_do_not_know_torchs_kernel_does(
    dtype: torch.dtype, options: dict[str, Any]
) -> None:
    query, key, value = (torch.randn(1, 2, 5, 16).to(dtype) for _ in range(3))
    found = []
    for kernel in (attend_by_products, sdpa_attention_forward):
        torch.manual_seed(0)
        found.append(kernel(MODULE, query, key, value, None, **options)[0])
    assert torch.equal(*found)


@pytest.mark.parametrize(
    ("has_bf16", "products_s", "chosen"),
    [(True, 0.5, True), (True, 0.8, True), (True, 0.9, False), (False, 0.5, False)],
)
def test_products_are_taken_where_they_are_clearly_faster(
    has_bf16: bool, products_s: float, chosen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([[3, 1.0, 2], [3, products_s, 2]])
    monkeypatch.setattr(cpu_attention, "has_bf16", lambda: has_bf16)
    monkeypatch.setattr("timeit.repeat", lambda step, **_: step() or next(times))
    products_are_faster.cache_clear()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    assert products_are_faster() is chosen
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)
    products_are_faster.cache_clear()


@pytest.mark.parametrize(
    ("faster", "longest", "shares", "called"),
    [
        (True, 2048, False, ["products"]),
        (True, 2049, False, []),  # the model's own
        (True, 2049, True, ["sdpa"]),
        (False, 100, False, []),
        (False, 100, True, ["sdpa"]),
    ],
)
def test_which_kernel_a_model_is_trained_with(
    faster: bool, longest: int, shares: bool, called: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def counted(name: str, kernel: Any) -> Any:
        def attend(*told: Any, **options: Any) -> Any:
            calls.append(name)
            return kernel(*told, **options)

        return attend

    monkeypatch.setattr(cpu_attention, "products_are_faster", lambda: faster)
    products = counted("products", attend_by_products)
    monkeypatch.setattr(cpu_attention, "attend_by_products", products)
    kernel = counted("sdpa", sdpa_attention_forward)
    monkeypatch.setattr("transformers.integrations.sdpa_attention.sdpa_attention_forward", kernel)
    model = small_model("llama")
    attention.prepare_attention(model, shares=shares, longest=longest)
    model(input_ids=torch.tensor([[3, 4, 5]]), use_cache=False)
    assert calls == called * model.config.num_hidden_layers
