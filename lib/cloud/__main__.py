"""The models of a run in Azure (docs/cloud.md)."""

import sys
from collections.abc import Sequence

from lib.cli import Parser, run_command
from lib.cloud.choose import choose
from lib.cloud.models import MAY_BE_NONE, NONE, ROLES
from lib.cloud.state import down, state


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m lib.cloud", description=__doc__)
    commands = parser.add_commands()
    command = commands.add_parser("choose", help="models and region, into azd's environment")
    for role in ROLES:
        none = f", or {NONE}" if role in MAY_BE_NONE else ""
        command.add_argument(f"--{role}", metavar="MODEL", help=f"a key of infra/models.yaml{none}")
    command.add_argument("--region", help="such as swedencentral")
    command.set_defaults(run=choose)
    command = commands.add_parser("state", help="what azd made into .env; each model is asked once")
    command.add_argument("--wait", type=float, default=600.0, help="seconds for each to answer")
    command.set_defaults(run=state)
    command = commands.add_parser("down", help="delete everything that azd made")
    command.add_argument("--yes", action="store_true", help="azd does not ask")
    command.set_defaults(run=down)
    return run_command(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
