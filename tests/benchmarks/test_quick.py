"""Every benchmark still runs, at toy size, and prints its figure beside its target last."""

from __future__ import annotations

import importlib
import re

import pytest

from benchmarks.__main__ import known, main
from tests.ray_cluster import needs_ray


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[needs_ray] * (name == "cluster")) for name in known()]
)
def test_it_runs_and_prints_its_figure_last(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.finetune.merge._COMPARED", 2)
    # Which of the two is a matter of the machine's speed.
    assert main([name, "--quick"]) in (0, 1)
    figure = capsys.readouterr().out.splitlines()[-1]
    assert re.search(r"\d.*\btarget", figure), figure


def test_no_name_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert re.findall(r"^    (\w+)", listed.partition("COMMAND\n")[2], re.MULTILINE) == list(
        known()
    )


@pytest.mark.parametrize(("name", "purpose"), known().items())
def test_its_help_says_what_it_measures_and_how_long_it_takes(
    name: str, purpose: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):  # it is not started
        main([name, "-h"])
    said = capsys.readouterr().out
    assert purpose in said
    assert "--quick" in said
    assert re.search(r"^Takes about .+\.$", said, re.MULTILINE)


@pytest.mark.parametrize("name", known())
def test_it_is_called_as_every_other(name: str) -> None:
    assert importlib.import_module(f"benchmarks.{name}").main.__kwdefaults__["quick"] is False
