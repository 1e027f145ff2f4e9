"""What the trainer decides by itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lib.finetune import methods, prepare_rows, trainer
from lib.finetune.methods import _product_s
from lib.recipe import Recipe
from lib.settings import home
from tests.finetune.tiny import train


@pytest.mark.parametrize(("bf16_s", "chosen"), [(0.5, True), (0.8, True), (0.9, False), (2, False)])
def test_a_cpu_trains_in_bf16_where_that_is_clearly_faster(
    bf16_s: float, chosen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds: dict[Any, float] = {torch.float32: 1.0, torch.bfloat16: bf16_s}
    monkeypatch.setattr(methods, "_product_s", seconds.__getitem__)
    assert methods.has_bf16() is chosen


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


def test_what_tensorboard_writes_is_kept(
    model_dir: Path, dataset_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages" / "tensorboardX" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text(
        "from pathlib import Path\n"
        "class SummaryWriter:\n"
        "    def __init__(self, log_dir):\n"
        "        Path(log_dir).mkdir(parents=True)\n"
        "    def __getattr__(self, name):\n"
        "        return lambda *_: None\n"
    )
    monkeypatch.syspath_prepend(str(package.parents[1]))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "")  # it is unset again after the test
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR")
    trained = train(model_dir, dataset_dir, max_steps=1, report_to="tensorboard")
    name = trained.model_dir.parent.name
    assert (home() / "runs" / "t" / "tensorboard" / name).is_dir()
    failing = "transformers.integrations.TensorBoardCallback.on_log"
    monkeypatch.setattr(failing, lambda *_, **__: 1 / 0)
    assert train(model_dir, dataset_dir, max_steps=2, report_to="tensorboard").history
