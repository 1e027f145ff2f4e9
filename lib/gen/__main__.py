"""`python -m lib.gen COMMAND`: datasets without a notebook."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module

from lib.settings import SetupError

_COMMANDS = {  # where each is
    "run": "run",
    "check": "check",
    "review": "review.command",
    "convert": "formats.convert",
}


def main(arguments: list[str] | None = None) -> int:
    """0: done, every check passed; 1: one failed, or nothing came of it; 2: a user's mistake."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m lib.gen", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    # One command needs not wait for what the others import.
    named = [name for name in _COMMANDS if given[:1] == [name]]
    for name in named or _COMMANDS:
        import_module(f"lib.gen.{_COMMANDS[name]}").add_command(commands)
    options = parser.parse_args(given)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except SetupError as error:
        print(f"SetupError: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted; every reply is kept: run it again to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
