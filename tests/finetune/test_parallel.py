"""Two processes train what one trains, and a sharding that does not happen stops."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lib.finetune import prepare_rows, train_student
from lib.finetune.model_files import load_weights
from lib.finetune.parallel import ACCELERATE_DIR, require_divided
from lib.finetune.trainer import _trainer_arguments, last_checkpoint
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR
from lib.state import save_state
from lib.store import read_jsonl, write_json
from tests.finetune.parallel_worker import trained
from tests.finetune.test_shared_training import write_dataset_of_contexts
from tests.finetune.tiny import write_dataset

KNOBS: dict[str, Any] = {
    "run_name": "t",
    "num_epochs": 2.0,
    "learning_rate": 0.01,
    "lora_dropout": 0.0,
    "batch_size": 2,
    "seed": 5,
    "eval_steps": 4,
    "save_steps": 3,
}

Start = Callable[..., tuple[int, str]]
TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.fixture
def start(
    model_dir: Path, home_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Start:
    """Train with two processes, or with this launcher; the exit code and all that they said."""
    # 16 rows: updates of 4 and batches of 2 divide them
    dataset_dir = write_dataset(tmp_path / "lamps", train=16, valid=4)
    save_state("t", DATASET_DIR=str(dataset_dir))

    def run(
        *launcher: str, processes: int = 2, shard: bool = False, die_at: int = 0, **knobs: Any
    ) -> tuple[int, str]:
        config = tmp_path / "config.json"
        write_json(config, KNOBS | {"student_model": str(model_dir)} | knobs)
        environ = os.environ | {"OPENBOOK_HOME": str(home_dir), "OMP_NUM_THREADS": "1"}
        environ |= {"SHARD_ON_CPU": "1"} if shard else {}
        environ |= {"DIE_AT": str(die_at)} if die_at else {}
        if not launcher:
            codes, said = trained(config, environ, processes=processes)
            return max(map(abs, codes)), said
        done = subprocess.run(
            [sys.executable, "-m", *launcher, "-m", "tests.finetune.parallel_worker", str(config)],
            cwd=PROJECT_DIR,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
        )
        return done.returncode, done.stdout

    return run


def student(home: Path) -> Path:
    (folder,) = (home / "artefacts" / "students").glob("t-*")
    return folder


def validation(folder: Path) -> list[float]:
    points = read_jsonl(folder / "metrics.jsonl")
    return [point["validation_loss"] for point in points if "validation_loss" in point]


def one_process(model_dir: Path, tmp_path: Path, monkeypatch: Any, **knobs: Any) -> list[float]:
    """The same updates by one process, which adds two batches up."""
    with monkeypatch.context() as patch:
        patch.setenv("OPENBOOK_HOME", str(tmp_path / "one"))
        recipe = Recipe(
            **(KNOBS | {"student_model": str(model_dir), "gradient_accumulation_steps": 2} | knobs)
        )
        return validation(
            train_student(prepare_rows(tmp_path / "lamps", recipe), recipe).model_dir.parent
        )


@pytest.mark.parametrize(
    ("parallel", "method", "killed"),
    [("ddp", "full", True), ("fsdp2", "lora", True), ("fsdp2", "full", False)],
)  # ddp and lora: the shared contexts below
def test_two_processes_have_the_loss_of_one_also_after_a_kill(
    parallel: str,
    method: str,
    killed: bool,
    start: Start,
    model_dir: Path,
    home_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if killed:
        code, said = start(method=method, parallel=parallel, shard=True, die_at=5)
        assert code != 0
        assert "step 4/8" in said, said[-3000:]
        (scratch,) = (home_dir / "artefacts" / "students").glob(".*.training*")
        assert scratch.name.endswith(f".training-2-{parallel}")
        checkpoint = last_checkpoint(scratch)
        assert checkpoint is not None
        assert checkpoint.name == "checkpoint-3"
    code, said = start(method=method, parallel=parallel, shard=True)
    assert code == 0, said[-3000:]
    assert said.count("Going on from step 3") == int(killed)
    expected = one_process(model_dir, tmp_path, monkeypatch, method=method)
    found = validation(student(home_dir))
    assert len(found) == 3
    assert found == pytest.approx(expected, rel=1e-5)
    assert said.count("Written: ") == 1
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(student(home_dir) / "merged")
    assert (student(home_dir) / "adapter").exists() == (method == "lora")


def test_two_processes_that_share_contexts_have_the_loss_of_one(
    start: Start, model_dir: Path, home_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset_of_contexts(tmp_path / "lamps", train=36)  # nine steps of about four rows
    knobs: dict[str, Any] = {"batch_size": 4, "num_epochs": 1.0, "save_steps": -1}
    code, said = start(*TORCHRUN, **knobs)
    assert code == 0, said[-3000:]
    assert said.count("36 rows share 12 contexts") == 1
    found = validation(student(home_dir))
    assert len(found) == 3  # before training, after update 4 and at the end
    expected = one_process(model_dir, tmp_path, monkeypatch, **knobs)
    assert found == pytest.approx(expected, rel=1e-5)


def test_sharding_that_accelerate_drops_stops(start: Start) -> None:
    code, said = start(parallel="fsdp2")
    assert code != 0
    assert "parallel is 'fsdp2', and" in said
    assert "weights are whole in each process" in said
    assert "Traceback" not in said


def test_one_process_has_whole_weights(model_dir: Path) -> None:
    require_divided(load_weights(model_dir), "fsdp2")


def test_processes_that_were_not_started_stop(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "alone.py"
    script.write_text(
        "from types import SimpleNamespace\nfrom lib.finetune.parallel import require_processes\n"
        "require_processes(SimpleNamespace(num_processes=1), 'ddp')\n"
    )
    launcher = ["accelerate.commands.launch", "--cpu", "--num_processes", "2", str(script)]
    environ = os.environ | {"PYTHONPATH": str(PROJECT_DIR)}
    done = subprocess.run([sys.executable, "-m", *launcher], env=environ, capture_output=True)
    assert done.returncode != 0
    said = done.stderr.decode()
    assert "2 processes or more were asked for (parallel is 'ddp'), and 1 started" in said
    code, said = start(processes=1, parallel="fsdp2")
    assert code == 2
    assert "(parallel is 'fsdp2'), and 1 started. Start them with torchrun" in said


def test_the_configurations_are_read_by_the_libraries() -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    kinds = {"ddp": "MULTI_GPU", "fsdp2": "FSDP", "zero3": "DEEPSPEED"}
    for name, kind in kinds.items():
        config = load_config_from_file(str(ACCELERATE_DIR / f"{name}.yaml"))
        assert config.distributed_type == kind
    assert config.deepspeed_config == {
        "deepspeed_config_file": "infra/accelerate/zero3.json",
        "zero3_init_flag": False,
    }


def test_zero3_gets_its_values_from_the_training(
    model_dir: Path, dataset_dir: Path, tmp_path: Path
) -> None:
    """It is read, not run: DeepSpeed needs GPUs."""
    from accelerate.utils.deepspeed import HfDeepSpeedConfig
    from transformers import AutoConfig
    from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig

    recipe = Recipe(student_model=str(model_dir), parallel="zero3", **KNOBS)
    arguments = _trainer_arguments(prepare_rows(dataset_dir, recipe), recipe, tmp_path, 2)
    # transformers' class alone has no base class where DeepSpeed is not installed
    read: Any = type("Read", (HfTrainerDeepSpeedConfig, HfDeepSpeedConfig), {"mismatches": []})
    zero3 = read.__new__(read)
    HfDeepSpeedConfig.__init__(zero3, str(ACCELERATE_DIR / "zero3.json"))
    zero3.trainer_config_process(arguments)
    model = SimpleNamespace(config=AutoConfig.from_pretrained(model_dir))
    zero3.trainer_config_finalize(arguments, model, 100)
    assert zero3.is_zero3()
    assert "auto" not in json.dumps(zero3.config)
    assert zero3.config["train_micro_batch_size_per_gpu"] == KNOBS["batch_size"]
    assert zero3.config["optimizer"]["params"]["lr"] == KNOBS["learning_rate"]
    assert zero3.config["zero_optimization"]["stage3_gather_16bit_weights_on_model_save"]
