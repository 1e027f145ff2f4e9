"""How a model that is trained attends: to a shared context by itself; by products on some CPUs."""

from typing import Any

TRAINING = "openbook_training"  # a model's _attn_implementation after prepare_attention
_MOST_TOKENS = 2048  # by products: what they keep for the backward pass grows with its square


def prepare_attention(model: Any, *, shares: bool, longest: int) -> None:
    """Let a model that attends by SDPA compute shared contexts causally, without a mask, and then
    the branches; sequences of few tokens by products of matrices, where that is faster.

    A mask makes SDPA compute every score, also those that it hides: half of a context's. Forward
    and backward took 1.1 to 1.8 times as long with one mask for all (docs/experiments.md).
    """
    import torch
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    from lib.finetune.cpu_attention import attend_by_products, products_are_faster

    by_products = longest <= _MOST_TOKENS and products_are_faster()
    config = model.config.get_text_config()
    if config._attn_implementation != "sdpa" or not (shares or by_products):
        return
    if getattr(config, "index_topk", None):  # DeepSeek V3.2: only for "sdpa" is its choice a mask
        return
    kernel: Any = attend_by_products if by_products else sdpa_attention_forward

    def attend(
        module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **options: Any
    ) -> tuple[Any, None]:
        masked = query.shape[2] if attention_mask is None else attention_mask.shape[2]
        context = query.shape[2] - masked  # before what the mask speaks of
        heads, _ = kernel(module, query[:, :, context:], key, value, attention_mask, **options)
        if context:
            read = (each[:, :, :context] for each in (query, key, value))
            first, _ = kernel(module, *read, None, **options)
            heads = torch.cat([first, heads], dim=1)
        return heads, None

    AttentionInterface.register(TRAINING, attend)
    AttentionMaskInterface.register(TRAINING, sdpa_mask)
    model.set_attn_implementation(TRAINING)
