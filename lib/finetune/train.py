"""`python -m lib.finetune.train parameters/X.yaml`: the training of 2_finetune.ipynb.

On several GPUs: `torchrun --nproc-per-node 2 -m lib.finetune.train parameters/X.yaml`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.cli import Parser, run_command
from lib.finetune.hosted import HostedRows, train_hosted
from lib.finetune.launch import prepare_rows
from lib.finetune.students import require_machine
from lib.finetune.training import train_student
from lib.parameters import add_overrides, overrides
from lib.recipe import Recipe
from lib.state import require_path, save_state
from lib.threads import restart_tuned


def main(arguments: Sequence[str] | None = None) -> int:
    parser = parser_of("train", __doc__)
    parser.set_defaults(run=lambda options: train(recipe_of(options)))
    return run_command(parser, arguments)


def parser_of(command: str, about: str | None) -> Parser:
    """Of a command that trains: `recipe_of` reads its options."""
    parser = Parser(prog=f"python -m lib.finetune.{command}", description=about)
    parser.add_argument("config", type=Path, metavar="CONFIG", help="a file of parameters/")
    add_overrides(parser)
    return parser


def recipe_of(options: argparse.Namespace) -> Recipe:
    return Recipe(**overrides(options.config, options.overrides))


def train(recipe: Recipe) -> None:
    """Train in this process, which may be one of several, and save the state."""
    if "WORLD_SIZE" not in os.environ:  # transformers would divide each batch among all GPUs
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    dataset_dir = require_path("DATASET_DIR", recipe.run_name)
    require_machine(recipe)
    rows = prepare_rows(dataset_dir, recipe)
    train_on = train_hosted if isinstance(rows, HostedRows) else train_student
    trained = train_on(rows, recipe)
    if int(os.environ.get("RANK", "0")) == 0:
        save_state(recipe.run_name, **trained.state)


if __name__ == "__main__":
    restart_tuned()
    sys.exit(main())
