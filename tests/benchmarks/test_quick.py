"""Every benchmark still runs, at toy size, and prints its figure beside its target last."""

from __future__ import annotations

import importlib
import re

import pytest

from benchmarks.__main__ import known, main


@pytest.mark.parametrize("name", known())
def test_it_runs_and_prints_its_figure_last(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    # Which of the two is a matter of the machine's speed.
    assert main([name, "--quick"]) in (0, 1)
    figure = capsys.readouterr().out.splitlines()[-1]
    assert re.search(r"\d.*\btarget", figure), figure


def test_no_name_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(known())
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("name", known())
def test_it_is_called_as_every_other(name: str) -> None:
    assert importlib.import_module(f"benchmarks.{name}").main.__kwdefaults__["quick"] is False
