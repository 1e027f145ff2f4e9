"""The rows and the training of 2_finetune.ipynb, for a student of this machine or of a service.

A training here is a process of its own: when it is killed, the kernel lives.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from lib.finetune import rows as local
from lib.finetune.estimate import out_of_memory
from lib.finetune.hosted import HostedRows, hosted_rows, train_hosted
from lib.finetune.rows import PreparedRows
from lib.finetune.training import find_trained, student_dir
from lib.finetune.watch import PARENT
from lib.parameters import notebook_values
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, CheckFailed, SetupError, home, portable
from lib.store import write_json

_MODULE = "lib.finetune.train"
# Of a group of processes that the notebook may be one of (MPI, torchrun, a cluster's job). The
# training is alone: it would wait for the others.
_OF_A_GROUP = re.compile(
    "(LOCAL_|NODE_|GROUP_)?(RANK|WORLD_SIZE)$|MASTER_(ADDR|PORT)$"
    "|(ACCELERATE|PMI|(OMPI|MV2)_COMM_WORLD)_"
)


def prepare_rows(dataset_dir: Path, recipe: Recipe) -> Any:
    """The rows as token ids (PreparedRows), or as a service takes them (HostedRows)."""
    hosted = recipe.method == "hosted"
    return (hosted_rows if hosted else local.prepare_rows)(dataset_dir, recipe)


def run_training(rows: PreparedRows | HostedRows, recipe: Recipe) -> Any:
    """Train with `python -m lib.finetune.train CONFIG`, on one GPU, or as a job of a service; or
    find the student. Returns a Trained or a HostedStudent."""
    if isinstance(rows, HostedRows):
        return train_hosted(rows, recipe)
    import torch

    if (target := student_dir(rows, recipe)).exists():
        print(f"{portable(target)} is there already: nothing to train.")
        return find_trained(rows, recipe, reused=True)
    config_path = home() / "runs" / recipe.run_name / "training.json"
    write_json(config_path, notebook_values(recipe, "2_finetune"))
    if (gpus := torch.cuda.device_count()) > 1:
        command = ["env", f"OPENBOOK_HOME={home()}", ".venv/bin/torchrun", "--nproc-per-node"]
        command += [str(gpus), "-m", _MODULE, str(config_path)]
        print(
            f"{gpus} GPUs are here, and this cell uses one. To use all, interrupt it, run this in "
            "a terminal, and run the cell again:\n"
            f"cd {shlex.quote(str(PROJECT_DIR))} && {shlex.join(command)}"
        )
    log_path = config_path.with_name("training.log")
    code = _stream([sys.executable, "-m", _MODULE, str(config_path)], log_path)
    if code:
        raise _why(code, log_path, rows, recipe)
    return find_trained(rows, recipe, reused=False)


def _stream(command: list[str], log_path: Path) -> int:
    """Run it, print its lines as they come, and keep what it says of errors."""
    environ = {name: it for name, it in os.environ.items() if not _OF_A_GROUP.match(name)}
    environ |= {PARENT: str(os.getpid()), "PYTHONUNBUFFERED": "1"}
    with (
        log_path.open("w", encoding="utf-8") as log_file,
        subprocess.Popen(
            command,
            cwd=PROJECT_DIR,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=log_file,
            text=True,
            start_new_session=True,  # an interrupt of the kernel comes to us alone
        ) as process,
    ):
        assert process.stdout
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
        except BaseException:  # an interrupt
            process.terminate()
            raise
    return process.returncode


def _why(code: int, log_path: Path, rows: PreparedRows, recipe: Recipe) -> SetupError:
    """One line for a training that ended with this exit code."""
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return SetupError(
            f"The training was killed. Most likely: {out_of_memory(rows, recipe)} Run it again "
            "after that: unchanged settings go on from the last checkpoint."
        )
    lines = log_path.read_text(encoding="utf-8").strip().splitlines() or [f"exit code {code}"]
    said = lines[-1].removeprefix(f"{_MODULE}: ")
    if lines[-1] != said:
        return (CheckFailed if code == 1 else SetupError)(said)
    return SetupError(f"The training stopped: {said} (all of it: {portable(log_path)}).")
