"""What azd made, in `.env` and config.json, and each model asked once."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import web

from lib.cloud import deployment
from lib.cloud.__main__ import main
from lib.cloud.deployment import with_deployment
from lib.endpoints import EndpointSettings, endpoint_settings
from lib.engine.sdk import sdk_client
from lib.settings import SetupError
from tests.cloud.conftest import Azd
from tests.server import Body, Loopback, error, serve

MADE = {
    "AZURE_SUBSCRIPTION_ID": "sub-1",
    "AZURE_RESOURCE_GROUP": "rg-mine",
    "AZURE_FOUNDRY_ACCOUNT": "openbook-abc",
    "AZURE_FOUNDRY_PROJECT": "openbook",
    "OPENBOOK_TEACHER": "gpt-5.4-mini",
    "OPENBOOK_STUDENT": "gpt-oss-20b",
    "OPENBOOK_EMBEDDING": "text-embedding-3-small",
    "OPENBOOK_BASELINE": "gpt-oss-20b",
    "OPENBOOK_JUDGE": "none",
}


@pytest.fixture
def server(azd: Azd, entra: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """Foundry, and azd that knows its address."""
    monkeypatch.setattr(deployment, "PAUSE_S", 0.01)
    with serve() as running:
        azd.values = {**MADE, "OPENBOOK_BASE_URL": running.base_url}
        yield running


def test_endpoints_are_written_without_a_key_and_each_model_is_asked(
    server: Loopback, home_dir: Path, entra: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["state"]) == 0
    shown = capsys.readouterr()
    env = (home_dir / ".env").read_text()
    assert env.splitlines()[1:-1] == [
        f'COMPLETION_OPENAI_BASE_URL="{server.base_url}"',
        'COMPLETION_OPENAI_USE_ENTRA_ID="true"',
        'COMPLETION_OPENAI_DEPLOYMENT="gpt-5.4-mini"',
        f'STUDENT_OPENAI_BASE_URL="{server.base_url}"',
        'STUDENT_OPENAI_USE_ENTRA_ID="true"',
        f'EMBEDDING_OPENAI_BASE_URL="{server.base_url}"',
        'EMBEDDING_OPENAI_USE_ENTRA_ID="true"',
        'EMBEDDING_OPENAI_DEPLOYMENT="text-embedding-3-small"',
        f'BASELINE_OPENAI_BASE_URL="{server.base_url}"',
        'BASELINE_OPENAI_USE_ENTRA_ID="true"',
        'BASELINE_OPENAI_DEPLOYMENT="gpt-oss-20b"',
    ]
    assert stat.S_IMODE((home_dir / ".env").stat().st_mode) == 0o600
    asked = [request["model"] for request in server.requests]
    assert asked == ["gpt-5.4-mini", "text-embedding-3-small", "gpt-oss-20b"]
    assert all(said.startswith("Bearer token-") for said in server.authorizations)
    assert entra.scopes == {"https://ai.azure.com/.default"}
    assert json.loads((home_dir / "config.json").read_text()) == {
        "subscription_id": "sub-1",
        "resource_group": "rg-mine",
        "account_name": "openbook-abc",
        "project_name": "openbook",
    }
    assert "parameters/azure-foundry.yaml -r student_model gpt-oss-20b-11" in shown.out
    for written in [*home_dir.rglob("*")]:  # no secret in any file or in what is shown
        assert not written.is_file() or b"token-" not in written.read_bytes()
    assert "token-" not in shown.out + shown.err


def test_what_the_user_has_in_env_stays(
    server: Loopback, home_dir: Path, azd: Azd, capsys: pytest.CaptureFixture[str]
) -> None:
    own = "# mine\r\nHF_TOKEN='a b'\r\nTEACHER_OPENAI_API_KEY=k-1"
    (home_dir / ".env").write_bytes(own.encode())
    (home_dir / ".env").chmod(0o640)
    assert main(["state"]) == 0
    once = (home_dir / ".env").read_bytes()
    assert "teacher   as .env sets it already" in capsys.readouterr().out
    assert once.startswith(own.encode())
    assert b"COMPLETION_" not in once
    assert main(["state"]) == 0
    assert (home_dir / ".env").read_bytes() == once  # again: the same
    azd.values = {**azd.values, "OPENBOOK_JUDGE": "gpt-5.4"}
    assert main(["state"]) == 0
    assert (home_dir / ".env").read_bytes().count(b"JUDGE_OPENAI_DEPLOYMENT") == 1
    assert main(["down", "--yes"]) == 0
    assert (home_dir / ".env").read_text() == own.replace("\r", "") + "\n"
    assert stat.S_IMODE((home_dir / ".env").stat().st_mode) == 0o640


@pytest.mark.parametrize("missing", ["OPENBOOK_BASE_URL", "AZURE_FOUNDRY_ACCOUNT"])
def test_before_azd_up_nothing_is_written(
    missing: str,
    server: Loopback,
    azd: Azd,
    home_dir: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    azd.values = {name: value for name, value in azd.values.items() if name != missing}
    assert main(["state"]) == 2
    assert capsys.readouterr().err == f"lib.cloud: azd has no {missing}. Run `azd up` first.\n"
    assert not list(home_dir.iterdir())


@pytest.mark.parametrize("theirs", ['{"workspace_name": "theirs"}', '["theirs"]', "theirs"])
def test_a_config_of_another_program_is_not_replaced(
    theirs: str, server: Loopback, home_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home_dir / "config.json").write_text(theirs)
    assert main(["state"]) == 2
    assert "config.json is another program's" in capsys.readouterr().err
    assert (home_dir / "config.json").read_text() == theirs
    assert with_deployment({"model": "m"}, timeout_s=1.0) == {"model": "m"}


def refuse(*statuses: int) -> object:
    """The first requests are refused so, the others answered; "hang": no reply comes."""

    def fault(number: int, body: Body) -> web.Response | str | None:
        status = statuses[number - 1] if number <= len(statuses) else 200
        return None if status == 200 else "hang" if not status else error(status, "said why")

    return fault


@pytest.mark.parametrize("status", [0, 401, 403, 404, 429, 503])
def test_a_model_that_is_new_is_asked_again(
    status: int, server: Loopback, azd: Azd, monkeypatch: pytest.MonkeyPatch
) -> None:
    azd.values |= {"OPENBOOK_EMBEDDING": "none", "OPENBOOK_BASELINE": "none"}
    monkeypatch.setattr(deployment, "REQUEST_S", 0.2 if not status else 30.0)
    server.fault = refuse(status, status)  # type: ignore[assignment]
    assert main(["state"]) == 0
    assert [request["model"] for request in server.requests] == ["gpt-5.4-mini"] * 3


def test_a_model_that_never_answers_fails_and_the_others_are_asked(
    server: Loopback, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = lambda number, body: error(503, "down") if "5.4" in body["model"] else None  # noqa: E731
    server.fault = broken
    assert main(["state", "--wait", "0.5"]) == 1
    shown = capsys.readouterr()
    assert "gpt-oss-20b answers" in shown.out
    assert "gpt-5.4-mini, the teacher at http://127.0.0.1" in shown.err
    assert "gave no answer in 0 s. Last: " in shown.err
    assert "down" in shown.err


def test_a_request_that_is_refused_is_not_asked_again(
    server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    server.fault = refuse(400, 400)  # type: ignore[assignment]
    assert main(["state"]) == 2
    assert "refuses to answer" in capsys.readouterr().err
    assert len(server.requests) == 1


def test_a_missing_login_is_said_at_once(
    server: Loopback, entra: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    entra.refuses = True
    assert main(["state"]) == 2
    assert "Entra ID gives no token for the teacher" in capsys.readouterr().err
    assert not server.requests


def test_down_says_what_it_deletes_and_azd_asks(
    server: Loopback, azd: Azd, home_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["state"]) == 0
    env = (home_dir / ".env").read_text()
    azd.tell(fails="user denied delete confirmation", at="down")
    assert main(["down"]) == 2
    shown = capsys.readouterr()
    assert "deletes the resource group rg-mine for good" in shown.out
    assert "`azd down --purge` failed (exit code 1)" in shown.err
    assert (home_dir / "config.json").is_file()
    assert (home_dir / ".env").read_text() == env
    azd.tell()
    assert main(["down", "--yes"]) == 0
    assert azd.calls[-1] == "down --purge --force"
    assert (home_dir / ".env").read_text() == ""
    assert not (home_dir / "config.json").exists()


# --- Entra ID in the OpenAI style ----------------------------------------------------------------


def test_entra_id_takes_the_place_of_a_key(
    server: Loopback, entra: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDENT_OPENAI_USE_ENTRA_ID", "true")
    with pytest.raises(SetupError, match="STUDENT_OPENAI_BASE_URL, STUDENT_OPENAI_DEPLOYMENT not"):
        endpoint_settings("student")  # not OpenAI's address: the token is Azure's
    monkeypatch.setenv("STUDENT_OPENAI_BASE_URL", server.base_url)
    settings = endpoint_settings("student", deployment="m")
    assert settings is not None
    assert (settings.use_entra_id, settings.api_key) == (True, "")
    with sdk_client(settings) as client:
        for _ in range(2):
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "a"}])
    assert server.authorizations == ["Bearer token-1"] * 2
    assert entra.issued == 1


def test_a_key_of_the_role_beats_a_login_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_USE_ENTRA_ID", "true")
    monkeypatch.setenv("STUDENT_OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    found = endpoint_settings("student", deployment="m")
    assert found == EndpointSettings(
        "student", "openai", "http://127.0.0.1:1/v1", "m", use_entra_id=True
    )
    monkeypatch.setenv("STUDENT_OPENAI_API_KEY", "none")
    found = endpoint_settings("student", deployment="m")
    assert found is not None
    assert (found.api_key, found.use_entra_id) == ("none", False)
