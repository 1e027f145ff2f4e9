"""The model servers that 3_deploy started."""

import argparse
import sys
from collections.abc import Sequence

from lib.cli import Parser, run_command
from lib.deploy.processes import is_running, records
from lib.deploy.server import end_of_log, is_healthy, stop


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m lib.deploy", description=__doc__)
    commands = parser.add_commands()
    for name, run, meaning in (
        ("status", _status, "list the servers"),
        ("stop", _stop, "stop them, and nothing else"),
    ):
        command = commands.add_parser(name, help=meaning)
        command.add_argument("run_name", nargs="?", default="", help="one run (default: every run)")
        command.set_defaults(run=run)
    return run_command(parser, arguments)


def _status(options: argparse.Namespace) -> None:
    servers = records(options.run_name)
    for r in servers:
        runs = is_running(r)
        how = "runs" if runs and is_healthy(r) else "does not answer" if runs else "has ended"
        parts = (r.run_name, r.role, r.engine, how, f"pid {r.pid}", r.base_url, r.model)
        print(*parts, r.log if how == "runs" else end_of_log(r), sep=" · ")
        if r.command:
            print(f"  {r.command}")
    if not servers:
        print("No server was started here.")


def _stop(options: argparse.Namespace) -> None:
    stopped = stop(options.run_name)
    for r in stopped:
        print(f"Stopped {r.run_name} · {r.role} · pid {r.pid} · port {r.port}")
    if not stopped:
        print("No server of ours runs.")


if __name__ == "__main__":
    sys.exit(main())
