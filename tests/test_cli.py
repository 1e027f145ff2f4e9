"""Every command ends alike: exit codes, one line for a user's mistake, a closed pipe is quiet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from lib.cli import Parser, run, run_command
from lib.settings import PROJECT_DIR, SetupError


def raising(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "code", "said"),
    [
        (lambda: None, 0, ""),
        (lambda: 1, 1, ""),
        (raising(SetupError("x is 3; expected 2. Change it.")), 2, "lib.x: x is 3; expected 2."),
        (raising(KeyboardInterrupt()), 130, "lib.x: interrupted."),
    ],
)
def test_exit_codes(
    work: Callable[[], int | None], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("lib.x", work) == code
    assert capsys.readouterr().err.startswith(said)


def test_a_wrong_option_is_a_users_mistake_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser(prog="python -m lib.x")
    command = parser.add_subparsers(required=True, metavar="COMMAND").add_parser("go")
    command.set_defaults(run=lambda options: 1)
    assert run_command(parser, ["go"]) == 1
    for wrong in ([], ["go", "--fast"], ["stay"]):
        assert run_command(parser, wrong) == 2
        said = capsys.readouterr().err
        assert said.startswith("lib.x: ")
        assert said.count("\n") == 1
        assert "-h` shows the options" in said


def test_a_closed_pipe_is_quiet() -> None:
    code = (
        "import sys; from lib.cli import run\n"
        "sys.exit(run('lib.x', lambda: print('line\\n' * 100_000)))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "line\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(30) == 0
