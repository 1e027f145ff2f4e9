"""Every command ends alike: exit codes, one line for a user's mistake, a closed pipe is quiet."""

from __future__ import annotations

import errno
import importlib
import os
import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.cli import EXIT_CODES, Parser, run, run_command
from lib.settings import PROJECT_DIR, CheckFailed, SetupError
from lib.threads import HUGE_PAGES


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
        (raising(CheckFailed("1 check failed.")), 1, "lib.x: 1 check failed."),
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
    parser.add_commands().add_parser("go").set_defaults(run=lambda options: 1)
    assert run_command(parser, ["go"]) == 1
    assert run_command(parser, []) == 0
    assert "usage: python -m lib.x" in capsys.readouterr().out
    for wrong in (["go", "--fast"], ["stay"]):
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
    assert process.wait(300) == 0


def started(code: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


_NOT_COMMANDS = {
    "lib.reading.workers",
    "lib.finetune.gguf_converter",
    "lib.deploy.engines.llama_cpp_server",
}


def commands() -> list[str]:
    """Every `python -m …`; the others are started by our own processes alone."""
    paths = [
        *(PROJECT_DIR / "benchmarks").glob("__main__.py"),
        *(path for path in (PROJECT_DIR / "lib").rglob("*.py") if path.stem != "launcher"),
    ]
    files = [path for path in paths if '__name__ == "__main__"' in path.read_text("utf-8")]
    parts = [path.relative_to(PROJECT_DIR).with_suffix("").parts for path in files]
    names = {".".join(part for part in found if part != "__main__") for found in parts}
    return sorted(names - _NOT_COMMANDS)


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("command", commands())
def test_help_says_what_exit_codes_mean_also_to_a_reader_that_has_gone(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["", "-h"])
    monkeypatch.setenv(*HUGE_PAGES)  # without it a training begins the process, pytest's, anew
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module(command, run_name="__main__", alter_sys=True)
    helped = capsys.readouterr()
    assert helped.err == ""
    assert " ".join(EXIT_CODES.split()) in " ".join(helped.out.split())
    with os.fdopen(pipe_without_a_reader(), "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        monkeypatch.setattr(sys, "stderr", gone)
        with pytest.raises(SystemExit, match="0"):
            runpy.run_module(command, run_name="__main__", alter_sys=True)


def pipe_without_a_reader() -> int:
    read_end, write_end = os.pipe()
    os.close(read_end)
    return write_end


def test_a_process_that_nobody_reads_ends_well() -> None:
    gone = pipe_without_a_reader()
    command = [sys.executable, "-m", "lib.cloud", "-h"]
    assert subprocess.run(command, cwd=PROJECT_DIR, stdout=gone, stderr=gone).returncode == 0
    os.close(gone)


def test_every_command_has_a_help_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    packages = [name for name in commands() if (PROJECT_DIR / name.replace(".", "/")).is_dir()]
    assert len(packages) > 3
    for package in packages:
        main = importlib.import_module(f"{package}.__main__").main
        assert main([]) == 0
        listed = capsys.readouterr().out
        names = re.findall(r"^    ([a-z]\w*)", listed.partition("COMMAND\n")[2], re.MULTILINE)
        assert names
        for name in names:
            with pytest.raises(SystemExit, match="0"):
                main([name, "-h"])
            assert f"usage: python -m {package} {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_ends_a_command_in_one_line(number: int, code: int) -> None:
    process = started(
        "import signal, sys, time; from lib.cli import run\n"
        # A shell that runs the tests in its background has SIGINT ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def work():\n"
        "    print('works', flush=True)\n"
        "    time.sleep(60)\n"
        "sys.exit(run('lib.x', work))"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "works\n"
    process.send_signal(number)
    _, said = process.communicate(timeout=300)
    assert process.returncode == code
    assert said.startswith("lib.x: ")
    assert said.count("\n") == 1
    assert "the last checkpoint of a training are kept" in said


def test_a_terminal_that_is_closed_ends_nothing_below_nohup() -> None:
    code = (
        "import os, signal, sys; from lib.cli import run\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "sys.exit(run('lib.x', lambda: os.kill(os.getpid(), signal.SIGHUP)))"
    )
    process = started(code)
    assert process.communicate(timeout=300) == ("", "")
    assert process.returncode == 0


def test_a_terminal_of_ascii_is_enough() -> None:
    code = "import sys; from lib.cli import run; sys.exit(run('lib.x', lambda: print('a · ü 问')))"
    out, said = started(code, PYTHONIOENCODING="ascii").communicate(timeout=300)
    assert (out, said) == ("a ? ? ?\n", "")


def test_a_long_tmpdir_and_no_home_are_replaced(tmp_path: Path) -> None:
    code = (
        "import sys, tempfile, pathlib; from lib.cli import run\n"
        "sys.exit(run('lib.x', lambda: print(tempfile.gettempdir(), pathlib.Path.home())))"
    )
    long_dir = tmp_path / ("x" * 100)
    long_dir.mkdir()
    home_dir = tmp_path / "home"
    for user_dir in ("", "/no/such/folder"):
        process = started(code, TMPDIR=str(long_dir), HOME=user_dir, OPENBOOK_HOME=str(home_dir))
        out, said = process.communicate(timeout=300)
        assert (out, said) == (f"/tmp {home_dir}/artefacts/home\n", "")
        assert (home_dir / "artefacts" / "home").is_dir()


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.ENOSPC, "Free space"),
        (errno.EDQUOT, "Free space"),
        (errno.EROFS, "set OPENBOOK_HOME"),
        (errno.EACCES, "set OPENBOOK_HOME"),
        (errno.ENOTDIR, "Give another path"),
        (errno.EEXIST, "Give another path"),
        (errno.ENAMETOOLONG, "Give another path"),
        (errno.EFBIG, "Give another path"),
    ],
)
def test_a_place_that_cannot_be_written_is_named_with_a_remedy(
    number: int, fix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = OSError(number, os.strerror(number), "/data/report.html")
    assert run("lib.x", raising(error)) == 2
    said = capsys.readouterr().err
    assert said.startswith("lib.x: /data/report.html cannot be used: ")
    assert said.count("\n") == 1
    assert fix in said
