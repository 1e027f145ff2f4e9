"""The training inside Ray's TorchTrainer: a killed process resumes, with the curve of torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib.finetune import on_ray
from lib.settings import PROJECT_DIR
from lib.state import read_state, save_state
from lib.store import read_jsonl, write_json
from tests.finetune.test_parallel import KNOBS, TORCHRUN
from tests.finetune.tiny import write_dataset
from tests.ray_cluster import needs_ray, ray_cluster


def test_a_number_of_processes_below_one_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(PROJECT_DIR / "parameters" / "tiny.yaml")
    assert on_ray.main([config, "--processes", "0"]) == 2
    assert capsys.readouterr().err == ("lib.finetune.on_ray: --processes is 0; give 1 or more.\n")


@needs_ray
def test_a_killed_process_goes_on_from_its_checkpoint(
    model_dir: Path, home_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_dir = write_dataset(tmp_path / "lamps", train=16, valid=4)
    config = tmp_path / "config.json"
    write_json(config, KNOBS | {"student_model": str(model_dir), "save_steps": 3})
    losses = []
    for name in ("torchrun", "ray"):
        home = home_dir / name
        home.mkdir()
        monkeypatch.setenv("OPENBOOK_HOME", str(home))
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        save_state("t", DATASET_DIR=str(dataset_dir))
        if name == "torchrun":
            command = [sys.executable, "-m", *TORCHRUN, "-m", "lib.finetune.train", str(config)]
            subprocess.run(command, cwd=PROJECT_DIR, env=os.environ, timeout=900, check=True)
        else:
            monkeypatch.setenv("PYTHONPATH", str(killing(tmp_path / "killing")))
            with ray_cluster() as cluster:
                command = [sys.executable, "-m", "lib.finetune.on_ray", str(config)]
                command += ["--processes", "2", "-r", "cluster", cluster.address]
                subprocess.run(command, cwd=PROJECT_DIR, env=os.environ, timeout=900, check=True)
            assert (tmp_path / "killing" / "killed").read_text() == "step 5"
        assert read_state("t")["STUDENT_DATASET_DIR"]
        (student,) = (home / "artefacts" / "students").glob("t-*")
        points = read_jsonl(student / "metrics.jsonl")
        losses.append([(point["step"], point.get("validation_loss")) for point in points])
    assert losses[0] == losses[1]


def killing(folder: Path) -> Path:
    """For PYTHONPATH: the second rank is killed once, after its fifth update."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"""
import os, signal, sys, threading, time

def watch():
    while "transformers.trainer" not in sys.modules or not hasattr(
        sys.modules["transformers.trainer"], "TrainerCallback"
    ):
        time.sleep(0.05)
    from transformers.trainer import CallbackHandler
    plain = CallbackHandler.on_step_end
    marker = {str(folder / "killed")!r}

    def on_step_end(self, args, state, control):
        if state.global_step == 5 and os.environ.get("RANK") == "1" and not os.path.exists(marker):
            open(marker, "w").write("step 5")
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(self, args, state, control)

    CallbackHandler.on_step_end = on_step_end

threading.Thread(target=watch, daemon=True).start()
""")
    return folder
