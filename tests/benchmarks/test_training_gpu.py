"""The training benchmark for a GPU: its rows, and what it says without a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.students import config_of
from benchmarks.training_gpu import REAL, ROPE, SHARING, STUDENT, random_rows
from lib.finetune.shared_contexts import share_contexts


def test_rows_have_4096_tokens_and_eight_of_them_share_a_context() -> None:
    rows = random_rows(Path("unread"), REAL).train
    assert {len(row.input_ids) for row in rows} == {4096}
    sequences = share_contexts(rows, most_rows=SHARING)
    assert len(sequences) == REAL.contexts
    assert {len(sequence.rows) for sequence in sequences} == {SHARING}
    assert {sequence.context_tokens for sequence in sequences} == {REAL.context}


def test_the_model_has_the_size_of_llama_3_1_8b() -> None:
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(
            config_of(STUDENT, {"rope_parameters": ROPE} | REAL.config)
        )
    assert sum(weight.numel() for weight in model.parameters()) == 8_030_261_248


@pytest.mark.parametrize(("memory_bytes", "said"), [(0, "has none"), (24e9, "has 24 GB")])
def test_without_such_a_gpu_it_says_what_it_needs_in_a_line(
    memory_bytes: float,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Card:
        total_memory = memory_bytes

    monkeypatch.setattr("torch.cuda.is_available", lambda: bool(memory_bytes))
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda number: Card)
    assert main(["training_gpu"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        f"needs a CUDA GPU with 80 GB, and this {'one' if memory_bytes else 'machine'} {said}"
        in line
    )
