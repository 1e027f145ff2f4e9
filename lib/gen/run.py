"""`python -m lib.gen run [-p FILE]`: what 1_gen.ipynb does, for machines without Jupyter."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from lib.parameters import DEFAULT_PARAMETERS, overrides
from lib.recipe import Recipe
from lib.settings import SetupError, portable
from lib.state import save_state


def add_command(commands: Any) -> None:
    parser = commands.add_parser(
        "run",
        help="documents to a dataset, as 1_gen.ipynb makes it",
    )
    parser.add_argument(
        "-p", dest="file", type=Path, default=DEFAULT_PARAMETERS, help="default: %(default)s"
    )
    parser.add_argument(
        "-r", dest="overrides", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="set one parameter; may be repeated, and beats the file",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true", help="chunks, requests, tokens and cost; ask nothing"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0: made, and the folder is the last line; 1: nothing was made."""
    from lib.gen.generation import Finished, generate

    values = overrides(options.file, options.overrides)
    if options.dry_run:
        values["dry_run"] = True
    recipe = Recipe(**values)
    try:
        dataset_dir = generate(recipe)
    except Finished as finished:
        print(finished)
        return 0
    except SetupError as error:
        print(f"SetupError: {error}", file=sys.stderr)
        return 1
    save_state(recipe.run_name, DATASET_DIR=portable(dataset_dir))
    print(portable(dataset_dir))
    return 0
