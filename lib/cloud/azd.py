"""The Azure Developer CLI (azd)."""

import io
import shutil
import subprocess

from lib.settings import PROJECT_DIR, SetupError


def run_azd(*arguments: str, shown: bool = False) -> str:
    """What an azd command prints; shown: on the terminal. SetupError: no azd, or it failed."""
    if not (program := shutil.which("azd")):
        raise SetupError(
            "The Azure Developer CLI (azd) is not installed. Install it (https://aka.ms/azd-install),"
            " log in with `azd auth login`, then run this again."
        )
    done = subprocess.run(
        [program, *arguments], cwd=PROJECT_DIR, capture_output=not shown, text=True, check=False
    )
    if done.returncode:
        lines = f"{done.stderr or ''}{done.stdout or ''}".strip().splitlines()
        said = f": {lines[-1].removeprefix('ERROR: ')}" if lines else ""
        raise SetupError(
            f"`azd {' '.join(arguments)}` failed (exit code {done.returncode}){said}. Log in with "
            "`azd auth login`, make an environment with `azd env new NAME`, then run this again."
        )
    return done.stdout or ""


def azd_values() -> dict[str, str]:
    """The names of the azd environment with their values."""
    from dotenv import dotenv_values

    text = run_azd("env", "get-values")
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value}
