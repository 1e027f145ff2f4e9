"""`python -m lib.deploy stop [RUN_NAME]` and `python -m lib.deploy status`."""

from __future__ import annotations

import argparse
import sys

from lib.deploy.processes import is_running, records
from lib.deploy.server import stop
from lib.settings import SetupError


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m lib.deploy", description="The model servers that 3_deploy started."
    )
    parser.add_argument("verb", choices=["stop", "status"])
    parser.add_argument("run_name", nargs="?", default="", help="one run only (default: every run)")
    options = parser.parse_args(arguments)
    try:
        print(_status(options.run_name) if options.verb == "status" else _stop(options.run_name))
    except SetupError as error:
        print(f"lib.deploy: {error}", file=sys.stderr)
        return 1
    return 0


def _status(run_name: str) -> str:
    lines = [
        f"{r.run_name} · {r.role} · {'runs' if is_running(r) else 'has ended'} · pid {r.pid} · "
        f"{r.base_url} · {r.model} · {r.log}"
        for r in records(run_name)
    ]
    return "\n".join(lines) or "No server was started here."


def _stop(run_name: str) -> str:
    ended = stop(run_name)
    lines = [f"Ended {r.run_name} · {r.role} · pid {r.pid} · port {r.port}" for r in ended]
    return "\n".join(lines) or "No server of ours runs."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
