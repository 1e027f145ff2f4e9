"""A fine-tune is deployed by Azure Resource Manager: a loopback server that fails and throttles."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from lib.cloud import deployment
from lib.cloud.deployment import with_deployment
from lib.deploy import deploy as start
from lib.finetune.services import require_service
from lib.recipe import Recipe
from lib.settings import CheckFailed, SetupError, portable
from lib.state import JOB_FILE, read_state, save_state
from lib.store import write_json
from tests.server import Loopback, serving

JOB = {"model": "gpt-oss-20b-11", "fine_tuned_model": "gpt-oss-20b-11.ft-1234", "id": "ftjob-1"}
PATH = (
    "/subscriptions/sub-1/resourceGroups/rg-mine/providers/Microsoft.CognitiveServices"
    "/accounts/127/deployments/{name}"
)


@dataclass
class Azure(Loopback):
    """Resource Manager and Foundry. `faults`: of the next calls, a status, "hang" or "lost"."""

    states: list[str] = field(default_factory=lambda: ["Creating", "Succeeded"])
    faults: list[int | str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    made: dict[str, Any] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)

    def add_routes(self, app: web.Application) -> None:
        super().add_routes(app)
        app.router.add_get(PATH, self.look)
        app.router.add_put(PATH, self.make)

    async def look(self, request: web.Request) -> web.Response:
        if failed := await self._fault(request):
            return failed
        if await request.read():
            raise web.HTTPBadRequest
        if request.match_info["name"] not in self.made:
            said = {"error": {"code": "ResourceNotFound", "message": "not there"}}
            return web.json_response(said, status=404)
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return web.json_response({"properties": {"provisioningState": state}})

    async def make(self, request: web.Request) -> web.Response:
        self.made[request.match_info["name"]] = await request.json()
        if failed := await self._fault(request):
            return failed
        return web.json_response({"properties": {"provisioningState": "Creating"}}, status=201)

    async def _fault(self, request: web.Request) -> web.Response | None:
        self.calls.append(request.method)
        self.tokens.add(request.headers["Authorization"])
        self.versions.add(request.query["api-version"])
        fault = self.faults.pop(0) if self.faults else 200
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "lost" and request.transport is not None:
            request.transport.abort()
        if not isinstance(fault, int) or fault == 200:
            return None
        if request.method == "PUT":
            self.made.clear()
        if fault == 502:  # a gateway's page
            return web.Response(
                text="<html>Bad gateway</html>", status=502, content_type="text/html"
            )
        said = {"error": {"code": "X", "message": f"because of {fault}"}}
        return web.json_response(said, status=fault, headers={"Retry-After": "0.02"})


@pytest.fixture
def azure(
    home_dir: Path, entra: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Azure]:
    monkeypatch.setattr(deployment, "PAUSE_S", 0.01)
    with serving(Azure()) as server:
        monkeypatch.setattr(deployment, "ARM", f"http://127.0.0.1:{server.port}")
        config = {"subscription_id": "sub-1", "resource_group": "rg-mine", "account_name": "127"}
        (home_dir / "config.json").write_text(json.dumps(config))
        (home_dir / ".env").write_text(
            f"STUDENT_OPENAI_BASE_URL={server.base_url}\nSTUDENT_OPENAI_USE_ENTRA_ID=true\n"
        )
        yield server


def deploy(**changed: Any) -> Any:
    return with_deployment({**JOB, **changed}, timeout_s=30.0)


def test_it_is_made_by_one_put_and_asked(
    azure: Azure, capsys: pytest.CaptureFixture[str], entra: SimpleNamespace
) -> None:
    made = deploy()
    (name, body), *others = azure.made.items()
    assert not others
    assert made == {**JOB, "fine_tuned_model": name}
    assert body == {
        "sku": {"name": "GlobalStandard", "capacity": 100},
        "properties": {
            "model": {"format": "Microsoft", "name": "gpt-oss-20b-11.ft-1234", "version": "1"}
        },
    }
    assert azure.calls == ["GET", "PUT", "GET", "GET"]
    assert azure.versions == {deployment.API_VERSION}
    assert azure.tokens == {"Bearer token-1"}
    assert [request["model"] for request in azure.requests] == [name]
    shown = capsys.readouterr().out
    terms = "hosting is paid by the hour; without a request for 15 days it is deleted."
    assert terms in shown.splitlines()[0]
    assert f"{name} answers" in shown
    assert "token-" not in shown
    assert entra.scopes == {f"{deployment.ARM}/.default", "https://ai.azure.com/.default"}


def test_one_that_is_there_is_used_and_one_that_has_ended_is_made_again(azure: Azure) -> None:
    first = deploy()
    del azure.calls[:]
    assert deploy() == first
    assert azure.calls == ["GET"]
    azure.made.clear()  # the developer tier ends after a day
    assert deploy() == first
    assert azure.calls[1:] == ["GET", "PUT", "GET"]
    other = deploy(fine_tuned_model="gpt-oss-20b-11.ft-5678")
    assert other["fine_tuned_model"] != first["fine_tuned_model"]


def test_the_developer_tier_is_said_to_end_before_it_is_made(
    azure: Azure, capsys: pytest.CaptureFixture[str]
) -> None:
    base = "gpt-4.1-mini-2025-04-14"
    azure.faults = [404, 403]
    with pytest.raises(SetupError):
        deploy(model=base, fine_tuned_model=f"{base}.ft-1")
    assert "(DeveloperTier): it ends after 24 hours;" in capsys.readouterr().out


@pytest.mark.parametrize("fault", [429, 502, 503, 409, "hang", "lost"])
@pytest.mark.parametrize("call", [0, 1, 2])
def test_a_call_that_fails_for_now_is_made_again(
    fault: int | str, call: int, azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "REQUEST_S", 0.2 if fault == "hang" else 30.0)
    azure.faults = [*[200] * call, fault]
    name = deploy()["fine_tuned_model"]
    assert list(azure.made) == [name]
    made_at_once = call != 1 or fault in ("hang", "lost")  # it was made, and its reply was lost
    assert azure.calls.count("PUT") == (1 if made_at_once else 2)


@pytest.mark.parametrize(
    ("status", "call"),
    [(302, 0), (400, 0), (403, 0), (400, 1), (401, 1), (403, 1), (404, 1), (422, 1)],
)
def test_what_waiting_cannot_mend_is_one_line(status: int, call: int, azure: Azure) -> None:
    azure.faults = [*[200] * call, status]
    with pytest.raises(SetupError, match=f"{status} .*because of {status}.*Foundry Owner") as said:
        deploy()
    assert "\n" not in str(said.value)
    assert "token-" not in str(said.value)
    assert len(azure.calls) == call + 1


def test_a_deployment_that_fails_is_an_error_and_made_anew_the_next_time(azure: Azure) -> None:
    azure.states = ["Creating", "Failed"]
    with pytest.raises(SetupError, match=r"does not deploy gpt-oss-20b-11\.ft-1234 \(Failed\)"):
        deploy()
    azure.states = ["Failed", "Creating", "Succeeded"]
    del azure.calls[:]
    deploy()
    assert azure.calls == ["GET", "PUT", "GET", "GET"]


def test_one_that_is_not_ready_in_time_goes_on_there(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept_s = [0.0]  # no other time passes, however slow the machine is
    clock = SimpleNamespace(monotonic=lambda: sum(slept_s), sleep=slept_s.append)
    monkeypatch.setattr(deployment, "time", clock)
    azure.states = ["Creating"]
    with pytest.raises(SetupError, match=r"not ready after 0 s \(last: Creating\).*wait on"):
        with_deployment(JOB, timeout_s=0.1)
    azure.faults = [503] * 10_000
    with pytest.raises(SetupError, match=r"last: 503 .*because of 503"):
        with_deployment(JOB, timeout_s=0.1)


def test_one_that_does_not_answer_is_an_error(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_answer(settings: Any, *, timeout_s: float) -> None:
        raise CheckFailed(f"{settings.deployment} gave no answer")

    monkeypatch.setattr(deployment, "wait_until_it_answers", no_answer)
    with pytest.raises(CheckFailed, match=r"student-[0-9a-f]+ gave no answer"):
        deploy()


@pytest.mark.parametrize("case", ["no job", "elsewhere", "named", "no config", "not set"])
def test_other_jobs_stay_as_they_are(case: str, azure: Azure, home_dir: Path) -> None:
    env = home_dir / ".env"
    if case == "elsewhere":
        env.write_text("STUDENT_OPENAI_API_KEY=k\n")
    if case == "named":
        env.write_text(env.read_text() + "STUDENT_OPENAI_DEPLOYMENT=by-hand\n")
    if case == "not set":
        env.unlink()
        with pytest.raises(SetupError, match="API_KEY not set"):
            deploy()
        return
    if case == "no config":
        (home_dir / "config.json").unlink()
    job: dict[str, Any] = {} if case == "no job" else JOB
    assert with_deployment(job, timeout_s=1.0) == job
    assert not azure.calls


def test_3_deploy_passes_the_deployment_on(azure: Azure, home_dir: Path) -> None:
    folder = home_dir / "artefacts" / "students" / "h-1" / "hosted"
    write_json(folder / JOB_FILE, JOB)
    save_state("h", DATASET_DIR="d", STUDENT_DATASET_DIR="d", STUDENT_MODEL_DIR=portable(folder))
    with (home_dir / ".env").open("a") as env:
        env.write(f"BASELINE_OPENAI_BASE_URL={azure.base_url}\nBASELINE_OPENAI_USE_ENTRA_ID=1\n")
        env.write("BASELINE_OPENAI_DEPLOYMENT=gpt-oss-20b\n")
    student, baseline = start(Recipe(run_name="h", server_timeout_s=30.0))
    assert [student.model, baseline.model] == [*azure.made, "gpt-oss-20b"]
    state = read_state("h")
    assert state["STUDENT_OPENAI_DEPLOYMENT"] == student.model
    assert not [name for name in state if "KEY" in name]


def test_a_missing_package_is_said_before_anything_runs(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASELINE_OPENAI_BASE_URL", azure.base_url)
    monkeypatch.setenv("BASELINE_OPENAI_USE_ENTRA_ID", "true")
    recipe = Recipe(method="hosted", student_model="gpt-oss-20b-11")
    assert require_service(recipe).use_entra_id
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(SetupError, match=r"student is set to use Entra ID.*pip install"):
        require_service(recipe)


def test_a_base_that_models_yaml_does_not_know_is_said(azure: Azure) -> None:
    with pytest.raises(SetupError, match="how a fine-tune of phi is deployed"):
        deploy(model="phi")
    assert not azure.calls
