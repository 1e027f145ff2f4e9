"""The memory that a training takes is told before it, and what to change when it was too little."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lib.finetune import estimate, prepare_rows, train_student, trainer, training
from lib.finetune.estimate import memory_estimate, recomputes
from lib.finetune.model_files import weight_shapes
from lib.recipe import Recipe
from lib.settings import SetupError
from lib.store import write_json
from tests.finetune.tiny import recipe_of

SHAPES = {
    "model.embed_tokens.weight": [128_256, 4096],
    "lm_head.weight": [128_256, 4096],
    "model.norm.weight": [4096],
    **{
        f"model.layers.{layer}.{name}.weight": shape
        for layer in range(32)
        for name, shape in {
            "self_attn.q_proj": [4096, 4096],
            "self_attn.k_proj": [1024, 4096],
            "self_attn.v_proj": [1024, 4096],
            "self_attn.o_proj": [4096, 4096],
            "mlp.gate_proj": [14_336, 4096],
            "mlp.up_proj": [14_336, 4096],
            "mlp.down_proj": [4096, 14_336],
        }.items()
    },
}


def rows_of_an_8b_model(folder: Path) -> Any:
    write_json(
        folder / "config.json",
        {
            "hidden_size": 4096,
            "intermediate_size": 14_336,
            "num_hidden_layers": 32,
            "vocab_size": 128_256,
        },
    )
    lengths = SimpleNamespace(max_total_tokens=2000, max_completion_tokens=150)
    return SimpleNamespace(base=SimpleNamespace(folder=folder), lengths=lengths)


def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)


@pytest.mark.parametrize(
    ("knobs", "weights_gib"),
    [
        ({"method": "full"}, 119.7),  # 8.03 billion parameters of 16 bytes
        ({"method": "lora"}, 15.6),  # 2 bytes, and 42 million of the adapters
        ({"method": "lora_8bit"}, 9.1),
        (
            {"method": "qlora", "then": "grpo", "num_generations": 2},
            119.7,
        ),  # which trains every weight
        ({"method": "full", "then": "dpo", "preferences_path": "pairs"}, 149.6),  # beside a copy
        ({"method": "qlora"}, 6.0),
        ({"method": "lora", "lora_targets": ["q_proj", "v_proj"], "lora_rank": 8}, 15.0),
    ],
)
def test_weights_of_an_8b_model(
    knobs: dict[str, Any],
    weights_gib: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_a_gpu(monkeypatch)
    monkeypatch.setattr(estimate, "weight_shapes", lambda folder: SHAPES)
    monkeypatch.setattr(estimate, "free_memory_gib", lambda on_gpu: 80.0)
    recipe = Recipe(batch_size=2, **knobs)
    said = memory_estimate(rows_of_an_8b_model(tmp_path), recipe, processes=1)
    assert f"({weights_gib} for weights" in said
    assert "for 2 rows of 2,000 tokens" in said
    assert ("it may not fit. Lower batch_size" in said) == (weights_gib > 80)


def test_processes_divide_the_weights_unless_each_has_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "weight_shapes", lambda folder: SHAPES)
    rows = rows_of_an_8b_model(tmp_path)
    whole, part = (
        memory_estimate(rows, Recipe(method="full", parallel=parallel), processes=4)
        for parallel in ("ddp", "fsdp2")
    )
    assert "(119.7 for weights" in whole
    assert "(29.9 for weights" in part
    assert "GPU" not in whole


@pytest.mark.parametrize(
    ("free_gib", "knobs", "again"),
    [
        (140.0, {"batch_size": 1}, False),
        (24.0, {"batch_size": 1}, True),
        (140.0, {"batch_size": 8}, True),
        (140.0, {"batch_size": 1, "parallel": "fsdp2"}, True),
    ],
)
def test_a_gpu_computes_activations_twice_only_where_memory_is_short(
    free_gib: float,
    knobs: dict[str, Any],
    again: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_a_gpu(monkeypatch)
    monkeypatch.setattr(estimate, "weight_shapes", lambda folder: SHAPES)
    monkeypatch.setattr(estimate, "free_memory_gib", lambda on_gpu: free_gib)
    rows, recipe = rows_of_an_8b_model(tmp_path), Recipe(**knobs)
    assert recomputes(rows, recipe) == again
    said = memory_estimate(rows, recipe, processes=1)
    assert ("computed twice to save memory" in said) == again


def test_shapes_are_read_from_the_headers(model_dir: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(model_dir)
    shapes = weight_shapes(model_dir)
    named = dict(model.named_parameters())
    assert {name: list(weight.shape) for name, weight in named.items()} == shapes


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory"
        ),
        MemoryError(),
    ],
    ids=["gpu", "cpu", "python"],
)
def test_too_little_memory_is_one_line_with_the_knobs(
    error: Exception, model_dir: Path, dataset_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(run_name="t", student_model=str(model_dir), batch_size=4)
    rows = prepare_rows(dataset_dir, recipe)

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(training, "make_trainer", fail)
    with pytest.raises(SetupError, match=r"method 'lora', batch_size 4.*Lower batch_size") as told:
        train_student(rows, recipe)
    assert "\n" not in str(told.value)


def test_a_full_disk_is_one_line(
    model_dir: Path, dataset_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import SafetensorError
    from transformers import Trainer

    def fill(self: Any, output_dir: str) -> None:
        torch.save(torch.ones(100_000), "/dev/full")

    def fill_other(*_: Any, **__: Any) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device")

    recipe = recipe_of(model_dir, max_steps=1, save_steps=1)
    rows = prepare_rows(dataset_dir, recipe)
    for name, fails in (("_save_optimizer_and_scheduler", fill), ("save_model", fill_other)):
        monkeypatch.setattr(Trainer, name, fails)
        with pytest.raises(SetupError, match=r"No space left.* Free space.* run it again") as told:
            train_student(rows, recipe)
        assert "\n" not in str(told.value)


def test_another_error_stays_as_it_is(
    model_dir: Path, dataset_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(run_name="t", student_model=str(model_dir))
    rows = prepare_rows(dataset_dir, recipe)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(training, "make_trainer", fail)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        train_student(rows, recipe)


def test_a_gpu_without_bf16_trains_in_float32_and_that_is_said(
    model_dir: Path, dataset_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_gpu(monkeypatch)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation
    )  # as of a T4
    monkeypatch.setattr(estimate, "free_memory_gib", lambda on_gpu: 16.0)
    assert trainer.has_bf16() is False
    recipe = Recipe(run_name="t", student_model=str(model_dir))
    said = memory_estimate(prepare_rows(dataset_dir, recipe), recipe, processes=1)
    assert "in float32: this GPU has no bf16 arithmetic" in said
