"""`python -m lib.gen COMMAND`: datasets without a notebook."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from lib.cli import Parser, run_command

_COMMANDS = {  # where the `add_command` of each is, which also sets `run` as its action
    "run": "run",
    "check": "check",
    "review": "review.command",
    "convert": "formats.convert",
}


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = Parser(prog="python -m lib.gen", description=__doc__)
    commands = parser.add_commands()
    # One command does not wait for the imports of the others.
    named = [name for name in _COMMANDS if given[:1] == [name]]
    for name in named or _COMMANDS:
        import_module(f"lib.gen.{_COMMANDS[name]}").add_command(commands)
    return run_command(parser, given)


if __name__ == "__main__":
    sys.exit(main())
