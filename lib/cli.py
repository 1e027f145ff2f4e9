"""One parser, one form of error and one set of exit codes for every command."""

import argparse
import io
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from textwrap import fill
from typing import Any, NoReturn

from lib.progress import end_bar
from lib.settings import CheckFailed, SetupError, home, unwritable

EXIT_CODES = (
    "exit codes: 0 done; 1 a check failed, or there was no result; 2 a mistake in what was typed "
    "or set up, said in one line; 130 interrupted (Ctrl-C); 143 ended (SIGTERM); 129 its terminal "
    "was closed"
)
_LONGEST_TMPDIR = 60  # bytes: sockets in it (kernels, worker processes) may have about 100 in all


class Parser(argparse.ArgumentParser):
    """An ArgumentParser (so are its subparsers) whose errors are SetupErrors."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"epilog": fill(EXIT_CODES, 78), **options})

    def add_commands(self) -> Any:
        """Its subparsers; without a command the help is printed."""
        self.set_defaults(run=lambda options: self.print_help())
        return self.add_subparsers(metavar="COMMAND", title="commands")

    def error(self, message: str) -> NoReturn:
        raise SetupError(f"{message}. `{self.prog} -h` shows the options.")


# SIGTERM, and SIGHUP of a terminal that is closed (which Windows does not have)
_ENDS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Terminated(KeyboardInterrupt):
    """A signal that ends a command like Ctrl-C, its number as argument."""


def run(name: str, work: Callable[[], int | None]) -> int:
    """Do the work of a command and return its exit code; None = 0.

    A user's mistake (SetupError) becomes one line on stderr: `lib.deploy: … Do this.`
    """
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in _ENDS}
    try:
        for number, handler in before.items():
            if handler != signal.SIG_IGN:  # as nohup sets it
                signal.signal(number, _terminate)
        _use_what_is_there()
        try:
            return work() or 0
        finally:  # also when argparse has printed its help and exits
            end_bar()
            sys.stdout.flush()
    except BrokenPipeError:  # the reader has enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SetupError as error:
        return _end(name, str(error), 1 if isinstance(error, CheckFailed) else 2)
    except KeyboardInterrupt as error:
        ended, code = "interrupted", 128 + signal.SIGINT
        if isinstance(error, Terminated):
            ended, code = "ended", 128 + error.args[0]
        kept = "Finished work, paid replies and the last checkpoint of a training are kept."
        return _end(name, f"{ended}. Run it again to go on. {kept}", code)
    except OSError as error:
        if said := unwritable(Path(error.filename or home()), error):
            return _end(name, str(said), 2)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(name: str, said: str, code: int) -> int:
    with suppress(OSError):  # nobody reads it any more
        print(f"{name}: {said}", file=sys.stderr)
    return code


def _terminate(number: int, _: Any) -> NoReturn:
    raise Terminated(number)


def _use_what_is_there() -> None:
    """Go on with a terminal for ASCII alone, without a home folder, or with a long TMPDIR."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        if len(os.fsencode(tempfile.gettempdir())) > _LONGEST_TMPDIR:
            os.environ["TMPDIR"] = tempfile.tempdir = "/tmp"
    except FileNotFoundError:
        raise SetupError(
            "No temporary file can be written, in $TMPDIR or /tmp. Free space there, or set TMPDIR "
            "to a folder that you may write to."
        ) from None
    user_dir = Path(os.environ.get("HOME") or "/nowhere")
    if not os.access(user_dir, os.W_OK):  # libraries keep settings and caches in it
        os.environ["HOME"] = str(home() / "artefacts" / "home")
        with suppress(OSError):
            Path(os.environ["HOME"]).mkdir(parents=True, exist_ok=True)


def run_command(parser: Parser, arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and do what they ask: `run(options)`, set by `parser.set_defaults`."""

    def work() -> int | None:
        options = parser.parse_args(arguments)
        code: int | None = options.run(options)
        return code

    return run(parser.prog.removeprefix("python -m "), work)
