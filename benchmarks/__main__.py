"""`python -m benchmarks` lists the benchmarks; `python -m benchmarks NAME` runs one.

One module per figure that the docs state. Its `main()` prints the figure last and returns 1 when it
misses its target.
"""

import importlib
import pkgutil
import sys

import benchmarks


def main(arguments: list[str]) -> int:
    names = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name != "__main__"]
    if not arguments:
        for name in names:
            module = importlib.import_module(f"benchmarks.{name}")
            print(f"{name:20} {(module.__doc__ or '').strip().splitlines()[0]}")
        return 0
    if arguments[0] not in names:
        print(f"No benchmark {arguments[0]!r}; there are {', '.join(names)}.", file=sys.stderr)
        return 2
    return int(importlib.import_module(f"benchmarks.{arguments[0]}").main())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
