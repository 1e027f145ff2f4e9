"""`python -m lib.gen check [DATASET]`: what a dataset holds, and whether it keeps its promises."""

from __future__ import annotations

import argparse
import sys

from lib.gen.check import find_dataset, print_check
from lib.settings import SetupError


def main(arguments: list[str] | None = None) -> int:
    """0: every check passed; 1: one failed; 2: there is no such dataset."""
    parser = argparse.ArgumentParser(prog="python -m lib.gen", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="recompute a dataset's counts from its files")
    check.add_argument(
        "dataset", nargs="?", default="", help="its folder or name; else the one in .env.state"
    )
    name = parser.parse_args(arguments).dataset
    try:
        return 0 if print_check(find_dataset(name)) else 1
    except SetupError as error:
        print(f"SetupError: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
