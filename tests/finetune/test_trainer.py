"""What the trainer decides by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lib.finetune import methods, prepare_rows, trainer
from lib.finetune.methods import _product_s
from lib.recipe import Recipe


@pytest.mark.parametrize(("bf16_s", "chosen"), [(0.5, True), (0.8, True), (0.9, False), (2, False)])
def test_a_cpu_trains_in_bf16_where_that_is_clearly_faster(
    bf16_s: float, chosen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds: dict[Any, float] = {torch.float32: 1.0, torch.bfloat16: bf16_s}
    monkeypatch.setattr(methods, "_product_s", seconds.__getitem__)
    assert methods._cpu_multiplies_bf16() is chosen


def test_a_product_takes_time_and_draws_nothing() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    assert _product_s(torch.bfloat16) > 0
    assert torch.equal(torch.get_rng_state(), state)


def test_nothing_leaves_the_machine_by_default(
    model_dir: Path, dataset_dir: Path, tmp_path: Path
) -> None:
    recipe = Recipe(student_model=str(model_dir))
    made = trainer.make_trainer(
        prepare_rows(dataset_dir, recipe), recipe, output_dir=tmp_path, callbacks=[]
    )
    assert made.args.report_to == []
    assert made.args.trackio_space_id is None
    assert made.args.push_to_hub is False
