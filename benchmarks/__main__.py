"""`python -m benchmarks` lists the benchmarks; `python -m benchmarks NAME [--quick]` runs one.

One module per figure that the docs state. `main(quick=…)` prints the figure last and returns 1 when
it misses its target; `quick` is a toy size that shows that the benchmark still runs, in seconds.
Modules without a `main` are parts of others.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from pathlib import Path


def known() -> dict[str, str]:
    """Name → first line of its docstring, of every module with a `main`; imports none of them."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def main(arguments: list[str]) -> int:
    found = known()
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", nargs="?", choices=list(found), metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="a toy size: does it still run?")
    options = parser.parse_args(arguments)
    if options.name:
        return int(importlib.import_module(f"benchmarks.{options.name}").main(quick=options.quick))
    for name, purpose in found.items():
        print(f"{name:22} {purpose}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
