"""Random tiny models of the families in parameters/: architecture, tokenizer, chat template."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.finetune.tiny_gemma import gemma_config
from tests.finetune.tiny_tokenizers import (
    gemma_3,
    llama_2,
    llama_3,
    qwen_2,
    smollm_2,
    vinallama,
)

# <<SYS>> as Meta's chat models of Llama 2 have it
LLAMA_2_CHAT = (
    "{% set system = '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' %}"
    "{% for message in messages[1:] %}"
    "{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + (system if loop.first else '') }}"
    "{{ message['content'].strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + message['content'].strip() + ' ' + eos_token }}{% endif %}"
    "{% endfor %}"
)
CHATML = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def of_trl(name: str) -> str:
    """A publisher's template, which TRL ships to recognise the model."""
    import trl

    return (Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja").read_text("utf-8")


@dataclass(frozen=True)
class Family:
    parameters: str  # a file of parameters/, without .yaml
    tokenizer: Callable[[], Any]
    template: Callable[[], str | None]
    config: Callable[..., Any]
    asks: str  # the prompt, of documents and question in the middle
    answers: str  # a trained completion of the label
    stops: tuple[str, ...]  # of its generation config
    knobs: dict[str, Any] = field(default_factory=dict)

    def make(self, folder: Path) -> Path:
        """Save a random model of 20,000 to 70,000 parameters."""
        import torch
        from transformers import AutoModelForCausalLM

        tokenizer = self.tokenizer()
        tokenizer.chat_template = self.template()
        torch.manual_seed(0)
        stops = tokenizer.convert_tokens_to_ids(list(self.stops))
        config = self.config(
            vocab_size=len(tokenizer), bos_token_id=tokenizer.bos_token_id, eos_token_id=stops[0]
        )
        model = AutoModelForCausalLM.from_config(config)
        model.generation_config.eos_token_id = stops
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder


# --- architectures --------------------------------------------------------------------------------


_SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 2048,
    "initializer_range": 0.2,  # far from uniform, so that greedy replies differ by prompt
}


def _llama(**changed: Any) -> Callable[..., Any]:
    def config(**tokens: Any) -> Any:
        from transformers import LlamaConfig

        return LlamaConfig(**(_SMALL | changed | tokens))

    return config


def _qwen(**tokens: Any) -> Any:
    from transformers import Qwen2Config

    return Qwen2Config(**_SMALL, num_key_value_heads=2, tie_word_embeddings=True, **tokens)


def _gemma(**tokens: Any) -> Any:
    return gemma_config(hidden_size=32, intermediate_size=64, head_dim=16, **tokens)


_LLAMA_3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 512,
}
_TURN = "<|start_header_id|>{}<|end_header_id|>\n\n"
_LLAMA_3_ASKS = (
    _TURN.format("system") + "{date}{system}<|eot_id|>" + _TURN.format("user") + "{user}<|eot_id|>"
) + _TURN.format("assistant")
_DATE = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
_CHATML_ASKS = (
    "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n"
    "<|im_start|>assistant\n"
)
_PLAIN_ASKS = "{system}\n\n{user}\n\n"

FAMILIES = {
    "llama-2": Family(
        "Llama-2-7b", llama_2, lambda: None, _llama(), f"<s>{_PLAIN_ASKS}", "{}</s>", ("</s>",)
    ),
    "llama-2-chat": Family(
        "Llama-2-7b",
        llama_2,
        lambda: LLAMA_2_CHAT,
        _llama(),
        "<s>[INST] <<SYS>>\n{system}\n<</SYS>>\n\n{user} [/INST]",
        " {} </s>",
        ("</s>",),
        {"dataset_format": "chat"},
    ),
    "vinallama": Family(
        "vinallama-7b-chat",
        vinallama,
        lambda: CHATML,
        _llama(),
        _CHATML_ASKS,
        "{}<|im_end|>",
        ("</s>",),
    ),
    "llama-3": Family(
        "Meta-Llama-3-8B-Instruct",
        llama_3,
        lambda: of_trl("llama3"),
        _llama(num_key_value_heads=2),
        "<|begin_of_text|>" + _LLAMA_3_ASKS.replace("{date}", ""),
        "{}<|eot_id|>",
        ("<|end_of_text|>", "<|eot_id|>"),
    ),
    "llama-3.1": Family(
        "Meta-Llama-3.1-8B-Instruct",
        llama_3,
        lambda: of_trl("llama3_1"),
        _llama(num_key_value_heads=2, rope_parameters=_LLAMA_3_ROPE),
        "<|begin_of_text|>" + _LLAMA_3_ASKS.replace("{date}", _DATE),
        "{}<|eot_id|>",
        ("<|end_of_text|>", "<|eot_id|>"),
    ),
    "smollm-2": Family(
        "SmolLM2-135M-Instruct",
        smollm_2,
        lambda: CHATML,
        _llama(num_key_value_heads=2, tie_word_embeddings=True),
        _CHATML_ASKS,
        "{}<|im_end|>",
        ("<|im_end|>",),
    ),
    "qwen-2.5": Family(
        "Qwen2.5-0.5B-Instruct",
        qwen_2,
        lambda: of_trl("qwen2_5"),
        _qwen,
        _CHATML_ASKS,
        "{}<|im_end|>",
        ("<|im_end|>", "<|endoftext|>"),
    ),
    "gemma-3": Family(
        "gemma-3-270m",
        gemma_3,
        lambda: None,
        _gemma,
        f"<bos>{_PLAIN_ASKS}",
        "{}<eos>",
        ("<eos>",),
    ),
}
