"""`python -m benchmarks` lists the benchmarks; `python -m benchmarks NAME [--quick]` runs one.

One module per figure that the docs state. Its docstring says what is measured and about how long it
takes, and is its help. `main(quick=…)` prints the figure last and returns 1 when it misses its
target; one with `folder`, too, is given a folder of data. Modules without a `main` are parts of
others.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

from lib.cli import Parser, run_command
from lib.threads import restart_tuned

_ABOUT = "Each prints a figure of the docs; the times in their help are of two quiet cores."


def known() -> dict[str, str]:
    """Name → docstring of every module with a `main`; imports none of them."""
    return {name: ast.get_docstring(tree) or "" for name, (tree, _) in _modules().items()}


@cache
def _modules() -> dict[str, tuple[ast.Module, ast.FunctionDef]]:
    """Name → the syntax tree of the module and of its `main`."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == "main":
                found[path.stem] = (tree, node)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m benchmarks", description=_ABOUT)
    commands = parser.add_commands()
    for name, (tree, its_main) in _modules().items():
        purpose = ast.get_docstring(tree) or ""
        first_line = purpose.partition("\n")[0].replace("%", "%%")
        raw = argparse.RawDescriptionHelpFormatter
        command = commands.add_parser(
            name, help=first_line, description=purpose, formatter_class=raw
        )
        command.add_argument("--quick", action="store_true", help="a toy size: does it still run?")
        if any(argument.arg == "folder" for argument in its_main.args.kwonlyargs):
            command.add_argument("folder", nargs="?", default="", help="where the data are")
        command.set_defaults(run=partial(_run, name))
    return run_command(parser, arguments)


def _run(name: str, options: argparse.Namespace) -> int:
    given = {"folder": options.folder} if "folder" in options else {}
    return int(importlib.import_module(f"benchmarks.{name}").main(quick=options.quick, **given))


if __name__ == "__main__":
    restart_tuned()
    sys.exit(main())
