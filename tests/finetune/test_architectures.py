"""Architectures whose layers are not all plain linear ones: trained, or refused in one line."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from lib.finetune.attention import TRAINING, prepare_attention
from lib.settings import SetupError
from tests.finetune.tiny import train

_FEW: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
SMALL: dict[str, Any] = _FEW | {"intermediate_size": 32, "vocab_size": 500}
EXPERTS: dict[str, Any] = SMALL | {"num_key_value_heads": 2, "num_local_experts": 2}
GEMMA: dict[str, Any] = SMALL | {
    "head_dim": 16,
    "num_key_value_heads": 1,
    "layer_types": ["sliding_attention", "full_attention"],
    "vocab_size_per_layer_input": 500,
    "hidden_size_per_layer_input": 8,
    "num_kv_shared_layers": 0,
    "altup_num_inputs": 2,
    "laurel_rank": 4,
    "activation_sparsity_pattern": [0.0, 0.0],
}
MAMBA: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 1, "vocab_size": 500}


def base(folder: Path, tokenizer_dir: Path, name: str, sizes: dict[str, Any]) -> Path:
    import torch
    import transformers

    shutil.copytree(tokenizer_dir, folder, ignore=shutil.ignore_patterns("model*", "*config.json"))
    shutil.copy(tokenizer_dir / "tokenizer_config.json", folder)
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(
        **sizes, pad_token_id=0, bos_token_id=1, eos_token_id=2
    )
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "sizes", "said"),
    [
        (
            "Phimoe",
            EXPERTS,
            "No adapters are on mlp.experts.down_proj, mlp.experts.gate_up_proj, mlp.router.weight"
            ": 60% of the weights of its layers.",
        ),
        (
            "Mamba",
            MAMBA,
            "No adapters are on mixer.A_log, mixer.conv1d.weight, mixer.out_proj.weight: "
            "34% of the weights of its layers.",
        ),
        ("Mixtral", EXPERTS, ""),  # PEFT puts adapters on these experts
        ("Gemma3nText", GEMMA, ""),
    ],
)
def test_what_has_no_adapter_is_said(
    name: str,
    sizes: dict[str, Any],
    said: str,
    model_dir: Path,
    dataset_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    student = base(tmp_path / "base", model_dir, name, sizes)
    train(student, dataset_dir, max_steps=1)
    log = capsys.readouterr().out
    assert [line for line in log.splitlines() if "No adapters" in line] == [said] * bool(said)


@pytest.mark.parametrize(
    ("name", "sizes", "knobs", "reason"),
    [
        ("Mixtral", EXPERTS, {"lora_dropout": 0.05}, "lora_dropout != 0"),
        ("Mixtral", EXPERTS, {"use_dora": True}, "use_dora=True"),
        ("Mamba", MAMBA, {"lora_targets": ["in_proj", "out_proj"]}, "'out_proj'.*in_proj, x_proj"),
    ],
)
def test_adapters_that_a_model_cannot_have_are_one_line(
    name: str,
    sizes: dict[str, Any],
    knobs: dict[str, Any],
    reason: str,
    model_dir: Path,
    dataset_dir: Path,
    tmp_path: Path,
) -> None:
    student = base(tmp_path / "base", model_dir, name, sizes)
    with pytest.raises(SetupError, match=reason) as error:
        train(student, dataset_dir, max_steps=1, **knobs)
    assert ("Set lora_dropout to 0 and use_dora to False" in str(error.value)) == (name != "Mamba")


@pytest.mark.parametrize(("chosen", "kept"), [(None, False), (8, True)])
def test_a_model_that_chooses_tokens_by_an_index_keeps_its_attention(
    chosen: int | None, kept: bool
) -> None:
    """Under another name than `sdpa` DeepSeek V3.2 hands its choice on, which kernels ignore."""
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig(**SMALL, index_topk=chosen))
    prepare_attention(model, shares=True, longest=100)
    assert model.config._attn_implementation == ("sdpa" if kept else TRAINING)
