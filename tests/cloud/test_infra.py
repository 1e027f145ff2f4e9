"""infra/, azure.yaml and the dev container, read and not run: no Bicep compiler is needed."""

from __future__ import annotations

import json
import re
from datetime import date
from functools import cache
from typing import Any

import pytest
import yaml
from pycep import BicepParser

from lib.cloud import __main__ as command
from lib.cloud.choose import chosen_models
from lib.cloud.deployment import API_VERSION
from lib.cloud.models import ROLES, load_models, offered
from lib.cloud.state import NEEDED
from lib.settings import PROJECT_DIR

INFRA = PROJECT_DIR / "infra"
SET_BY_AZD = {"AZURE_SUBSCRIPTION_ID", "AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_PRINCIPAL_ID"}


@cache
def parsed(name: str) -> dict[str, Any]:
    return dict(BicepParser().parse(file_path=INFRA / name))


def text(name: str) -> str:
    return (INFRA / name).read_text(encoding="utf-8")


def test_it_makes_a_foundry_resource_and_nothing_beside_it() -> None:
    both = [parsed(name)["resources"].values() for name in ("main.bicep", "foundry.bicep")]
    assert sorted((one["type"], one["api_version"]) for of in both for one in of) == [
        ("Microsoft.Authorization/roleAssignments", "2022-04-01"),
        ("Microsoft.CognitiveServices/accounts", "2025-06-01"),
        ("Microsoft.CognitiveServices/accounts/deployments", "2025-06-01"),
        ("Microsoft.CognitiveServices/accounts/projects", "2025-06-01"),
        ("Microsoft.Resources/resourceGroups", "2024-03-01"),
    ]
    models = parsed("foundry.bicep")["resources"]["models"]
    assert models["api_version"] == API_VERSION  # 3_deploy makes deployments of the same kind


def test_the_resource_has_a_project_and_no_keys() -> None:
    resources = parsed("foundry.bicep")["resources"]
    account = resources["account"]["config"]
    assert (account["kind"], account["sku"]) == ("AIServices", {"name": "S0"})
    assert account["properties"]["allowProjectManagement"] is True
    assert account["properties"]["disableLocalAuth"] is True
    assert account["properties"]["customSubDomainName"] == account["name"]
    for name in ("project", "models"):
        config = resources[name]["config"]
        assert (config.get("config") or config)["parent"] == "account"
    assert resources["owner"]["config"]["scope"] == "account"
    for name in ("main.bicep", "foundry.bicep"):
        code = re.sub(r"//.*", "", text(name))
        assert not re.search(r"listKeys|secure|secret|password|apiKey", code, re.IGNORECASE)


def test_deployments_are_made_one_after_the_other() -> None:
    models = parsed("foundry.bicep")["resources"]["models"]
    assert models["decorators"] == [{"type": "batchSize", "argument": 1}]
    assert models["config"]["config"]["dependsOn"] == ["project"]


def test_the_role_may_train_and_deploy() -> None:
    role = parsed("foundry.bicep")["variables"]["foundryOwner"]["value"]
    assert role == "c883944f-8b7b-4483-af10-35834be79c4a"
    assert "foundryOwner)" in text("foundry.bicep")


def test_every_output_that_the_hook_reads_exists() -> None:
    assert set(NEEDED) - SET_BY_AZD == set(parsed("main.bicep")["outputs"])
    used = set(re.findall(r"foundry\.outputs\.(\w+)", text("main.bicep")))
    assert used == set(parsed("foundry.bicep")["outputs"])


def test_every_parameter_has_a_value() -> None:
    given = json.loads(text("main.parameters.json"))["parameters"]
    assert set(given) == set(parsed("main.bicep")["parameters"])
    module = parsed("main.bicep")["modules"]["foundry"]
    assert (INFRA / module["detail"]["path"]).is_file()
    assert set(module["config"]["params"]) == set(parsed("foundry.bicep")["parameters"])
    chosen, _ = chosen_models(load_models(), dict.fromkeys(ROLES), "swedencentral")
    for name, value in given.items():
        variable, _, default = value["value"].removeprefix("${").removesuffix("}").partition("=")
        if name in ROLES:  # without `choose`, azd makes what it would suggest
            assert (variable, default) == (f"OPENBOOK_{name.upper()}", chosen[name])
        else:
            assert (variable in SET_BY_AZD, default) == (True, "")


def test_every_key_of_a_model_exists() -> None:
    models, keys = load_models(), set(re.findall(r"catalogue\[name\]\.(\w+)", text("main.bicep")))
    assert keys == set(re.findall(r"one\.(\w+)", text("foundry.bicep"))) - {"name"}
    for facts in models.values():
        assert keys <= set(facts)
        assert set(facts["roles"]) <= set(ROLES)
        assert isinstance(facts["version"], str)
        assert ("fine_tune" in facts) == ("student" in facts["roles"])
        assert set(facts.get("fine_tune", ())) in (set(), {"name", *keys} - {"version"})
        for role in facts["roles"]:
            assert offered(models, role, facts["regions"])


def test_the_facts_of_models_have_a_date_and_sources() -> None:
    data = yaml.safe_load(text("models.yaml"))
    as_of = date.fromisoformat(data["as_of"])
    for facts in data["models"].values():
        assert "ends" not in facts or date.fromisoformat(facts["ends"]) > as_of
    pages = re.findall(r"^#   \S+\.md, (2\d{3}-\d\d-\d\d)", text("models.yaml"), re.MULTILINE)
    assert len(pages) == 4
    assert max(map(date.fromisoformat, pages)) <= as_of
    assert {facts["regions"] for facts in data["models"].values()} == set(data["regions"])


def test_parameters_train_a_student_of_models_yaml() -> None:
    values = yaml.safe_load((PROJECT_DIR / "parameters" / "azure-foundry.yaml").read_text())
    fine_tunes = [m["fine_tune"]["name"] for m in load_models().values() if "fine_tune" in m]
    assert values["student_model"] in fine_tunes


def test_azd_knows_all_of_azure_yaml_and_its_hook_is_a_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = yaml.safe_load((PROJECT_DIR / "azure.yaml").read_text(encoding="utf-8"))
    assert set(data) == {"name", "infra", "hooks"}
    assert re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", data["name"])
    assert data["infra"]["provider"] == "bicep"
    assert (PROJECT_DIR / data["infra"]["path"] / "main.bicep").is_file()
    hook = data["hooks"].pop("postprovision")
    assert not data["hooks"]
    assert [hook["posix"]["shell"], hook["windows"]["shell"]] == ["sh", "pwsh"]
    for system, folder in (("posix", "bin"), ("windows", "Scripts")):
        assert set(hook[system]) == {"shell", "run", "interactive"}
        program, *arguments = hook[system]["run"].split()
        assert program == f".venv/{folder}/python"
        assert arguments == ["-m", "lib.cloud", "state"]
    with pytest.raises(SystemExit):
        command.main(["state", "-h"])
    assert "lib.cloud state" in capsys.readouterr().out


def test_the_dev_container_has_python_azd_and_our_packages() -> None:
    content = (PROJECT_DIR / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    data = json.loads(content)
    assert data["image"].endswith("python:3.12")
    assert list(data["features"]) == ["ghcr.io/azure/azure-dev/azd:latest"]
    assert data["postCreateCommand"].startswith("make .venv ")
    for path in re.findall(r"\S+\.txt", data["postCreateCommand"]):
        assert (PROJECT_DIR / path).is_file()
    assert len(content.splitlines()) <= 12
