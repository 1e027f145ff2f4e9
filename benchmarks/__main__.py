"""`python -m benchmarks` lists the benchmarks; `python -m benchmarks NAME [--quick]` runs one.

One module per figure that the docs state. Its docstring says what is measured and about how long it
takes, and is its help. `main(quick=…)` prints the figure last and returns 1 when it misses its
target. Modules without a `main` are parts of others.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lib.cli import Parser, run_command

_ABOUT = "Each prints a figure of the docs; the times in their help are of two quiet cores."


def known() -> dict[str, str]:
    """Name → docstring of every module with a `main`; imports none of them."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            found[path.stem] = ast.get_docstring(tree) or ""
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m benchmarks", description=_ABOUT)
    commands = parser.add_commands()
    for name, purpose in known().items():
        first_line = purpose.partition("\n")[0].replace("%", "%%")
        raw = argparse.RawDescriptionHelpFormatter
        command = commands.add_parser(
            name, help=first_line, description=purpose, formatter_class=raw
        )
        command.add_argument("--quick", action="store_true", help="a toy size: does it still run?")
        command.set_defaults(run=partial(_run, name))
    return run_command(parser, arguments)


def _run(name: str, options: argparse.Namespace) -> int:
    return int(importlib.import_module(f"benchmarks.{name}").main(quick=options.quick))


if __name__ == "__main__":
    sys.exit(main())
