"""The notebook's training is another process: its lines arrive, and its death is one line."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib.finetune import launch, prepare_rows, run_training
from lib.finetune.training import student_dir
from lib.parameters import overrides
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, CheckFailed, SetupError
from lib.state import save_state
from tests.finetune.parallel_worker import trained as trained_by

REAL = launch._stream


def recipe_of(model_dir: Path, dataset_dir: Path, **knobs: Any) -> Recipe:
    save_state("t", DATASET_DIR=str(dataset_dir))
    known: dict[str, Any] = {"run_name": "t", "student_model": str(model_dir), "max_steps": 2}
    return Recipe(**(known | knobs))


def stand_in(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that does this."""
    monkeypatch.setattr(
        launch, "_stream", lambda command, log_path: REAL([sys.executable, "-c", code], log_path)
    )


def test_it_is_no_rank_of_the_notebooks_own_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a pod of several, `srun` or `accelerate launch` names one: torch would wait for it."""
    of_group = "RANK WORLD_SIZE LOCAL_RANK MASTER_ADDR PMI_SIZE OMPI_COMM_WORLD_RANK"
    for name in [*of_group.split(), "ACCELERATE_USE_FSDP", "MY_RANK", "RANKING"]:
        monkeypatch.setenv(name, "of four")
    code = "import os; print(*sorted(n for n, value in os.environ.items() if value == 'of four'))"
    assert REAL([sys.executable, "-c", code], tmp_path / "log") == 0
    assert capsys.readouterr().out.split() == ["MY_RANK", "RANKING"]


def test_it_trains_and_its_lines_arrive(
    model_dir: Path,
    dataset_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def forked(command: list[str], log_path: Path) -> int:
        """What the command trains, by a process that need not import it first; test_notebooks.py
        has it run as it is."""
        assert command[:-1] == [sys.executable, "-m", "lib.finetune.train"]
        (code,), said = trained_by(Path(command[-1]), os.environ)
        return code or REAL([sys.executable, "-c", f"print({said!r})"], log_path)

    monkeypatch.setattr(launch, "_stream", forked)
    recipe = recipe_of(model_dir, dataset_dir)
    rows = prepare_rows(dataset_dir, recipe)
    trained = run_training(rows, recipe)
    said = capsys.readouterr().out
    assert "Training on 20 rows" in said
    assert "step 2/2 · validation loss" in said
    assert trained.model_dir == student_dir(rows, recipe) / "merged"
    assert not trained.reused
    assert run_training(rows, recipe).reused
    assert "nothing to train" in capsys.readouterr().out


def test_the_command_for_several_gpus_is_exact(
    model_dir: Path,
    dataset_dir: Path,
    home_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home_dir = home_dir / "my books"
    monkeypatch.setenv("OPENBOOK_HOME", str(home_dir))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    stand_in("import sys; sys.exit(1)", monkeypatch)
    recipe = recipe_of(model_dir, dataset_dir, learning_rate=2e-5, lora_targets=["q_proj"])
    with pytest.raises(SetupError):
        run_training(prepare_rows(dataset_dir, recipe), recipe)
    config = home_dir / "runs" / "t" / "training.json"
    # In a terminal that knows nothing of this process's home, and with spaces in paths
    command = capsys.readouterr().out.splitlines()[1]
    assert shlex.split(command) == [
        *("cd", str(PROJECT_DIR), "&&", "env", f"OPENBOOK_HOME={home_dir}", ".venv/bin/torchrun"),
        *("--nproc-per-node", "4", "-m", "lib.finetune.train", str(config)),
    ]
    assert Recipe(**overrides(config)) == recipe


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            SetupError,
            r"killed\. Most likely: .*method 'lora', batch_size 8, rows of at most 12\d tokens.*"
            r"Lower batch_size and raise gradient_accumulation_steps",
        ),
        (
            "import sys; sys.exit('lib.finetune.train: x is 3; expected 2.')",
            CheckFailed,
            "^x is 3; expected 2.$",
        ),
        (
            "raise ValueError('odd')",
            SetupError,
            r"stopped: ValueError: odd \(.*runs/t/training.log",
        ),
    ],
)
def test_a_training_that_dies_is_one_line(
    code: str,
    error: type[SetupError],
    said: str,
    model_dir: Path,
    dataset_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in(code, monkeypatch)
    recipe = recipe_of(model_dir, dataset_dir)
    with pytest.raises(error, match=said) as told:
        run_training(prepare_rows(dataset_dir, recipe), recipe)
    assert type(told.value) is error
    assert "\n" not in str(told.value)


def test_an_interrupt_ends_the_training_too(tmp_path: Path) -> None:
    code = (
        "import os, signal, time\n"
        "def end(*_):\n"
        f"    open({str(tmp_path / 'ended')!r}, 'w').close()\n"
        "    os._exit(1)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "os.kill(os.getppid(), signal.SIGINT)\n"
        "print('going', flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = (
        "import sys; from pathlib import Path; from lib.finetune import launch\n"
        f"launch._stream([sys.executable, '-c', {code!r}], Path({str(tmp_path / 'log')!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", parent],
        cwd=launch.PROJECT_DIR,
        capture_output=True,
        text=True,
        env=os.environ,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        timeout=300,
    )
    assert "KeyboardInterrupt" in done.stderr
    assert (tmp_path / "ended").exists()
