"""One parser, one form of error and one set of exit codes for every command.

Exit codes: 0 done · 1 a check failed, or there was no result · 2 a user's mistake · 130 interrupted
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from lib.settings import SetupError


class Parser(argparse.ArgumentParser):
    """An ArgumentParser (so are its subparsers) whose errors are SetupErrors."""

    def error(self, message: str) -> NoReturn:
        raise SetupError(f"{message}. `{self.prog} -h` shows the options.")


def run(name: str, work: Callable[[], int | None]) -> int:
    """Do the work of a command and return its exit code; None = 0.

    A user's mistake (SetupError) becomes one line on stderr: `lib.deploy: … Do this.`
    """
    try:
        code = work() or 0
        sys.stdout.flush()
    except SetupError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: interrupted. Run it again to go on; replies are kept.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader has enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def run_command(parser: Parser, arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and do what they ask: `run(options)`, set by `parser.set_defaults`."""

    def work() -> int | None:
        options = parser.parse_args(arguments)
        code: int | None = options.run(options)
        return code

    return run(parser.prog.removeprefix("python -m "), work)
