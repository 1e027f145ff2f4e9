"""`python -m lib.finetune train -p parameters/X.yaml`: the training of 2_finetune.ipynb.

On several GPUs: `accelerate launch -m lib.finetune train -p parameters/X.yaml`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from lib.cli import Parser, run_command
from lib.finetune.rows import prepare_rows
from lib.finetune.students import require_machine
from lib.finetune.train import train_student
from lib.parameters import add_parameters, overrides
from lib.recipe import Recipe
from lib.state import require_path, save_state


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m lib.finetune", description=__doc__)
    commands = parser.add_commands()
    train = commands.add_parser("train", help="train the student of a parameters file")
    add_parameters(train)
    train.set_defaults(run=_train)
    return run_command(parser, arguments)


def _train(options: argparse.Namespace) -> None:
    recipe = Recipe(**overrides(options.file, options.overrides))
    dataset_dir = require_path("DATASET_DIR", recipe.run_name)
    require_machine(recipe)
    trained = train_student(prepare_rows(dataset_dir, recipe), recipe)
    if int(os.environ.get("RANK", "0")) == 0:
        save_state(recipe.run_name, **trained.state)


if __name__ == "__main__":
    sys.exit(main())
