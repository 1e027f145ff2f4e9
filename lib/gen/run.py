"""`python -m lib.gen run [-p FILE]`: what 1_gen.ipynb does, for machines without Jupyter."""

from __future__ import annotations

import argparse
import os
from typing import Any

from lib.parameters import add_parameters, overrides
from lib.progress import VERBOSE
from lib.recipe import Recipe
from lib.settings import portable
from lib.state import save_state


def add_command(commands: Any) -> None:
    parser = commands.add_parser("run", help="documents to a dataset, as 1_gen.ipynb makes it")
    add_parameters(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="chunks, requests, tokens and cost; ask nothing"
    )
    parser.add_argument("-v", dest="verbose", action="store_true", help="print the list of checks")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """The dataset's folder is the last line."""
    from lib.gen.generation import Finished, generate

    values = overrides(options.file, options.overrides)
    recipe = Recipe(**(values | {"dry_run": True} if options.dry_run else values))
    if options.verbose:
        os.environ[VERBOSE] = "1"
    try:
        dataset_dir = generate(recipe)
    except Finished as finished:
        print(finished)
        return
    save_state(recipe.run_name, DATASET_DIR=portable(dataset_dir))
    print(portable(dataset_dir))
