"""A program `azd` that keeps an environment in a file, and a login that gives tokens."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.entra import stand_in

AZD = f"""#!{sys.executable} -IS
import json, pathlib, sys
folder, arguments = pathlib.Path(__file__).parent, sys.argv[1:]
told = json.loads((folder / "told.json").read_text())
values = json.loads((folder / "values.json").read_text())
with (folder / "calls").open("a") as calls:
    calls.write(" ".join(arguments) + chr(10))
if "fails" in told and " ".join(arguments).startswith(told.get("at", "")):
    sys.exit("ERROR: " + told["fails"])
if arguments == ["env", "get-values"]:
    print(*(f'{{name}}="{{value}}"' for name, value in values.items()), sep=chr(10))
elif arguments[:2] == ["env", "set"]:
    values[arguments[2]] = arguments[3]
    (folder / "values.json").write_text(json.dumps(values))
"""


@dataclass
class Azd:
    folder: Path

    def tell(self, **told: str) -> None:
        (self.folder / "told.json").write_text(json.dumps(told))

    @property
    def values(self) -> dict[str, str]:
        return dict(json.loads((self.folder / "values.json").read_text()))

    @values.setter
    def values(self, values: dict[str, str]) -> None:
        (self.folder / "values.json").write_text(json.dumps(values))

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def azd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Azd:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "azd").write_text(AZD)
    (folder / "azd").chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    made = Azd(folder)
    made.tell()
    made.values = {}
    return made


@pytest.fixture
def entra(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    return stand_in(monkeypatch)
