"""`python -m lib.finetune train -p parameters/X.yaml`: the training of 2_finetune.ipynb, also
under `accelerate launch -m lib.finetune train -p …` on several GPUs."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from pathlib import Path

from lib.finetune.rows import prepare_rows
from lib.finetune.students import require_machine
from lib.finetune.train import train_student
from lib.parameters import resolved
from lib.settings import SetupError, portable, require_path, save_state


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m lib.finetune", description=__doc__)
    parser.add_argument("verb", choices=["train"])
    parser.add_argument("-p", dest="file", type=Path, required=True, help="parameters file")
    options = parser.parse_args(arguments)
    import torch
    from accelerate import PartialState

    PartialState(cpu=not torch.cuda.is_available())
    try:
        values = resolved(options.file)
        dataset_dir = require_path("DATASET_DIR", run_name=values["run_name"])
        require_machine(values["student_model"], student_memory_gib=values["student_memory_gib"])
        rows = prepare_rows(
            dataset_dir,
            student_model=values["student_model"],
            dataset_format=values["dataset_format"],
        )
        names = set(inspect.signature(train_student).parameters) & values.keys()
        trained = train_student(rows, **{name: values[name] for name in names})
        if int(os.environ.get("RANK", "0")) == 0:
            save_state(
                STUDENT_MODEL_DIR=portable(trained.model_dir),
                BASELINE_MODEL_DIR=portable(trained.baseline_dir),
            )
    except SetupError as error:
        print(f"lib.finetune: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
