"""`python -m lib.gen COMMAND`: datasets without a notebook."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from lib.cli import Parser, run_command
from lib.parameters import add_parameters, overrides
from lib.progress import VERBOSE
from lib.recipe import Recipe
from lib.settings import portable
from lib.state import save_state

# Where the `add_command` of each is, which also sets `run` as its action
_COMMANDS = {"check": "check", "review": "review.command", "convert": "formats.convert"}


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = Parser(prog="python -m lib.gen", description=__doc__)
    commands = parser.add_commands()
    command = commands.add_parser("run", help="documents to a dataset, as 1_gen.ipynb makes it")
    add_parameters(command)
    command.add_argument(
        "--dry-run", action="store_true", help="chunks, requests, tokens and cost; ask nothing"
    )
    command.add_argument(
        "--shard", metavar="I/N", help="ask the I-th of N parts, for `merge` (docs/cluster.md)"
    )
    command.add_argument("-v", dest="verbose", action="store_true", help="print the list of checks")
    command.set_defaults(run=_make, shards=None)
    command = commands.add_parser("merge", help="the shards of a run to its dataset")
    add_parameters(command)
    command.add_argument(
        "shards", nargs="*", type=Path, metavar="FOLDER",
        help="of a shard, or of several; default: artefacts/shards/RUN_NAME",
    )  # fmt: skip
    command.set_defaults(run=_make, dry_run=False, shard=None, verbose=False)
    # One command does not wait for the imports of the others.
    named = [name for name in ("run", "merge", *_COMMANDS) if given[:1] == [name]]
    for name, module in _COMMANDS.items():
        if named in ([], [name]):
            import_module(f"lib.gen.{module}").add_command(commands)
    return run_command(parser, given)


def _make(options: argparse.Namespace) -> None:
    """What 1_gen.ipynb does, without Jupyter; the last line is the dataset's folder."""
    from lib.gen.generation import Finished, generate
    from lib.gen.shards import Shard, ask_shard, merge

    values = overrides(options.file, options.overrides)
    recipe = Recipe(**(values | {"dry_run": True} if options.dry_run else values))
    if options.verbose:
        os.environ[VERBOSE] = "1"
    try:
        if options.shard is not None:
            return ask_shard(recipe, Shard.of(options.shard))
        made = generate(recipe) if options.shards is None else merge(recipe, options.shards)
    except Finished as finished:
        return print(finished)
    save_state(recipe.run_name, DATASET_DIR=portable(made))
    print(portable(made))


if __name__ == "__main__":
    sys.exit(main())
