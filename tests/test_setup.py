"""`make .venv` and run_all.sh on other machines, with a Python that only writes down its calls."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lib.settings import PROJECT_DIR

PYTHON = """#!/bin/sh
echo "$PIP_USER ${PYTHONPATH-unset} $*" >> calls
case "$*" in
  "-m venv .venv")
    mkdir -p .venv/bin
    [ -L .venv/bin/python ] || ln -s "$PWD/python" .venv/bin/python ;;
esac
"""
ELSEWHERE = {"PIP_USER": "1", "PYTHONPATH": "/elsewhere"}  # what a cluster's modules set


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "mine #1 'é'"
    folder.mkdir()
    for name in ("Makefile", "run_all.sh", "requirements.txt"):
        shutil.copy(PROJECT_DIR / name, folder)
    (folder / "python").write_text(PYTHON)
    (folder / "python").chmod(0o755)
    return folder


def calls(project: Path, *command: str, folder: Path, **environment: str) -> list[str]:
    """What Python was called with."""
    (project / "calls").unlink(missing_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(command, cwd=folder, env=kept | environment, check=True, timeout=60)
    return (project / "calls").read_text().splitlines()


def test_packages_come_from_the_environment_of_the_project_alone(project: Path) -> None:
    made = calls(project, "make", "PYTHON=./python", ".venv", folder=project, **ELSEWHERE)
    installed = [call for call in made if "pip install" in call]
    assert len(installed) == 2
    assert all(call.startswith("0 unset ") for call in installed)
    (decoy := project.parent / "decoy" / project.name).mkdir(parents=True)
    given = {**ELSEWHERE, "CDPATH": str(decoy.parent)}
    script = f"{project.name}/run_all.sh"
    *_, last = calls(project, "sh", script, "-v", folder=project.parent, **given)
    assert last == "1 unset -m lib.runner check 1_gen 2_finetune 3_deploy 4_eval -v"


@pytest.mark.parametrize("target", ["/gone/python3", "/bin/false"])
def test_an_environment_that_lost_its_python_is_set_up_again(target: str, project: Path) -> None:
    """Python was removed, or is a newer one, which does not see the packages."""
    command = ("make", "PYTHON=./python", ".venv")
    calls(project, *command, folder=project)
    assert not [call for call in calls(project, *command, folder=project) if "pip" in call]
    (python := project / ".venv" / "bin" / "python").unlink()
    python.symlink_to(target)
    assert [call for call in calls(project, *command, folder=project) if "pip install" in call]
    assert python.readlink() == project / "python"
