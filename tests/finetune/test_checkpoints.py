"""A training that is killed goes on from its last checkpoint, and nothing else ever uses that."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib.finetune import prepare_rows, train_student
from lib.finetune.trainer import last_checkpoint, make_trainer, training_dir
from lib.finetune.training import student_dir
from lib.recipe import Recipe
from lib.settings import SetupError
from lib.state import save_state
from lib.store import read_jsonl, write_json
from tests.finetune.parallel_worker import trained

KNOBS: dict[str, Any] = {
    "run_name": "t",
    "num_epochs": 3.0,  # of 5 updates
    "learning_rate": 0.01,
    "lora_dropout": 0.1,
    "batch_size": 2,
    "gradient_accumulation_steps": 2,
    "save_steps": 4,
    "seed": 5,
}


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def kill_at_14(config: Path, home: Path, number: int) -> None:
    """Between two checkpoints."""
    environ = os.environ | {"OPENBOOK_HOME": str(home), "OMP_NUM_THREADS": "1"}
    (code,), said = trained(config, environ | {"DIE_AT": "14", "DIE_BY": str(number)})
    if number == signal.SIGINT:
        assert "interrupted" in said
        assert "the last checkpoint of a training" in said
    else:
        assert code == -signal.SIGKILL, said


@pytest.mark.parametrize(("method", "number"), [("lora", signal.SIGKILL), ("full", signal.SIGINT)])
def test_a_killed_training_ends_as_if_it_had_not_been(
    method: str,
    number: int,
    model_dir: Path,
    dataset_dir: Path,
    home_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    knobs = KNOBS | {"method": method, "student_model": str(model_dir)}
    recipe = Recipe(**knobs)
    rows = prepare_rows(dataset_dir, recipe)
    monkeypatch.setenv("OPENBOOK_HOME", str(tmp_path / "whole"))
    whole = train_student(rows, recipe)

    monkeypatch.setenv("OPENBOOK_HOME", str(home_dir))
    save_state("t", DATASET_DIR=str(dataset_dir))
    write_json(tmp_path / "config.json", knobs)
    kill_at_14(tmp_path / "config.json", home_dir, number)
    scratch = training_dir(student_dir(rows, recipe), 1, "ddp")
    assert not student_dir(rows, recipe).exists()
    checkpoint = last_checkpoint(scratch)
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-12"  # at most save_steps lost
    before = read_jsonl(scratch / "metrics.jsonl")
    capsys.readouterr()

    # Other settings find nothing to go on from
    other = Recipe(**(knobs | {"seed": 6}))
    assert last_checkpoint(training_dir(student_dir(rows, other), 1, "ddp")) is None

    again = train_student(rows, recipe)
    torch.set_num_threads(threads)
    assert "Going on from step 12" in capsys.readouterr().out
    assert not scratch.exists()
    assert [p["step"] for p in again.history] == [p["step"] for p in whole.history]
    kept = [point for point in before if point["step"] <= 12]
    assert again.history[: len(kept)] == kept

    def final(history: list[dict[str, float]], key: str) -> float:
        return [point[key] for point in history if key in point][-1]

    for key in ("loss", "validation_loss"):
        assert final(again.history, key) == pytest.approx(final(whole.history, key), rel=1e-4)
    assert weights(again.model_dir) == weights(whole.model_dir)


def test_a_checkpoint_that_is_not_whole_is_not_used(
    model_dir: Path, dataset_dir: Path, tmp_path: Path
) -> None:
    assert last_checkpoint(tmp_path) is None
    recipe = Recipe(**KNOBS, student_model=str(model_dir), max_steps=5)
    rows = prepare_rows(dataset_dir, recipe)
    make_trainer(rows, recipe, output_dir=tmp_path, callbacks=[]).train()
    (older,) = tmp_path.glob("checkpoint-*")
    newer = shutil.copytree(older, tmp_path / "checkpoint-10")
    assert last_checkpoint(tmp_path) == newer
    (newer / "rng_state.pth").unlink()
    assert last_checkpoint(tmp_path) == newer
    for name in "optimizer.pt scheduler.pt trainer_state.json adapter_model.safetensors".split():
        content = (newer / name).read_bytes()
        (newer / name).write_bytes(content[: len(content) // 2])
        assert last_checkpoint(tmp_path) == older, name
        (newer / name).write_bytes(content)
    for name in ("optimizer.pt", "scheduler.pt", "trainer_state.json"):
        content = (newer / name).read_bytes()
        (newer / name).unlink()
        assert last_checkpoint(tmp_path) == older, name
        (newer / name).write_bytes(content)
    assert last_checkpoint(tmp_path) == newer


def test_another_way_to_share_the_work_finds_no_checkpoint(tmp_path: Path) -> None:
    assert training_dir(tmp_path, 1, "ddp") == training_dir(tmp_path, 1, "fsdp2")
    assert training_dir(tmp_path, 2, "ddp") != training_dir(tmp_path, 2, "fsdp2")


@pytest.mark.parametrize(
    "knobs",
    [
        {"num_epochs": 1.0},
        {"num_epochs": 1.4},  # the middle of an epoch
        {"num_epochs": 9.0, "learning_rate": 0.3, "eval_steps": 1, "early_stop_patience": 1},
    ],
    ids=["epoch", "part", "early stop"],
)
def test_a_training_that_failed_while_it_was_saved_is_not_trained_again(
    knobs: dict[str, Any],
    model_dir: Path,
    dataset_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from lib.finetune import training

    changed = KNOBS | {"student_model": str(model_dir), "learning_rate_schedule": "constant"}
    recipe = Recipe(**(changed | knobs))
    rows = prepare_rows(dataset_dir, recipe)
    with monkeypatch.context() as patch:
        patch.setenv("OPENBOOK_HOME", str(tmp_path / "whole"))
        whole = train_student(rows, recipe)

    def full_disk(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(training, "save_model", full_disk)
        with pytest.raises(SetupError, match="No space left"):
            train_student(rows, recipe)
    target = student_dir(rows, recipe)
    left_by_a_kill = target.parent / f".{target.name}.0a_b1c2d"
    left_by_a_kill.mkdir()
    trained = train_student(rows, recipe)
    assert not left_by_a_kill.exists()
    assert [p["step"] for p in trained.history] == [p["step"] for p in whole.history]
    assert weights(trained.model_dir) == weights(whole.model_dir)


def test_a_killed_training_stops_as_early_as_if_it_had_not_been(
    model_dir: Path, dataset_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knobs = {"learning_rate": 1.0, "num_epochs": 9.0, "eval_steps": 1, "early_stop_patience": 3}
    recipe = Recipe(**(KNOBS | knobs | {"student_model": str(model_dir)}))
    rows = prepare_rows(dataset_dir, recipe)
    with monkeypatch.context() as patch:
        patch.setenv("OPENBOOK_HOME", str(tmp_path / "whole"))
        whole = train_student(rows, recipe).history
    kept, last = whole[-1]["kept_step"], whole[-1]["step"]
    assert last == kept + 3
    steps: list[None] = []

    def kill(_: Any) -> None:
        steps.append(None)
        if len(steps) == last:  # the loss has not fallen twice
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lib.finetune.watch.Progress.advance", kill)
        with pytest.raises(KeyboardInterrupt):
            train_student(rows, recipe)
    assert [p["step"] for p in train_student(rows, recipe).history] == [p["step"] for p in whole]


HOLD = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX, 1, int(sys.argv[2], 16))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_student_is_trained_by_one_process_at_a_time(model_dir: Path, dataset_dir: Path) -> None:
    recipe = Recipe(**(KNOBS | {"student_model": str(model_dir), "max_steps": 1}))
    other = replace(recipe, seed=6)
    rows = prepare_rows(dataset_dir, recipe)
    target = student_dir(rows, recipe)
    target.parent.mkdir(parents=True)
    command = [sys.executable, "-c", HOLD, str(target.parent / ".lock"), target.name[-12:]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(SetupError, match="is being trained by another process"):
            train_student(rows, recipe)
        assert not training_dir(target, 1, "ddp").exists()
        train_student(rows, other)  # another student may be trained meanwhile
        process.communicate()
    train_student(rows, recipe)
