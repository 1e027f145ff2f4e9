"""Models and a region that has them all, into the environment of azd."""

from __future__ import annotations

import builtins
import re
import sys
from itertools import product
from types import SimpleNamespace

import pytest

from lib.cloud.__main__ import main
from lib.cloud.choose import chosen_models
from lib.cloud.models import NONE, ROLES, fine_tune_of, load_models, offered
from lib.settings import SetupError
from tests.cloud.conftest import Azd


def test_without_a_terminal_the_suggested_models_are_set(
    azd: Azd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["choose", "--region", "swedencentral", "--judge", "none"]) == 0
    assert azd.values == {
        "OPENBOOK_TEACHER": "gpt-5.4-mini",
        "OPENBOOK_STUDENT": "gpt-oss-20b",
        "OPENBOOK_EMBEDDING": "text-embedding-3-small",
        "OPENBOOK_BASELINE": "gpt-oss-20b",
        "OPENBOOK_JUDGE": "none",
        "AZURE_LOCATION": "swedencentral",
    }
    shown = capsys.readouterr().out
    assert "teacher   gpt-5.4-mini, until 2027-09-21" in shown
    assert "Next: azd up" in shown


def test_whatever_is_chosen_is_in_the_region() -> None:
    models = load_models()
    everywhere = set[str]().union(*(facts["regions"] for facts in models.values()))
    all_of = [offered(models, role, everywhere) for role in ("teacher", "student", "embedding")]
    for region, *names in product(sorted(everywhere), *all_of):
        given: dict[str, str | None] = dict.fromkeys(ROLES)
        given |= dict(zip(("teacher", "student", "embedding"), names, strict=True))
        if not all(region in models[name]["regions"] for name in names):
            with pytest.raises(SetupError, match="is not offered as"):
                chosen_models(models, given, region)
            continue
        chosen, found = chosen_models(models, given, region)
        assert found == region
        assert all(n == NONE or region in models[n]["regions"] for n in chosen.values())
        assert chosen["baseline"] == chosen["student"]


def test_each_choice_leaves_the_regions_that_have_it(
    azd: Azd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """typed: the second teacher, the second student by name, a slip, and Enter for the others."""
    typed = iter(["2", "gpt-4.1-mini", "9", "", "", "", "swedencentral"])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(builtins, "input", lambda prompt: next(typed))
    assert main(["choose"]) == 0
    shown = capsys.readouterr().out
    assert "'9' is none of 1 to " in shown
    assert "uaenorth" not in shown  # it has the teacher, and does not train the student
    names = ("gpt-5.4", "gpt-4.1-mini", "text-embedding-3-small", "gpt-4.1-mini", "gpt-5.4-mini")
    assert tuple(azd.values[f"OPENBOOK_{role.upper()}"] for role in ROLES) == names
    assert not list(typed)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--student gpt-5.4-mini --region uksouth", "'gpt-5.4-mini' is not offered as student in"),
        ("--student gpt-oss-20b --region uaenorth", r"as student in uaenorth. Offered: none\."),
        ("--teacher none --region uksouth", "'none' is not offered as teacher"),
        ("--region moon", "No model is known in 'moon'. Regions: australiaeast,"),
        ("--student gpt-4.1-mini", "Set --region. Regions with these models: australiaeast,"),
    ],
)
def test_what_cannot_be_is_one_line_and_sets_nothing(
    options: str, said: str, azd: Azd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["choose", *options.split()]) == 2
    message = capsys.readouterr().err
    assert re.search(said, message)
    assert message.count("\n") == 1
    assert azd.values == {}


def test_azd_that_is_missing_or_fails_is_one_line(
    azd: Azd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["choose", "--region", "uksouth"]
    azd.tell(fails="no project exists")
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "`azd env get-values` failed (exit code 1): no project exists. Log in" in said
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("lib.cloud: The Azure Developer CLI (azd) is not installed. Install it")
    assert said.count("\n") == 1


def test_how_a_student_is_deployed_is_found_by_both_of_its_names() -> None:
    models = load_models()
    by_key, by_job = fine_tune_of(models, "gpt-oss-20b"), fine_tune_of(models, "gpt-oss-20b-11")
    assert by_key is not None
    assert by_key == by_job
    assert by_key["format"] == "Microsoft"
    assert fine_tune_of(models, "gpt-oss-20b-11.ft-1") is None
