"""`python -m lib.eval report NOTEBOOK REPORT` and `python -m lib.eval headline RUN_DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lib.eval.report import headline_of, write_report
from lib.settings import SetupError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lib.eval", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    report = commands.add_parser("report", help="an executed notebook as one HTML file")
    report.add_argument("notebook", type=Path)
    report.add_argument("report", type=Path)
    shown = commands.add_parser("headline", help="the table and verdict of a finished run")
    shown.add_argument("run_dir", type=Path)
    options = parser.parse_args(arguments)
    try:
        if options.command == "report":
            print(write_report(options.notebook, options.report))
        else:
            print(headline_of(options.run_dir))
    except SetupError as error:
        print(f"lib.eval: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
