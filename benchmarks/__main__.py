"""`python -m benchmarks` lists the benchmarks; `python -m benchmarks NAME` runs one.

One module per figure that the docs state. Its `main()` prints the figure last and returns 1 when it
misses its target; a module without one is a part of others.
"""

import importlib
import pkgutil
import sys

import benchmarks


def main(arguments: list[str]) -> int:
    found = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name != "__main__"]
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in found}
    known = {name: module for name, module in modules.items() if hasattr(module, "main")}
    if not arguments:
        for name, module in known.items():
            print(f"{name:20} {(module.__doc__ or '').strip().splitlines()[0]}")
        return 0
    if arguments[0] not in known:
        print(f"No benchmark {arguments[0]!r}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    return int(known[arguments[0]].main())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
